//! Schedules: the portable cron dialect and portable fixed rates.
//!
//! This module is responsible for deciding whether a schedule written in source code means the
//! same thing on every platform, and for turning it into sets of values that are easy to query.
//! Everything here can run during const evaluation, so a bad schedule is a compile error at the
//! place where it is written.
//!
//! It deliberately does not know about dates, time zones or clocks (finding the next moment a
//! schedule fires is the work of whoever runs it), and it does not render schedules in the syntax
//! of any particular platform.
//!
//! # The dialect
//!
//! Exactly five fields separated by spaces: minute (0–59), hour (0–23), day of month (1–31), month
//! (1–12 or `JAN`–`DEC`) and day of week (0–7 or `SUN`–`SAT`, where 0 and 7 are both Sunday).
//! A field is a comma-separated list of `*`, `*/step`, `value`, `first-last` or
//! `first-last/step`. Names are case-insensitive.
//!
//! Everything on which cron implementations disagree is refused: restricting both the day of month
//! and the day of week (some implementations need both to match, others either), a start with a
//! step but no end (`5/15`), ranges that run backwards, the letters `L` and `W`, the characters `#`
//! and `?`, and macros such as `@daily`. What could only be a mistake is refused too: a step that
//! never reaches a second value, and days that do not exist in any of the chosen months.

use self::CronErrorKind as Kind;
use core::fmt;
use core::time::Duration;

/// The lowest value of each field, in the order in which the fields are written.
const LOWEST: [u32; 5] = [0, 0, 1, 1, 0];

/// The highest value of each field; the day of week also accepts 7 as another name for Sunday.
const HIGHEST: [u32; 5] = [59, 23, 31, 12, 7];

/// The value at which `*` ends; unlike [`HIGHEST`] it does not count Sunday twice.
const STAR_END: [u32; 5] = [59, 23, 31, 12, 6];

/// The fields in the order in which they are written.
const FIELDS: [Field; 5] = [
    Field::Minute,
    Field::Hour,
    Field::DayOfMonth,
    Field::Month,
    Field::DayOfWeek,
];

/// Positions of the fields in the tables above.
const DAY_OF_MONTH: usize = 2;
const MONTH: usize = 3;
const DAY_OF_WEEK: usize = 4;

/// The month names, three letters each, one after the other.
const MONTH_NAMES: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdec";

/// The weekday names, three letters each, one after the other.
const WEEKDAY_NAMES: &[u8] = b"sunmontuewedthufrisat";

/// The days each month can have (in a leap year), indexed by month number; 0 is unused.
const LONGEST: [u32; 13] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Which of the up to three values of a list item is being read: `first-last/step`.
const FIRST: usize = 0;
const LAST: usize = 1;
const STEP: usize = 2;

/// A cron expression, as the set of values of each field.
///
/// Two expressions are equal when they select the same values *and* restrict the same day fields,
/// so `0 0 1-31 * *` and `0 0 * * *` fire at the same times but are not equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cron {
    minutes: u64,
    hours: u32,
    days_of_month: u32,
    months: u16,
    days_of_week: u8,
    day_of_month_restricted: bool,
    day_of_week_restricted: bool,
}

impl Cron {
    /// The minutes of the hour: bit `n` is set when minute `n` (0–59) is selected.
    #[must_use]
    pub const fn minutes(&self) -> u64 {
        self.minutes
    }

    /// The hours of the day: bit `n` is set when hour `n` (0–23) is selected.
    #[must_use]
    pub const fn hours(&self) -> u32 {
        self.hours
    }

    /// The days of the month: bit `n` is set when day `n` (1–31) is selected; bit 0 is never set.
    #[must_use]
    pub const fn days_of_month(&self) -> u32 {
        self.days_of_month
    }

    /// The months: bit `n` is set when month `n` (1–12) is selected; bit 0 is never set.
    #[must_use]
    pub const fn months(&self) -> u16 {
        self.months
    }

    /// The days of the week: bit `n` is set when day `n` is selected, from 0 for Sunday to 6 for
    /// Saturday. Sunday written as 7 sets bit 0; bit 7 is never set.
    #[must_use]
    pub const fn days_of_week(&self) -> u8 {
        self.days_of_week
    }

    /// Whether the day-of-month field is anything other than a plain `*`.
    #[must_use]
    pub const fn day_of_month_restricted(&self) -> bool {
        self.day_of_month_restricted
    }

    /// Whether the day-of-week field is anything other than a plain `*`.
    #[must_use]
    pub const fn day_of_week_restricted(&self) -> bool {
        self.day_of_week_restricted
    }

    /// Whether the schedule fires at a minute of civil time: `minute` 0–59, `hour` 0–23,
    /// `day_of_month` 1–31, `month` 1–12 and `day_of_week` 0–7, where 0 and 7 are both Sunday.
    ///
    /// Values outside of these ranges never fire. The caller is responsible for passing the day of
    /// week that belongs to the date.
    #[must_use]
    pub const fn fires_at(
        &self,
        minute: u8,
        hour: u8,
        day_of_month: u8,
        month: u8,
        day_of_week: u8,
    ) -> bool {
        let day_of_week = if day_of_week == 7 { 0 } else { day_of_week };
        // The bounds keep the shifts from overflowing; bits beyond a field's values are never set.
        minute < 64
            && hour < 32
            && day_of_month < 32
            && month < 16
            && day_of_week < 8
            && self.minutes >> minute & 1 == 1
            && self.hours >> hour & 1 == 1
            && self.days_of_month >> day_of_month & 1 == 1
            && self.months >> month & 1 == 1
            && self.days_of_week >> day_of_week & 1 == 1
    }
}

/// The part of a cron expression an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The first field.
    Minute,
    /// The second field.
    Hour,
    /// The third field.
    DayOfMonth,
    /// The fourth field.
    Month,
    /// The fifth field.
    DayOfWeek,
    /// No single field: the error is about the expression as a whole or several of its fields.
    Expression,
}

impl Field {
    /// The name of the field in running text, such as `day-of-month`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day-of-month",
            Field::Month => "month",
            Field::DayOfWeek => "day-of-week",
            Field::Expression => "expression",
        }
    }
}

