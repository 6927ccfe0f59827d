//! What a caller asks for.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::persons::PersonKey;

/// The part of a database that [`Answers`](super::Answers) are about. Asks for all of it by default, in UTC.
#[derive(Clone, Debug)]
pub struct Question {
    /// The first moment, or `None` for the beginning of the database. A visit that began before it is not counted as a visit,
    /// but its person is present from this moment on.
    pub from: Option<Timestamp>,
    /// The moment after the last one, or `None` for the end of the database. What comes later is not read, and ends no visit.
    pub to: Option<Timestamp>,
    /// The names of the cameras, or an empty list for all of them.
    pub cameras: Vec<String>,
    /// The persons, or an empty list for all passages, also those without a person.
    pub persons: Vec<PersonKey>,
    /// The longest break in a visit. A person who stays away for longer comes back for another one. 5 minutes by default.
    pub visit_gap: Duration,
    /// The time zone that hours and days belong to.
    pub time_zone: TimeZone,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            cameras: Vec::new(),
            persons: Vec::new(),
            visit_gap: Duration::from_mins(5),
            time_zone: TimeZone::UTC,
        }
    }
}

/// The times of a question in microseconds since 1970, as the file has them. `to` is the moment after the last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeRange {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) gap: i64,
}

impl TimeRange {
    pub(super) fn of(question: &Question) -> Self {
        Self {
            from: question.from.map_or(i64::MIN, Timestamp::as_microsecond),
            to: question.to.map_or(i64::MAX, Timestamp::as_microsecond),
            gap: i64::try_from(question.visit_gap.as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// Returns true if the moment is in the range.
    pub(super) fn contains(&self, at: i64) -> bool {
        (self.from..self.to).contains(&at)
    }
}
