//! Meter readings: half-hour readings arrive in a stream, in order for each meter, and are added up
//! by day. Readings come twice, late, and corrected.

#[cfg(test)]
mod tests;

use ifc::prelude::*;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds of one interval.
const HALF_HOUR: i64 = 1_800;

/// What a meter reports for one half hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When the half hour began, in epoch seconds.
    pub at: i64,
    pub watt_hours: u64,
    /// A correction has a higher number than what it corrects.
    #[serde(default)]
    pub revision: u64,
}

// ANCHOR: items
/// The reading that counts for a half hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Interval {
    /// Meter and day, so that a day is one query.
    #[item(key)]
    pub meter_day: String,
    #[item(sort)]
    pub at: i64,
    pub watt_hours: u64,
    pub revision: u64,
}

/// What a meter has counted on a day, in UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Item)]
pub struct Day {
    #[item(key)]
    pub meter: String,
    #[item(sort)]
    pub day: String,
    pub watt_hours: u64,
    /// Half hours that have been reported; 48 make a day.
    pub half_hours: u64,
    /// Two writers who read the same do not both write.
    #[item(version)]
    pub version: u64,
}
// ANCHOR_END: items

#[resource]
pub static READINGS: Stream<Reading> = Stream::new("readings").retention(days(7));

#[resource]
pub static INTERVALS: Table<Interval> = Table::new("intervals");

#[resource]
pub static DAYS: Table<Day> = Table::new("days");

#[post("/meters/{meter}/readings")]
async fn report(
    Path(meter): Path<String>,
    Json(readings): Json<Vec<Reading>>,
) -> Result<StatusCode> {
    for reading in &readings {
        if reading.at % HALF_HOUR != 0 || Timestamp::from_second(reading.at).is_err() {
            let message = format!("{} is not the beginning of a half hour", reading.at);
            return Err(HandlerError::bad_request(message));
        }
    }
    for reading in &readings {
        READINGS.append(&meter, reading).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

// ANCHOR: aggregate
/// Keeps the reading that counts, then adds its day up anew. Doing so twice changes nothing, and a
/// correction takes the place of what it corrects, whichever comes first.
#[stream_consumer(READINGS, batch = 50)]
async fn aggregate(readings: Batch<Reading>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(readings.len());
    for event in &*readings {
        let meter = event.group.as_deref().unwrap_or_default();
        outcomes.push(match count(meter, &event.body).await {
            Ok(()) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}

async fn count(meter: &str, reading: &Reading) -> Result<()> {
    let day = day_of(reading.at);
    let interval = Interval {
        meter_day: format!("{meter} {day}"),
        at: reading.at,
        watt_hours: reading.watt_hours,
        revision: reading.revision,
    };
    let first = INTERVALS.put(&interval).if_not_exists().await;
    if first.as_ref().is_err_and(|error| error.is_conflict()) {
        let newer = Interval::REVISION.lt(reading.revision);
        match INTERVALS.put(&interval).when(newer).await {
            // What is there counts more, or is this very reading.
            Err(error) if error.is_conflict() => {}
            result => result?,
        }
    } else {
        first?;
    }
    // The day is added up even when this reading was there already: whoever put it may have ended
    // before the next line.
    let known = DAYS.get((meter, &day)).await?.unwrap_or_default();
    let intervals = INTERVALS.query(&interval.meter_day).all().await?;
    let counted = Day {
        meter: meter.to_owned(),
        day,
        watt_hours: intervals.iter().map(|interval| interval.watt_hours).sum(),
        half_hours: intervals.len() as u64,
        version: known.version,
    };
    DAYS.put(&counted).await?;
    Ok(())
}
// ANCHOR_END: aggregate

#[get("/meters/{meter}/days/{day}")]
async fn day(Path((meter, day)): Path<(String, String)>) -> Result<Json<Day>> {
    match DAYS.get((meter.as_str(), day.as_str())).await? {
        Some(day) => Ok(Json(day)),
        None => Err(HandlerError::not_found(format!(
            "nothing of meter `{meter}` on {day}"
        ))),
    }
}

/// `2026-03-29`.
fn day_of(at: i64) -> String {
    let time = Timestamp::from_second(at).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date().to_string()
}

ifc::main!();