/// What is wrong with a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CronErrorKind {
    /// There are fewer than five fields.
    TooFewFields,
    /// There are more than five fields.
    TooManyFields,
    /// The expression is a macro such as `@daily`.
    Macro,
    /// The letter `L` (last day or last weekday of the month).
    LastDay,
    /// The letter `W` (weekday nearest to a day of the month).
    NearestWeekday,
    /// The character `#` (nth weekday of the month).
    NthWeekday,
    /// The character `?` (no specific value).
    QuestionMark,
    /// A character that has no meaning where it stands.
    UnexpectedCharacter,
    /// A name where only numbers are allowed.
    NameNotAllowed,
    /// A name that is not one of the field's names.
    UnknownName,
    /// Nothing where a value is needed, next to a `,`, `-` or `/`.
    MissingValue,
    /// A value the field does not have.
    OutOfRange,
    /// A range whose first value is greater than its last.
    ReversedRange,
    /// A step after a single value, such as `5/15`.
    StepWithoutRange,
    /// A step of 0.
    ZeroStep,
    /// A step so large that it never reaches a second value of its range.
    StepTooLarge,
    /// Both the day of month and the day of week are something other than `*`.
    BothDaysRestricted,
    /// None of the chosen months has any of the chosen days.
    NeverFires,
}

/// Why a cron expression was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CronError {
    /// What is wrong.
    pub kind: CronErrorKind,
    /// The field that is wrong.
    pub field: Field,
    /// Where the offending text starts, in bytes from the start of the expression.
    pub start: usize,
    /// Where the offending text ends (exclusive), in bytes from the start of the expression.
    pub end: usize,
}

impl CronError {
    /// Says what to do about the error, in lower case and without a full stop, so that it can be
    /// the message of a const panic. It does not say where; [`Display`](fmt::Display) does.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self.kind {
            CronErrorKind::TooFewFields => {
                "use exactly five fields: minute, hour, day of month, month and day of week"
            }
            CronErrorKind::TooManyFields => {
                "use exactly five fields: minute, hour, day of month, month and day of week; there are no fields for seconds or years"
            }
            CronErrorKind::Macro => {
                "macros starting with `@` are not supported; write the five fields, such as `0 0 * * *` instead of `@daily`"
            }
            CronErrorKind::LastDay => match self.field {
                Field::DayOfWeek => {
                    "the letter `L` (last) is not supported; write the weekday alone and let the code check that it is the last one of the month"
                }
                _ => {
                    "the letter `L` (last) is not supported; write the days `28-31` and let the code check that it is the last day of the month"
                }
            },
            CronErrorKind::NearestWeekday => {
                "the letter `W` (nearest weekday) is not supported; write `MON-FRI` as the day of week and let the code check the date"
            }
            CronErrorKind::NthWeekday => {
                "the character `#` (nth weekday) is not supported; write the weekday alone and let the code check which one of the month it is"
            }
            CronErrorKind::QuestionMark => "the character `?` is not supported; write `*` instead",
            CronErrorKind::UnexpectedCharacter => {
                "this character cannot stand here; write values joined by `,`, `-` and `/`, and separate the fields with spaces"
            }
            CronErrorKind::NameNotAllowed => match self.field {
                Field::Month | Field::DayOfWeek => "a step cannot be a name; write it as a number",
                _ => "this field has no names; write its values as numbers",
            },
            CronErrorKind::UnknownName => match self.field {
                Field::Month => {
                    "this is not a month; write three letters from `JAN` to `DEC`, or a number from 1 to 12"
                }
                _ => {
                    "this is not a weekday; write three letters from `SUN` to `SAT`, or a number from 0 to 7"
                }
            },
            CronErrorKind::MissingValue => {
                "a value is missing here; write one on both sides of every `,`, `-` and `/`"
            }
            CronErrorKind::OutOfRange => match self.field {
                Field::Minute => "this minute does not exist; write a number from 0 to 59",
                Field::Hour => "this hour does not exist; write a number from 0 to 23",
                Field::DayOfMonth => {
                    "this day of the month does not exist; write a number from 1 to 31"
                }
                Field::Month => {
                    "this month does not exist; write a number from 1 to 12 or a name from `JAN` to `DEC`"
                }
                Field::DayOfWeek | Field::Expression => {
                    "this day of the week does not exist; write a number from 0 to 7 or a name from `SUN` to `SAT`"
                }
            },
            CronErrorKind::ReversedRange => match self.field {
                Field::Minute => {
                    "this range runs backwards; start with the smaller value, or write two ranges such as `50-59,0-10`"
                }
                Field::Hour => {
                    "this range runs backwards; start with the smaller value, or write two ranges such as `22-23,0-6`"
                }
                Field::DayOfMonth => {
                    "this range runs backwards; start with the smaller value, or write two ranges such as `25-31,1-5`"
                }
                Field::Month => {
                    "this range runs backwards; start with the smaller value, or write two ranges such as `NOV-DEC,JAN-FEB`"
                }
                Field::DayOfWeek | Field::Expression => {
                    "this range runs backwards, as `SUN` is 0; start with the smaller value, or write a list such as `FRI-SAT,SUN`"
                }
            },
            CronErrorKind::StepWithoutRange => match self.field {
                Field::Minute => {
                    "a step needs a range; write it with its end, such as `5-59/15` instead of `5/15`"
                }
                Field::Hour => {
                    "a step needs a range; write it with its end, such as `5-23/3` instead of `5/3`"
                }
                Field::DayOfMonth => {
                    "a step needs a range; write it with its end, such as `5-31/7` instead of `5/7`"
                }
                Field::Month => {
                    "a step needs a range; write it with its end, such as `5-12/3` instead of `5/3`"
                }
                Field::DayOfWeek | Field::Expression => {
                    "a step needs a range; write it with its end, such as `1-6/2` instead of `1/2`"
                }
            },
            CronErrorKind::ZeroStep => "a step cannot be 0; write a step of at least 1",
            CronErrorKind::StepTooLarge => {
                "this step is larger than its range, so only the first value would ever fire; write that value alone, or a smaller step"
            }
            CronErrorKind::BothDaysRestricted => {
                "the day of month and the day of week cannot both be restricted; write `*` for one of them"
            }
            CronErrorKind::NeverFires => {
                "none of these months has any of these days, so this would never fire; choose a day that exists"
            }
        }
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Field::Expression => formatter.write_str("invalid cron expression")?,
            field => write!(
                formatter,
                "invalid {} field in cron expression",
                field.name()
            )?,
        }
        write!(
            formatter,
            " at bytes {}..{}: {}",
            self.start,
            self.end,
            self.message()
        )
    }
}

