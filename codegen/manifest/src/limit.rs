//! Limits: what each provider allows for one number, and what is allowed on several at once.
//!
//! A limit has a row per provider. The range in force is the intersection over an application's
//! targets, computed here and written nowhere. Where a provider's own number is not verified, or is
//! more than anybody asked for, its row is the contract's range.

use crate::provider::{ProviderId, Targets};
use crate::support::{Demand, Unavailable};
use core::time::Duration;

/// What one provider allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The values.
    pub range: Range,
    /// Why there are no others, as a sentence about the provider without its full stop. Empty where
    /// no provider allows more.
    pub fact: &'static str,
}

/// Values from `min` to `max`, or only some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Smallest value, in the limit's unit.
    pub min: u64,
    /// Largest value.
    pub max: u64,
    /// The only values between the two, ascending; all of them when empty.
    pub steps: &'static [u64],
}

impl Range {
    /// Every value from `min` to `max`.
    pub const fn new(min: u64, max: u64) -> Range {
        let steps = &[];
        Range { min, max, steps }
    }

    /// Only these values, which ascend.
    pub const fn of(steps: &'static [u64]) -> Range {
        Range {
            min: steps[0],
            max: steps[steps.len() - 1],
            steps,
        }
    }

    /// Whether `value` is one of the values.
    pub const fn contains(&self, value: u64) -> bool {
        if value < self.min || value > self.max {
            return false;
        }
        let mut i = 0;
        while i < self.steps.len() {
            if self.steps[i] == value {
                return true;
            }
            i += 1;
        }
        self.steps.is_empty()
    }

    /// The values that both have. Of two ranges with steps, one has the other's steps.
    const fn and(&self, other: &Range) -> Range {
        Range {
            min: if other.min > self.min {
                other.min
            } else {
                self.min
            },
            max: if other.max < self.max {
                other.max
            } else {
                self.max
            },
            steps: if self.steps.is_empty() {
                other.steps
            } else {
                self.steps
            },
        }
    }

    /// The smallest range around both.
    const fn or(&self, other: &Range) -> Range {
        Range::new(
            if other.min < self.min {
                other.min
            } else {
                self.min
            },
            if other.max > self.max {
                other.max
            } else {
                self.max
            },
        )
    }

    /// The values in a sentence: `1 to 10 seconds`, `512, 1024 or 2048 MB`.
    pub fn in_words(&self, unit: &str) -> String {
        let steps: Vec<String> = (self.steps.iter())
            .filter(|step| self.contains(**step))
            .map(u64::to_string)
            .collect();
        match steps.split_last() {
            None => format!("{} to {}{unit}", self.min, self.max),
            Some((last, [])) => format!("{last}{unit}"),
            Some((last, rest)) => format!("{} or {last}{unit}", rest.join(", ")),
        }
    }
}

/// What the providers allow for one number.
///
/// `min` and `max` are portable: allowed everywhere. A declaration may go beyond as far as *any*
/// provider does, because one build of an application says nothing about its targets; the finding
/// for what a target lacks is made where the targets are known.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What the number is, in messages: `the lease of a queue`.
    pub what: &'static str,
    /// What follows the number in messages: ` seconds`.
    pub unit: &'static str,
    /// Smallest value that every provider allows.
    pub min: u64,
    /// Largest value that every provider allows.
    pub max: u64,
    /// The finding for a value that some provider lacks, `E-FN-02`. Empty when all allow the same.
    pub code: &'static str,
    /// Two other things to do.
    pub alternatives: [&'static str; 2],
    rows: [Row; 4],
}

impl Limit {
    /// A limit that is the same everywhere.
    pub const fn everywhere(what: &'static str, range: Range, unit: &'static str) -> Limit {
        let row = Row { range, fact: "" };
        Limit {
            what,
            unit,
            min: range.min,
            max: range.max,
            code: "",
            alternatives: [""; 2],
            rows: [row; 4],
        }
    }

