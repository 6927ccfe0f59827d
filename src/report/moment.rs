//! Reads the times and persons of a question.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use passerby_store::RunId;
use passerby_store::query::PersonKey;
use passerby_types::{BoxError, PersonId};

/// Which end of the range a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeEnd {
    /// The beginning.
    From,
    /// A day as the end is part of the range.
    To,
}

/// Returns the moment of a time of a question. A time without an offset is that of the zone.
///
/// # Errors
/// The text is not a time.
pub fn moment(option: &str, text: &str, zone: &TimeZone, end: RangeEnd) -> Result<Timestamp, BoxError> {
    let wrong =
        || format!("{option} {text}: expected a day such as 2026-06-01, or a time such as 2026-06-01T08:00");
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let has_time = text.contains(['T', 't', ' ', ':']);
    let civil: DateTime = if has_time {
        text.parse().map_err(|_| wrong())?
    } else {
        let day: Date = text.parse().map_err(|_| wrong())?;
        let first = if end == RangeEnd::To { day.tomorrow().map_err(|_| wrong())? } else { day };
        first.into()
    };
    Ok(civil.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp())
}

/// Returns the time zone of this name, or that of this machine for `None`.
///
/// # Errors
/// The time zone is unknown.
pub fn time_zone(option: &str, name: Option<&str>) -> Result<TimeZone, BoxError> {
    match name {
        None => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
        Some(name) => TimeZone::get(name).map_err(|_| {
            format!("{option} {name}: no such time zone; a name is like Europe/Berlin or UTC").into()
        }),
    }
}

/// Returns the person of a text such as `3` or `2:3`.
///
/// # Errors
/// The text is not a number, or not two of them.
pub fn person(option: &str, text: &str) -> Result<PersonKey, BoxError> {
    let wrong = || format!("{option} {text}: expected a number such as 3, or a run and a number such as 2:3");
    let (run, id) = match text.split_once(':') {
        Some((run, id)) => (Some(RunId(run.parse().map_err(|_| wrong())?)), id),
        None => (None, text),
    };
    Ok(PersonKey { run, id: PersonId(id.parse().map_err(|_| wrong())?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, end: RangeEnd) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        moment("--from", text, &zone, end).map_or_else(|e| e.to_string(), |moment| moment.to_string())
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        assert_eq!(at("2026-06-01", RangeEnd::From), "2026-05-31T22:00:00Z");
    }

    #[test]
    fn a_last_day_belongs_to_the_range() {
        // The day on which the clock goes back has 25 hours.
        assert_eq!(at("2026-10-25", RangeEnd::To), "2026-10-25T23:00:00Z");
    }

    #[test]
    fn a_time_is_the_zones_or_has_an_offset() {
        assert_eq!(at("2026-06-01T08:30", RangeEnd::To), "2026-06-01T06:30:00Z");
        assert_eq!(at("2026-06-01 08:30:15", RangeEnd::From), "2026-06-01T06:30:15Z");
        assert_eq!(at("2026-06-01T08:30Z", RangeEnd::From), "2026-06-01T08:30:00Z");
    }

    #[test]
    fn other_texts_are_named() {
        for text in ["", "yesterday", "2026-02-30", "2026-06-01T25:00", "12:00"] {
            assert!(
                at(text, RangeEnd::From).starts_with(&format!("--from {text}: expected a day")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_person_is_a_number_with_or_without_a_run() {
        assert_eq!(person("--person", "3").unwrap(), PersonKey { run: None, id: PersonId(3) });
        assert_eq!(person("--person", "2:3").unwrap(), PersonKey { run: Some(RunId(2)), id: PersonId(3) });
        assert!(person("--person", "Ada").is_err() && person("--person", "2:").is_err());
    }
}