impl core::error::Error for CronError {}

/// Parses a cron expression of the [portable dialect](self).
///
/// Spaces before the first and after the last field are ignored.
///
/// # Errors
///
/// The number of fields is checked first, then the fields from left to right, then the day fields
/// together. The first problem found is returned.
// Const evaluation pays for every function call and next to nothing for a statement, and every
// schedule of a program goes through here each time the program is compiled. That is why this is
// one function of plain loops and comparisons: only the paths that end in an error make calls.
pub const fn parse(expression: &str) -> Result<Cron, CronError> {
    let text = expression.as_bytes();
    let length = text.len();

    // Find the fields before looking into them: an expression with a seconds field is best
    // explained by its number of fields, not by what then stands in the wrong place.
    let mut starts = [0; 5];
    let mut ends = [0; 5];
    let mut count = 0;
    let mut inside = false;
    let mut position = 0;
    while position < length {
        let byte = text[position];
        if byte == b' ' {
            inside = false;
        } else {
            if !inside {
                if count == 5 {
                    return Err(too_many_fields(text, position));
                }
                if count == 0 && byte == b'@' {
                    return Err(error(
                        Kind::Macro,
                        Field::Expression,
                        position,
                        word_end(text, position, b' '),
                    ));
                }
                starts[count] = position;
                count += 1;
                inside = true;
            }
            // A tab or line break would otherwise glue two fields together.
            if byte >= b'\t' && byte <= b'\r' {
                return Err(unexpected(text, position, Field::Expression));
            }
            ends[count - 1] = position + 1;
        }
        position += 1;
    }
    if count < 5 {
        return Err(error(Kind::TooFewFields, Field::Expression, 0, length));
    }

    let mut sets = [0u64; 5];
    let mut index = 0;
    while index < 5 {
        let field = FIELDS[index];
        let field_end = ends[index];
        let mut set = 0u64;
        position = starts[index];
        // One round for each item of the list.
        loop {
            let item_start = position;
            let mut values = [0u32; 3];
            let mut star = false;
            let mut part = FIRST;
            let mut has_last = false;
            // One round for each value of `first-last/step`.
            loop {
                let value_start = position;
                let mut value = 0u32;
                let byte = if position < field_end {
                    text[position]
                } else {
                    b','
                };
                if byte >= b'0' && byte <= b'9' {
                    while position < field_end && text[position] >= b'0' && text[position] <= b'9' {
                        // Every value of more than three digits is equally out of range, and
                        // stopping to count there keeps it from overflowing.
                        if value < 1000 {
                            value = value * 10 + (text[position] - b'0') as u32;
                        }
                        position += 1;
                    }
                    if part == STEP {
                        if value == 0 {
                            return Err(error(Kind::ZeroStep, field, value_start, position));
                        }
                        if value > values[LAST] - values[FIRST] {
                            return Err(error(Kind::StepTooLarge, field, value_start, position));
                        }
                    } else if value < LOWEST[index] || value > HIGHEST[index] {
                        return Err(error(Kind::OutOfRange, field, value_start, position));
                    }
                } else if byte | 0x20 >= b'a' && byte | 0x20 <= b'z' {
                    while position < field_end
                        && text[position] | 0x20 >= b'a'
                        && text[position] | 0x20 <= b'z'
                    {
                        position += 1;
                    }
                    let (names, names_end) = if index == MONTH {
                        (MONTH_NAMES, MONTH_NAMES.len())
                    } else {
                        (WEEKDAY_NAMES, WEEKDAY_NAMES.len())
                    };
                    let known = index >= MONTH && part != STEP && position - value_start == 3;
                    let mut name = 0;
                    while known && name < names_end {
                        if text[value_start] | 0x20 == names[name]
                            && text[value_start + 1] | 0x20 == names[name + 1]
                            && text[value_start + 2] | 0x20 == names[name + 2]
                        {
                            break;
                        }
                        name += 3;
                    }
                    if !known || name == names_end {
                        return Err(bad_name(text, value_start, position, field, part == STEP));
                    }
                    value = name as u32 / 3 + LOWEST[index];
                } else if byte == b'*' && part == FIRST {
                    position += 1;
                    star = true;
                    value = LOWEST[index];
                    values[LAST] = STAR_END[index];
                } else if byte == b',' || byte == b'-' || byte == b'/' {
                    // Point at the operator that lacks a value: the one before, if there is one.
                    let operator = if position > starts[index] {
                        position - 1
                    } else {
                        position
                    };
                    return Err(error(Kind::MissingValue, field, operator, operator + 1));
                } else {
                    return Err(unexpected(text, position, field));
                }
                values[part] = value;
                if part == LAST && values[LAST] < values[FIRST] {
                    return Err(error(Kind::ReversedRange, field, item_start, position));
                }

                if position == field_end || text[position] == b',' {
                    break;
                } else if text[position] == b'-' && part == FIRST && !star {
                    part = LAST;
                    has_last = true;
                } else if text[position] == b'/' && part != STEP {
                    if !star && !has_last {
                        return Err(error(
                            Kind::StepWithoutRange,
                            field,
                            item_start,
                            word_end(text, position, b','),
                        ));
                    }
                    part = STEP;
                } else {
                    return Err(unexpected(text, position, field));
                }
                position += 1;
            }

            let last = if star || has_last {
                values[LAST]
            } else {
                values[FIRST]
            };
            if part == STEP {
                let mut value = values[FIRST];
                while value <= last {
                    set |= 1 << value;
                    value += values[STEP];
                }
            } else {
                // All bits from the first to the last at once.
                set |= (2 << last) - (1 << values[FIRST]);
            }
            if position == field_end {
                break;
            }
            // Step over the comma; the next round complains if nothing follows.
            position += 1;
        }
        if index == DAY_OF_WEEK {
            set = (set | set >> 7) & 0x7f;
        }
        sets[index] = set;
        index += 1;
    }

    // Only a plain `*` leaves a day open: implementations also disagree on whether `*/2` or
    // `1-31` counts as a restriction.
    let day_of_month_restricted =
        ends[DAY_OF_MONTH] - starts[DAY_OF_MONTH] != 1 || text[starts[DAY_OF_MONTH]] != b'*';
    let day_of_week_restricted =
        ends[DAY_OF_WEEK] - starts[DAY_OF_WEEK] != 1 || text[starts[DAY_OF_WEEK]] != b'*';
    if day_of_month_restricted && day_of_week_restricted {
        return Err(error(
            Kind::BothDaysRestricted,
            Field::Expression,
            starts[DAY_OF_MONTH],
            ends[DAY_OF_WEEK],
        ));
    }

    let mut fires = false;
    let mut month = 1;
    while month <= 12 && !fires {
        let days = (2u64 << LONGEST[month]) - 1;
        fires = sets[MONTH] >> month & 1 == 1 && sets[DAY_OF_MONTH] & days != 0;
        month += 1;
    }
    if !fires {
        return Err(error(
            Kind::NeverFires,
            Field::Expression,
            starts[DAY_OF_MONTH],
            ends[MONTH],
        ));
    }

    Ok(Cron {
        minutes: sets[0],
        hours: sets[1] as u32,
        days_of_month: sets[DAY_OF_MONTH] as u32,
        months: sets[MONTH] as u16,
        days_of_week: sets[DAY_OF_WEEK] as u8,
        day_of_month_restricted,
        day_of_week_restricted,
    })
}