    /// A limit with a row for each of `aws`, `gcp`, `azure`. The local provider does what any of
    /// them does.
    pub const fn per_provider(
        what: &'static str,
        unit: &'static str,
        code: &'static str,
        [aws, gcp, azure]: [Row; 3],
        alternatives: [&'static str; 2],
    ) -> Limit {
        let portable = aws.range.and(&gcp.range).and(&azure.range);
        assert!(portable.min <= portable.max, "no value is portable");
        let local = Row {
            range: aws.range.or(&gcp.range).or(&azure.range),
            fact: "",
        };
        Limit {
            what,
            unit,
            min: portable.min,
            max: portable.max,
            code,
            alternatives,
            rows: [local, aws, gcp, azure],
        }
    }

    /// What one provider allows.
    pub const fn on(&self, provider: ProviderId) -> &Row {
        &self.rows[provider as usize]
    }

    /// What all of `targets` allow.
    pub const fn in_force(&self, targets: Targets) -> Range {
        // The local row contains every other one.
        let mut range = self.rows[0].range;
        let mut i = 1;
        while i < self.rows.len() {
            if targets.contains(ProviderId::ALL[i]) {
                range = range.and(&self.rows[i].range);
            }
            i += 1;
        }
        range
    }

    /// Whether every provider allows `value`.
    pub const fn contains(&self, value: u64) -> bool {
        self.in_force(Targets::ALL).contains(value)
    }

    /// Passes `value` through when some provider allows it, or stops compilation with the limit's
    /// sentence.
    ///
    /// # Panics
    /// When no provider allows it.
    #[track_caller]
    pub const fn number(&self, value: u64) -> u64 {
        if !self.rows[0].range.contains(value) {
            self.refuse();
        }
        value
    }

    /// As [`number`](Self::number) for a limit in seconds. Fractions of a second count as a whole
    /// one at the upper end.
    ///
    /// # Panics
    /// When no provider allows it.
    #[track_caller]
    pub const fn duration(&self, value: Duration) -> Duration {
        let (from, to) = around(value);
        if !self.rows[0].range.contains(from) || !self.rows[0].range.contains(to) {
            self.refuse();
        }
        value
    }

    /// Whether every one of `targets` allows `value`, or why not.
    ///
    /// # Errors
    /// When one does not.
    pub fn check(&'static self, value: u64, targets: Targets) -> Result<(), Unavailable> {
        Demand::Number(self, value).check(targets)
    }

    /// The sentence about what all of `targets` allow: `batch must be between 1 and 10`.
    pub fn sentence(&self, targets: Targets) -> String {
        let range = self.in_force(targets);
        let what = self.what;
        match range.steps {
            [] => format!(
                "{what} must be between {} and {}{}",
                range.min, range.max, self.unit
            ),
            _ => format!("{what} must be {}", range.in_words(self.unit)),
        }
    }

    /// Only what is wrong pays for its message.
    #[cold]
    #[track_caller]
    const fn refuse(&self) -> ! {
        let range = &self.rows[0].range;
        let mut text = Text::new();
        text.push(self.what);
        text.push(" must be between ");
        text.number(range.min);
        text.push(" and ");
        text.number(range.max);
        text.push(self.unit);
        panic!("{}", text.as_str())
    }
}

/// The whole seconds around a duration.
pub(crate) const fn around(value: Duration) -> (u64, u64) {
    (
        value.as_secs(),
        value.as_secs() + (value.subsec_nanos() > 0) as u64,
    )
}

/// A message made in const evaluation. What does not fit is cut.
struct Text {
    bytes: [u8; 192],
    length: usize,
}

impl Text {
    const fn new() -> Text {
        Text {
            bytes: [0; 192],
            length: 0,
        }
    }

    const fn push(&mut self, text: &str) {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text[i];
            self.length += 1;
            i += 1;
        }
    }

    const fn number(&mut self, number: u64) {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = [b'0' + (number % 10) as u8];
        if let Ok(digit) = core::str::from_utf8(&digit) {
            self.push(digit);
        }
    }

    const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match core::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "a number is outside its range",
        }
    }
}

/// Declares [`Limit`] constants, and `LIMITS`, which is all of them.
///
/// ```text
/// /// The same on every provider.
/// BATCH = "batch", 1..=10, "";
/// /// A row per provider, with the reason where it allows less than another one, the finding's
/// /// code, and two other things to do.
/// MAX_INSTANCES = "max_instances", "", "E-FN-02" {
///     aws 1..=1000,
///     gcp 1..=1000,
///     azure 40..=1000 because "Flex Consumption scales out to 40 instances or more",
/// } or "ask for 40 or more" or "leave azure out of the targets";
/// ```
///
/// `[512, 1024]` in the place of a range allows only these values.
macro_rules! limits {
    (@range $min:literal ..= $max:literal) => {
        $crate::limit::Range::new($min, $max)
    };
    (@range [$($step:literal),+]) => {
        $crate::limit::Range::of(&[$($step),+])
    };
    (@fact) => { "" };
    (@fact $fact:literal) => { $fact };
    (@limit $what:literal, $min:literal ..= $max:literal, $unit:literal) => {
        $crate::limit::Limit::everywhere($what, $crate::limit::Range::new($min, $max), $unit)
    };
    (@limit $what:literal, $unit:literal, $code:literal {
        aws $aws:tt $(..= $aws_max:literal)? $(because $aws_fact:literal)?,
        gcp $gcp:tt $(..= $gcp_max:literal)? $(because $gcp_fact:literal)?,
        azure $azure:tt $(..= $azure_max:literal)? $(because $azure_fact:literal)?,
    } or $first:literal or $second:literal) => {
        $crate::limit::Limit::per_provider(
            $what,
            $unit,
            $code,
            [
                $crate::limit::Row {
                    range: limits!(@range $aws $(..= $aws_max)?),
                    fact: limits!(@fact $($aws_fact)?),
                },
                $crate::limit::Row {
                    range: limits!(@range $gcp $(..= $gcp_max)?),
                    fact: limits!(@fact $($gcp_fact)?),
                },
                $crate::limit::Row {
                    range: limits!(@range $azure $(..= $azure_max)?),
                    fact: limits!(@fact $($azure_fact)?),
                },
            ],
            [$first, $second],
        )
    };
    (@all [$($names:ident)*]) => {
        /// Every limit of this module, for what is made of the tables.
        pub const LIMITS: &[&$crate::limit::Limit] = &[$(&$names),*];
    };
    (@all [$($names:ident)*] $(#[$doc:meta])* $name:ident = $what:literal, $min:literal ..= $max:literal, $unit:literal; $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: $crate::limit::Limit = limits!(@limit $what, $min ..= $max, $unit);
        limits!(@all [$($names)* $name] $($rest)*);
    };
    (@all [$($names:ident)*] $(#[$doc:meta])* $name:ident = $what:literal, $unit:literal, $code:literal { $($rows:tt)* } or $first:literal or $second:literal; $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: $crate::limit::Limit =
            limits!(@limit $what, $unit, $code { $($rows)* } or $first or $second);
        limits!(@all [$($names)* $name] $($rest)*);
    };
    ($($rest:tt)*) => {
        limits!(@all [] $($rest)*);
    };
}
pub(crate) use limits;

#[cfg(test)]
#[expect(
    unreachable_pub,
    dead_code,
    reason = "the macro declares what others see"
)]
mod tests {
    use super::*;
    use crate::kind;
    use crate::provider::ProviderId::{Aws, Azure, Gcp, Local};

    fn targets(providers: &[ProviderId]) -> Targets {
        providers.iter().copied().collect()
    }

    limits! {
        SAME = "the same", 1..=10, " things";
        DIFFERENT = "a number", " MB", "E-X-01" {
            aws 1..=100,
            gcp 20..=50 because "it is small",
            azure [10, 30, 40, 60] because "it counts in steps",
        } or "ask for 30" or "ask elsewhere";
    }

    #[test]
    fn the_range_in_force_is_the_intersection_of_the_targets() {
        for (providers, min, max, inside, outside) in [
            (&[Local][..], 1, 100, &[1, 100][..], &[0, 101][..]),
            (&[Aws], 1, 100, &[1, 100], &[0, 101]),
            (&[Aws, Gcp], 20, 50, &[20, 21, 50], &[19, 51]),
            (&[Azure], 10, 60, &[10, 30, 60], &[9, 11, 61]),
            (&[Gcp, Azure], 20, 50, &[30, 40], &[10, 20, 50, 60]),
        ] {
            let range = DIFFERENT.in_force(targets(providers));
            assert_eq!((range.min, range.max), (min, max), "{providers:?}");
            assert!(
                inside.iter().all(|value| range.contains(*value)),
                "{providers:?}"
            );
            assert!(
                !outside.iter().any(|value| range.contains(*value)),
                "{providers:?}"
            );
        }
        assert_eq!((DIFFERENT.min, DIFFERENT.max), (20, 50));
        assert!(DIFFERENT.contains(30) && !DIFFERENT.contains(20));
    }

    #[test]
    fn declarations_may_say_what_any_provider_allows() {
        assert_eq!(DIFFERENT.number(100), 100);
        assert_eq!(
            SAME.duration(Duration::from_millis(9_500)).as_millis(),
            9_500
        );
        for refused in [
            std::panic::catch_unwind(|| DIFFERENT.number(101)).map(|_| ()),
            std::panic::catch_unwind(|| SAME.duration(Duration::from_millis(10_001))).map(|_| ()),
            std::panic::catch_unwind(|| SAME.duration(Duration::from_millis(999))).map(|_| ()),
        ] {
            assert!(refused.is_err());
        }
        let refused = std::panic::catch_unwind(|| DIFFERENT.number(101));
        let panic = refused.expect_err("no provider allows it");
        assert_eq!(
            panic.downcast_ref::<String>().map(String::as_str),
            Some("a number must be between 1 and 100 MB")
        );
    }

    #[test]
    fn sentences_know_the_targets() {
        assert_eq!(
            SAME.sentence(Targets::ALL),
            "the same must be between 1 and 10 things"
        );
        assert_eq!(
            DIFFERENT.sentence(targets(&[Aws])),
            "a number must be between 1 and 100 MB"
        );
        assert_eq!(
            DIFFERENT.sentence(targets(&[Gcp, Azure])),
            "a number must be 30 or 40 MB"
        );
    }

    #[test]
    fn a_row_that_is_narrower_says_why() {
        for (group, limits) in kind::limits() {
            for limit in limits.iter() {
                let widest = limit.on(Local).range;
                for provider in [Aws, Gcp, Azure] {
                    let row = limit.on(provider);
                    let place = format!("{group}: {} on {provider}", limit.what);
                    assert!(row.range.min <= row.range.max, "{place}");
                    assert_eq!(row.fact.is_empty(), row.range == widest, "{place}");
                    if row.range == widest {
                        continue;
                    }
                    assert!(limit.code.starts_with("E-"), "{place}");
                    for text in [row.fact, limit.alternatives[0], limit.alternatives[1]] {
                        assert!(!text.is_empty() && !text.ends_with('.'), "{place}: {text}");
                    }
                }
            }
        }
    }
}