const fn error(kind: CronErrorKind, field: Field, start: usize, end: usize) -> CronError {
    CronError {
        kind,
        field,
        start,
        end,
    }
}

/// The end of the text that starts at `start` and goes on to a space or the `delimiter`.
const fn word_end(text: &[u8], start: usize, delimiter: u8) -> usize {
    let mut end = start;
    while end < text.len() && text[end] != b' ' && text[end] != delimiter {
        end += 1;
    }
    end
}

/// The error about everything from the sixth field on, without the spaces at the end.
const fn too_many_fields(text: &[u8], start: usize) -> CronError {
    let mut end = text.len();
    while text[end - 1] == b' ' {
        end -= 1;
    }
    error(Kind::TooManyFields, Field::Expression, start, end)
}

/// The error about the one character at `start` that has no meaning there.
const fn unexpected(text: &[u8], start: usize, field: Field) -> CronError {
    let kind = match text[start] {
        b'L' | b'l' => Kind::LastDay,
        b'W' | b'w' => Kind::NearestWeekday,
        b'#' => Kind::NthWeekday,
        b'?' => Kind::QuestionMark,
        _ => Kind::UnexpectedCharacter,
    };
    // Keep the range on character boundaries, so that it can be used to slice the expression.
    let mut end = start + 1;
    while end < text.len() && text[end] & 0b1100_0000 == 0b1000_0000 {
        end += 1;
    }
    error(kind, field, start, end)
}

/// The error about a run of letters that is not a name the field has.
const fn bad_name(text: &[u8], start: usize, end: usize, field: Field, step: bool) -> CronError {
    let first = text[start] | 0x20;
    let last = text[end - 1] | 0x20;
    let kind = match end - start {
        // `L`, and `LW` for the last working day.
        1 if first == b'l' => Kind::LastDay,
        2 if first == b'l' && last == b'w' => Kind::LastDay,
        1 if first == b'w' => Kind::NearestWeekday,
        // `FRIL` for the last Friday.
        4 if last == b'l' && matches!(field, Field::DayOfWeek) => Kind::LastDay,
        _ if step => Kind::NameNotAllowed,
        _ if matches!(field, Field::Month | Field::DayOfWeek) => Kind::UnknownName,
        _ => Kind::NameNotAllowed,
    };
    error(kind, field, start, end)
}

/// A fixed rate that every platform can express: a number of minutes that divides 60, a number of
/// hours that divides 24, or one day.
///
/// Such a rate divides the day evenly, so it can also be written as a cron expression, and firing
/// on multiples of it keeps to the same times every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate {
    minutes: u32,
}

impl Rate {
    /// The time between two firings in minutes, from 1 to 1440.
    #[must_use]
    pub const fn minutes(&self) -> u32 {
        self.minutes
    }

    /// The time between two firings.
    #[must_use]
    pub const fn every(&self) -> Duration {
        Duration::from_secs(self.minutes as u64 * 60)
    }
}

/// Why a rate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateError {
    /// The rate is shorter than a minute.
    TooShort,
    /// The rate is longer than a minute but not a whole number of minutes.
    NotWholeMinutes,
    /// The rate does not divide the hour or the day evenly, or is longer than a day.
    NotPortable,
}

impl RateError {
    /// Says what to do about the error, in lower case and without a full stop, so that it can be
    /// the message of a const panic.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self {
            RateError::TooShort => "a rate cannot be shorter than a minute; use at least 1 minute",
            RateError::NotWholeMinutes => {
                "a rate must be a whole number of minutes; leave out the seconds"
            }
            RateError::NotPortable => {
                "this rate does not mean the same on every platform; use minutes that divide 60, hours that divide 24, or exactly 1 day"
            }
        }
    }
}

impl fmt::Display for RateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invalid rate: {}", self.message())
    }
}

impl core::error::Error for RateError {}

/// Checks that `every` is a portable [`Rate`].
///
/// # Errors
///
/// Returns [`RateError::TooShort`] below one minute, then [`RateError::NotWholeMinutes`] if there
/// are seconds left over, then [`RateError::NotPortable`] unless it is 1, 2, 3, 4, 5, 6, 10, 12,
/// 15, 20, 30 or 60 minutes, or 1, 2, 3, 4, 6, 8, 12 or 24 hours.
pub const fn rate(every: Duration) -> Result<Rate, RateError> {
    let seconds = every.as_secs();
    if seconds < 60 {
        return Err(RateError::TooShort);
    }
    if !seconds.is_multiple_of(60) || every.subsec_nanos() != 0 {
        return Err(RateError::NotWholeMinutes);
    }
    let minutes = seconds / 60;
    let divides_hour = minutes <= 60 && 60 % minutes == 0;
    let divides_day = minutes <= 24 * 60 && minutes.is_multiple_of(60) && 24 * 60 % minutes == 0;
    if divides_hour || divides_day {
        Ok(Rate {
            minutes: minutes as u32,
        })
    } else {
        Err(RateError::NotPortable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What parsing should lead to: the values of the fields as `describe` writes them, or the
    /// error, whose range is marked in the expression.
    type Expected = Result<&'static str, (CronErrorKind, Field)>;

    /// Parses an expression in which `[` and `]` mark the range of the expected error.
    #[track_caller]
    fn check(marked: &str, expected: Expected) {
        let expression: String = marked.chars().filter(|c| !"[]".contains(*c)).collect();
        let actual = parse(&expression);
        match expected {
            Ok(description) => {
                let cron = actual.unwrap_or_else(|error| panic!("{expression:?}: {error}"));
                assert_eq!(describe(&cron), description, "{expression:?}");
            }
            Err((kind, field)) => {
                let start = marked.find('[').expect("an error has its range marked");
                let end = marked.find(']').expect("an error has its range marked") - 1;
                let error = error(kind, field, start, end);
                assert_eq!(actual, Err(error), "{expression:?}");
                assert!(expression.get(start..end).is_some(), "{expression:?}");
                check_message(error.message(), &error.to_string());
            }
        }
    }

    #[track_caller]
    fn check_message(message: &str, display: &str) {
        assert!(message.starts_with(char::is_lowercase), "{message}");
        assert!(!message.ends_with('.'), "{message}");
        assert!(!message.contains("  "), "{message}");
        assert!(display.ends_with(message), "{display}");
    }

    /// The values of each field, with `*` for all of them.
    fn describe(cron: &Cron) -> String {
        let sets = [
            cron.minutes(),
            cron.hours().into(),
            cron.days_of_month().into(),
            cron.months().into(),
            cron.days_of_week().into(),
        ];
        let fields: Vec<String> = (0..5)
            .map(|index| {
                let selected: Vec<u32> = (0..64).filter(|n| sets[index] >> n & 1 == 1).collect();
                let all: Vec<u32> = (LOWEST[index]..=STAR_END[index]).collect();
                if selected == all {
                    return "*".to_string();
                }
                let texts: Vec<String> = selected.iter().map(u32::to_string).collect();
                texts.join(",")
            })
            .collect();
        fields.join(" ")
    }

    #[test]
    fn accepts_the_dialect() {
        for (expression, description) in [
            ("* * * * *", "* * * * *"),
            ("0 3 * * *", "0 3 * * *"),
            ("  0   3 *  * *   ", "0 3 * * *"),
            ("59 23 31 12 *", "59 23 31 12 *"),
            ("00 007 01 1 *", "0 7 1 1 *"),
            ("*/15 * * * *", "0,15,30,45 * * * *"),
            ("*/59 */23 * */11 *", "0,59 0,23 * 1,12 *"),
            ("*/1 */1 */1 */1 *", "* * * * *"),
            ("5-59/15 * * * *", "5,20,35,50 * * * *"),
            ("1,2,3,2 * * * *", "1,2,3 * * * *"),
            ("1-5,10-20/5,59 * * * *", "1,2,3,4,5,10,15,20,59 * * * *"),
            ("*,5 0-23 1-31 1-12 *", "* * * * *"),
            ("7-7 * * * *", "7 * * * *"),
            ("0 0 */10 * *", "0 0 1,11,21,31 * *"),
            ("0 0 31 JAN-apr *", "0 0 31 1,2,3,4 *"),
            ("0 0 * jAn,FEB,Mar,apr *", "0 0 * 1,2,3,4 *"),
            ("0 0 * MAY,JUN,JUL,AUG *", "0 0 * 5,6,7,8 *"),
            ("0 0 * SEP,OCT,NOV,DEC *", "0 0 * 9,10,11,12 *"),
            ("0 0 * JAN-DEC/3 *", "0 0 * 1,4,7,10 *"),
            ("0 0 * 2-NOV/3 *", "0 0 * 2,5,8,11 *"),
            ("0 0 * * MON-FRI", "0 0 * * 1,2,3,4,5"),
            ("0 0 * * sun,TUE,Thu,saT", "0 0 * * 0,2,4,6"),
            ("0 0 * * WED-6", "0 0 * * 3,4,5,6"),
            ("0 0 * * 7", "0 0 * * 0"),
            ("0 0 * * 0", "0 0 * * 0"),
            ("0 0 * * 5-7", "0 0 * * 0,5,6"),
            ("0 0 * * 1-7/2", "0 0 * * 0,1,3,5"),
            ("0 0 * * 0-7", "0 0 * * *"),
            ("0 0 * * */2", "0 0 * * 0,2,4,6"),
            ("0 0 29 2 *", "0 0 29 2 *"),
            ("0 0 30,31 2,4 *", "0 0 30,31 2,4 *"),
            ("0 0 31 */2 *", "0 0 31 1,3,5,7,9,11 *"),
        ] {
            check(expression, Ok(description));
        }
    }

    #[test]
    fn refuses_everything_else() {
        use CronErrorKind::*;
        use Field::*;
        for (expression, kind, field) in [
            ("[]", TooFewFields, Expression),
            ("[   ]", TooFewFields, Expression),
            ("[* * * *]", TooFewFields, Expression),
            ("[ 61 * *  ]", TooFewFields, Expression),
            ("* * * * * [*]", TooManyFields, Expression),
            ("0 0 12 ? * [MON-FRI  *]  ", TooManyFields, Expression),
            ("[@daily]", Macro, Expression),
            ("  [@every] 5m", Macro, Expression),
            ("[@] * * * *", Macro, Expression),
            ("0 [@]daily * * *", UnexpectedCharacter, Hour),
            ("0 0 [L] * *", LastDay, DayOfMonth),
            ("0 0 [l]-3 * *", LastDay, DayOfMonth),
            ("0 0 [LW] * *", LastDay, DayOfMonth),
            ("0 0 * * 5[L]", LastDay, DayOfWeek),
            ("0 0 * * [friL]", LastDay, DayOfWeek),
            ("0 0 15[W] * *", NearestWeekday, DayOfMonth),
            ("0 0 [w] * *", NearestWeekday, DayOfMonth),
            ("0 0 * * 5[#]2", NthWeekday, DayOfWeek),
            ("0 0 * * FRI[#]2", NthWeekday, DayOfWeek),
            ("0 0 [?] * MON", QuestionMark, DayOfMonth),
            ("0 0 * * [?]", QuestionMark, DayOfWeek),
            ("0\t[]0 * * * *", UnexpectedCharacter, Expression),
            ("0 0 * * *[\n]", UnexpectedCharacter, Expression),
            ("0 0 * * * [\n]", TooManyFields, Expression),
            ("[+]5 * * * *", UnexpectedCharacter, Minute),
            ("5[.]5 * * * *", UnexpectedCharacter, Minute),
            ("[é] * * * *", UnexpectedCharacter, Minute),
            ("0 3[–]5 * * *", UnexpectedCharacter, Hour),
            ("*[*] * * * *", UnexpectedCharacter, Minute),
            ("*[5] * * * *", UnexpectedCharacter, Minute),
            ("*[-]5 * * * *", UnexpectedCharacter, Minute),
            ("5[*] * * * *", UnexpectedCharacter, Minute),
            ("1-[*] * * * *", UnexpectedCharacter, Minute),
            ("1-3[-]5 * * * *", UnexpectedCharacter, Minute),
            ("*/2[/]3 * * * *", UnexpectedCharacter, Minute),
            ("*/2[-]3 * * * *", UnexpectedCharacter, Minute),
            ("*/[*] * * * *", UnexpectedCharacter, Minute),
            ("0 0 * 5[M]AY *", UnexpectedCharacter, Month),
            ("0 0 * * MON[1]", UnexpectedCharacter, DayOfWeek),
            ("[H] * * * *", NameNotAllowed, Minute),
            ("0 [noon] * * *", NameNotAllowed, Hour),
            ("0 0 [MON] * *", NameNotAllowed, DayOfMonth),
            ("0 0 * */[FEB] *", NameNotAllowed, Month),
            ("0 0 * * */[MON]", NameNotAllowed, DayOfWeek),
            ("0 0 * [APRIL] *", UnknownName, Month),
            ("0 0 * [MON] *", UnknownName, Month),
            ("0 0 * JAN-[JUI] *", UnknownName, Month),
            ("0 0 * * [MONDAY]", UnknownName, DayOfWeek),
            ("0 0 * * MON,[JAN]", UnknownName, DayOfWeek),
            ("0 0 * * [MO]", UnknownName, DayOfWeek),
            ("[,]1 * * * *", MissingValue, Minute),
            ("1[,] * * * *", MissingValue, Minute),
            ("1[,],2 * * * *", MissingValue, Minute),
            ("0 [-]5 * * *", MissingValue, Hour),
            ("0 5[-] * * *", MissingValue, Hour),
            ("0 5[-]/2 * * *", MissingValue, Hour),
            ("[/]5 * * * *", MissingValue, Minute),
            ("0 0 * * *[/]", MissingValue, DayOfWeek),
            ("[60] * * * *", OutOfRange, Minute),
            ("0-[75]/5 * * * *", OutOfRange, Minute),
            ("[4294967296] * * * *", OutOfRange, Minute),
            ("0 [24] * * *", OutOfRange, Hour),
            ("0 0 [0] * *", OutOfRange, DayOfMonth),
            ("0 0 1,[32] * *", OutOfRange, DayOfMonth),
            ("0 0 * [0] *", OutOfRange, Month),
            ("0 0 * [13] *", OutOfRange, Month),
            ("0 0 * * [8]", OutOfRange, DayOfWeek),
            ("[5-1] * * * *", ReversedRange, Minute),
            ("0 [22-6]/2 * * *", ReversedRange, Hour),
            ("0 0 1,[25-5] * *", ReversedRange, DayOfMonth),
            ("0 0 * [NOV-FEB] *", ReversedRange, Month),
            ("0 0 * * [FRI-SUN]", ReversedRange, DayOfWeek),
            ("[5/15] * * * *", StepWithoutRange, Minute),
            ("0,[5/15],7 * * * *", StepWithoutRange, Minute),
            ("0 [0/2] * * *", StepWithoutRange, Hour),
            ("0 0 [1/7] * *", StepWithoutRange, DayOfMonth),
            ("0 0 * [JAN/3] *", StepWithoutRange, Month),
            ("0 0 * * [MON/]", StepWithoutRange, DayOfWeek),
            ("*/[0] * * * *", ZeroStep, Minute),
            ("0 1-5/[00] * * *", ZeroStep, Hour),
            ("*/[60] * * * *", StepTooLarge, Minute),
            ("0 */[24] * * *", StepTooLarge, Hour),
            ("0 0 */[31] * *", StepTooLarge, DayOfMonth),
            ("0 0 * */[12] *", StepTooLarge, Month),
            ("0 0 * * */[7]", StepTooLarge, DayOfWeek),
            ("1-5/[5] * * * *", StepTooLarge, Minute),
            ("7-7/[1] * * * *", StepTooLarge, Minute),
            ("*/[99999999999] * * * *", StepTooLarge, Minute),
            ("0 0 [1 * 1]", BothDaysRestricted, Expression),
            ("0 0 [*/2 JAN  MON-FRI] ", BothDaysRestricted, Expression),
            ("0 0 [1-31 * 0-6]", BothDaysRestricted, Expression),
            ("0 0 [30 2] *", NeverFires, Expression),
            ("0 0 [31 4,6] *", NeverFires, Expression),
            ("0 0 [30-31  FEB] *", NeverFires, Expression),
            ("0 0 [31 2,4,6,9,11] *", NeverFires, Expression),
        ] {
            // A tab is marked by hand, as it stands between the fields.
            let expression = expression.replace("\t[]", "[\t]");
            check(&expression, Err((kind, field)));
        }
    }

    #[test]
    fn works_in_const_evaluation() {
        const CRON: Cron = match parse("30 3 * * MON-FRI") {
            Ok(cron) => cron,
            Err(error) => panic!("{}", error.message()),
        };
        const FIRES: bool = CRON.fires_at(30, 3, 1, 1, 5);
        const ERROR: CronError = match parse("0 0 * * 8") {
            Ok(_) => panic!("8 is not a weekday"),
            Err(error) => error,
        };
        const MESSAGE: &str = ERROR.message();
        const NAME: &str = match parse("0 0 15W * *") {
            Ok(_) => panic!("W is not supported"),
            Err(error) => error.message(),
        };
        const RATE: Rate = match rate(Duration::from_secs(300)) {
            Ok(rate) => rate,
            Err(error) => panic!("{}", error.message()),
        };
        assert_eq!(parse("30 3 * * MON-FRI"), Ok(CRON));
        const { assert!(FIRES) };
        assert_eq!(parse("0 0 * * 8"), Err(ERROR));
        assert_eq!(MESSAGE, ERROR.message());
        assert!(NAME.contains("`W`"));
        assert_eq!(RATE.minutes(), 5);
    }

    #[test]
    fn tells_when_it_fires() {
        let cron = parse("5,50 4 * 6 SUN").expect("valid");
        assert!(cron.fires_at(5, 4, 1, 6, 0));
        assert!(cron.fires_at(50, 4, 31, 6, 7));
        assert!(!cron.fires_at(6, 4, 1, 6, 0));
        assert!(!cron.fires_at(5, 5, 1, 6, 0));
        assert!(!cron.fires_at(5, 4, 1, 7, 0));
        assert!(!cron.fires_at(5, 4, 1, 6, 1));
        let always = parse("* * * * *").expect("valid");
        for (minute, hour, day_of_month, month, day_of_week) in [
            (60, 0, 1, 1, 0),
            (64, 0, 1, 1, 0),
            (255, 0, 1, 1, 0),
            (0, 24, 1, 1, 0),
            (0, 32, 1, 1, 0),
            (0, 0, 0, 1, 0),
            (0, 0, 32, 1, 0),
            (0, 0, 1, 0, 0),
            (0, 0, 1, 13, 0),
            (0, 0, 1, 16, 0),
            (0, 0, 1, 1, 8),
        ] {
            assert!(!always.fires_at(minute, hour, day_of_month, month, day_of_week));
        }
    }

    #[test]
    fn knows_which_days_are_restricted() {
        for (expression, day_of_month, day_of_week) in [
            ("* * * * *", false, false),
            ("* * 1 * *", true, false),
            ("* * */2 * *", true, false),
            ("* * 1-31 * *", true, false),
            ("* * * * 1", false, true),
            ("* * * * *,1", false, true),
        ] {
            let cron = parse(expression).expect("valid");
            assert_eq!(cron.day_of_month_restricted(), day_of_month, "{expression}");
            assert_eq!(cron.day_of_week_restricted(), day_of_week, "{expression}");
        }
    }

    #[test]
    fn errors_read_well() {
        let error = parse("0 24 * * *").expect_err("no such hour");
        assert_eq!(
            error.to_string(),
            "invalid hour field in cron expression at bytes 2..4: \
             this hour does not exist; write a number from 0 to 23"
        );
        let error = parse("* * 1 * 1").expect_err("both days");
        assert_eq!(
            error.to_string(),
            "invalid cron expression at bytes 4..9: the day of month and the day of week \
             cannot both be restricted; write `*` for one of them"
        );
        let error = parse("5/15 * * * *").expect_err("no range");
        assert!(error.message().contains("`5-59/15`"));
        for (expression, character) in [
            ("0 0 L * *", "`L`"),
            ("0 0 1W * *", "`W`"),
            ("0 0 * * 1#1", "`#`"),
            ("0 0 ? * *", "`?`"),
            ("@daily", "`@`"),
        ] {
            let error = parse(expression).expect_err(expression);
            assert!(error.message().contains(character), "{expression}");
        }
    }

    /// A generator of reproducible pseudo-random numbers (xorshift).
    struct Generator(u64);

    impl Generator {
        fn below(&mut self, limit: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as u32 % limit
        }

        fn value(&mut self, index: usize) -> String {
            let value = LOWEST[index] + self.below(HIGHEST[index] - LOWEST[index] + 1);
            let name = if self.below(3) == 0 {
                naive_names(index).split(' ').nth(value as usize)
            } else {
                None
            };
            match name.filter(|name| !name.is_empty()) {
                Some(name) if self.below(2) == 0 => name.to_lowercase(),
                Some(name) => name.to_string(),
                None => value.to_string(),
            }
        }

        fn item(&mut self, index: usize) -> String {
            match self.below(5) {
                0 => "*".to_string(),
                1 => format!("*/{}", self.below(HIGHEST[index] + 2)),
                2 => self.value(index),
                3 => format!("{}-{}", self.value(index), self.value(index)),
                _ => {
                    let step = 1 + self.below(HIGHEST[index] / 2);
                    format!("{}-{}/{step}", self.value(index), self.value(index))
                }
            }
        }

        /// An expression that is often valid: ranges may be reversed, steps too large, and now and
        /// then a character is replaced, inserted or removed.
        fn expression(&mut self) -> String {
            let days = self.below(8);
            let fields: Vec<String> = (0..5)
                .map(|index| {
                    if index == DAY_OF_MONTH && days < 4 || index == DAY_OF_WEEK && days > 3 {
                        return "*".to_string();
                    }
                    let count = 1 + self.below(3) * self.below(2);
                    let items: Vec<String> = (0..count).map(|_| self.item(index)).collect();
                    items.join(",")
                })
                .collect();
            let mut text = fields.join(" ");
            if self.below(4) == 0 {
                let position = self.below(text.len() as u32) as usize;
                let characters = "0123456789*/-,  LW#?@JANx\té";
                let chosen = self.below(characters.chars().count() as u32) as usize;
                let character = characters.chars().nth(chosen).expect("within the list");
                match self.below(3) {
                    0 => text.insert(position, character),
                    1 => {
                        text.replace_range(position..=position, character.encode_utf8(&mut [0; 4]))
                    }
                    _ => drop(text.remove(position)),
                }
            }
            text
        }
    }

    /// The names of a field by value, separated by spaces.
    fn naive_names(index: usize) -> &'static str {
        match index {
            MONTH => " JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
            DAY_OF_WEEK => "SUN MON TUE WED THU FRI SAT",
            _ => "",
        }
    }

    fn naive_number(text: &str) -> Option<u32> {
        let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    }

    fn naive_value(index: usize, text: &str) -> Option<u32> {
        let name = naive_names(index)
            .split(' ')
            .position(|name| !name.is_empty() && name.eq_ignore_ascii_case(text));
        name.map(|value| value as u32)
            .or_else(|| naive_number(text))
            .filter(|value| (LOWEST[index]..=HIGHEST[index]).contains(value))
    }

    /// The values an item selects, or nothing if it is not valid.
    fn naive_item(index: usize, text: &str) -> Option<Vec<u32>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(naive_number(step)?)),
            None => (text, None),
        };
        let (first, last) = if range == "*" {
            (LOWEST[index], STAR_END[index])
        } else if let Some((first, last)) = range.split_once('-') {
            (naive_value(index, first)?, naive_value(index, last)?)
        } else if step.is_some() {
            return None;
        } else {
            let value = naive_value(index, range)?;
            (value, value)
        };
        let step_fits = step.is_none_or(|step| step >= 1 && last.checked_sub(first) >= Some(step));
        (first <= last && step_fits).then(|| {
            (first..=last)
                .filter(|value| (value - first) % step.unwrap_or(1) == 0)
                .map(|value| {
                    if index == DAY_OF_WEEK {
                        value % 7
                    } else {
                        value
                    }
                })
                .collect()
        })
    }

    /// The values each field selects, or nothing if the expression is not valid.
    fn naive_parse(expression: &str) -> Option<[Vec<u32>; 5]> {
        let texts: Vec<&str> = expression.split(' ').filter(|f| !f.is_empty()).collect();
        let texts: [&str; 5] = texts.try_into().ok()?;
        let mut fields: [Vec<u32>; 5] = Default::default();
        for (index, text) in texts.iter().enumerate() {
            for item in text.split(',') {
                fields[index].extend(naive_item(index, item)?);
            }
        }
        let both_days = texts[DAY_OF_MONTH] != "*" && texts[DAY_OF_WEEK] != "*";
        let exists = fields[MONTH].iter().any(|&month| {
            let longest = match month {
                2 => 29,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            fields[DAY_OF_MONTH].iter().any(|&day| day <= longest)
        });
        (!both_days && exists).then_some(fields)
    }

    #[test]
    fn agrees_with_a_naive_parser() {
        let mut generator = Generator(0x9e37_79b9_7f4a_7c15);
        let mut valid = 0;
        let rounds = 12_000;
        for _ in 0..rounds {
            let expression = generator.expression();
            let actual = parse(&expression);
            let expected = naive_parse(&expression);
            assert_eq!(
                actual.is_ok(),
                expected.is_some(),
                "{expression:?} {actual:?}"
            );
            let (cron, fields) = match (actual, expected) {
                (Ok(cron), Some(fields)) => (cron, fields),
                (Err(error), _) => {
                    assert!(expression.get(error.start..error.end).is_some());
                    continue;
                }
                (Ok(_), None) => unreachable!("compared above"),
            };
            valid += 1;
            // A firing time, from which each field in turn is moved through all of its values.
            let mut time = [0; 5];
            for index in 0..5 {
                let chosen = generator.below(fields[index].len() as u32) as usize;
                time[index] = fields[index][chosen] as u8;
            }
            for index in 0..5 {
                for value in 0..=255u8 {
                    let mut moved = time;
                    moved[index] = value;
                    let [minute, hour, day_of_month, month, day_of_week] = moved;
                    let sunday = index == DAY_OF_WEEK && value == 7;
                    let selected = if sunday { 0 } else { value.into() };
                    assert_eq!(
                        cron.fires_at(minute, hour, day_of_month, month, day_of_week),
                        fields[index].contains(&selected),
                        "{expression:?} at {moved:?}"
                    );
                }
            }
        }
        // Keep the generator honest: both outcomes have to be common.
        assert!(valid > rounds / 10 && valid < rounds * 9 / 10, "{valid}");
    }

    #[test]
    fn accepts_exactly_the_portable_rates() {
        let portable = [
            1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440,
        ];
        for minutes in 1..=3 * 1440 {
            let every = Duration::from_secs(minutes * 60);
            if portable.contains(&minutes) {
                let rate = rate(every).expect("portable");
                assert_eq!(u64::from(rate.minutes()), minutes);
                assert_eq!(rate.every(), every);
            } else {
                assert_eq!(rate(every), Err(RateError::NotPortable), "{minutes}");
            }
        }
    }

    #[test]
    fn refuses_other_rates() {
        for (every, error) in [
            (Duration::ZERO, RateError::TooShort),
            (Duration::from_secs(59), RateError::TooShort),
            (Duration::from_nanos(59_999_999_999), RateError::TooShort),
            (
                Duration::from_nanos(60_000_000_001),
                RateError::NotWholeMinutes,
            ),
            (Duration::from_secs(61), RateError::NotWholeMinutes),
            (Duration::from_secs(7 * 60), RateError::NotPortable),
            (Duration::from_secs(90 * 60), RateError::NotPortable),
            (Duration::from_secs(2 * 86_400), RateError::NotPortable),
            (Duration::from_secs(7 * 86_400), RateError::NotPortable),
            (
                Duration::from_secs(u64::MAX / 60 * 60),
                RateError::NotPortable,
            ),
            (Duration::MAX, RateError::NotWholeMinutes),
        ] {
            assert_eq!(rate(every), Err(error), "{every:?}");
            check_message(error.message(), &error.to_string());
        }
    }
}
