//! Minutes, hours and days of a time zone.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The length of a time step.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// An hour of the clock. If the clock is set back, the hour that comes twice is two hours. If the clock changes within an
    /// hour, the parts before and after the change are two hours, too.
    Hour,
    /// A day of the calendar, which has 23 or 25 hours if the clock changes.
    Day,
}

impl Period {
    fn micros(self) -> i64 {
        let minutes = match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        };
        minutes * 60_000_000
    }
}

/// One period: from its first moment to the moment after its last, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Span {
    fn contains(self, at: i64) -> bool {
        (self.start..self.end).contains(&at)
    }
}

/// Finds the period of a moment. Remembers the periods that it found, since the rules of a time zone are slow.
#[derive(Debug)]
pub(super) struct Calendar<'a> {
    zone: &'a TimeZone,
    period: Period,
    /// The end of each known period by its start.
    known: BTreeMap<i64, i64>,
    latest: Span,
}

impl<'a> Calendar<'a> {
    pub(super) fn new(zone: &'a TimeZone, period: Period) -> Self {
        Self { zone, period, known: BTreeMap::new(), latest: Span { start: 0, end: 0 } }
    }

    /// Returns the period of a moment.
    pub(super) fn span(&mut self, at: i64) -> Span {
        if !self.latest.contains(at) {
            let known = self.known.range(..=at).next_back().map(|(&start, &end)| Span { start, end });
            self.latest = known.filter(|span| span.contains(at)).unwrap_or_else(|| self.add(at));
        }
        self.latest
    }

    fn add(&mut self, at: i64) -> Span {
        let found = match self.period {
            Period::Day => self.day(at),
            Period::Minute | Period::Hour => self.part_of_day(at),
        };
        // Outside the years of the calendar, -9999 to 9999, the periods are those of UTC.
        let span = found.filter(|span| span.contains(at)).unwrap_or_else(|| {
            let length = self.period.micros();
            let start = at.div_euclid(length).saturating_mul(length);
            Span { start, end: start.saturating_add(length) }
        });
        self.known.insert(span.start, span.end);
        span
    }

    fn day(&self, at: i64) -> Option<Span> {
        let zoned = Timestamp::from_microsecond(at).ok()?.to_zoned(self.zone.clone());
        let start = zoned.start_of_day().ok()?.timestamp().as_microsecond();
        let end = zoned.tomorrow().ok()?.start_of_day().ok()?.timestamp().as_microsecond();
        Some(Span { start, end })
    }

    fn part_of_day(&self, at: i64) -> Option<Span> {
        let length = self.period.micros();
        let offset = self.offset(at)?;
        let start = (at + offset).div_euclid(length) * length - offset;
        let end = start + length;
        // A transition that the time zone has exactly at `at` begins a period.
        let next = Timestamp::from_microsecond(at).ok()?;
        let after = Timestamp::from_microsecond(at + 1).ok()?;
        let begins = self.zone.preceding(after).next().map(|t| t.timestamp().as_microsecond());
        let ends = self.zone.following(next).next().map(|t| t.timestamp().as_microsecond());
        let changes = |t: &i64| self.offset(*t - 1) != self.offset(*t);
        Some(Span {
            start: begins.filter(changes).map_or(start, |t| t.max(start)),
            end: ends.filter(changes).map_or(end, |t| t.min(end)),
        })
    }

    /// Returns the microseconds by which the zone's clock is ahead of UTC at this moment.
    fn offset(&self, at: i64) -> Option<i64> {
        let at = Timestamp::from_microsecond(at).ok()?;
        Some(i64::from(self.zone.to_offset(at).seconds()) * 1_000_000)
    }
}

/// Returns the moment on the zone's clock. A moment outside the calendar becomes the nearest one inside.
pub(super) fn zoned(at: i64, zone: &TimeZone) -> Zoned {
    let nearest = if at < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(at).unwrap_or(nearest).to_zoned(zone.clone())
}

/// Writes the moment as RFC 3339 with its offset, for example `2026-03-29T03:00:00+02:00`.
#[cfg(feature = "serde")]
pub(super) fn rfc3339<S: serde::Serializer>(at: &Zoned, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.timestamp().display_with_offset(at.offset()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn span(zone: &str, period: Period, moment: &str) -> [i64; 2] {
        let zone = TimeZone::get(zone).unwrap();
        let span = Calendar::new(&zone, period).span(at(moment));
        [span.start, span.end]
    }

    #[test]
    fn days_have_23_and_25_hours_if_the_clock_changes() {
        let spring = span("Europe/Berlin", Period::Day, "2026-03-29T12:00Z");
        assert_eq!(spring, [at("2026-03-28T23:00Z"), at("2026-03-29T22:00Z")]);
        let autumn = span("Europe/Berlin", Period::Day, "2026-10-25T12:00Z");
        assert_eq!(autumn, [at("2026-10-24T22:00Z"), at("2026-10-25T23:00Z")]);
    }

    #[test]
    fn the_hour_that_comes_twice_is_two_hours() {
        let first = span("Europe/Berlin", Period::Hour, "2026-10-25T00:30Z");
        let second = span("Europe/Berlin", Period::Hour, "2026-10-25T01:00Z");
        assert_eq!(first, [at("2026-10-25T00:00Z"), at("2026-10-25T01:00Z")]);
        assert_eq!(second, [at("2026-10-25T01:00Z"), at("2026-10-25T02:00Z")]);
    }

    #[test]
    fn hours_begin_with_the_clock_of_the_zone() {
        let hour = span("Asia/Kolkata", Period::Hour, "2026-01-01T00:00Z");
        assert_eq!(hour, [at("2025-12-31T23:30Z"), at("2026-01-01T00:30Z")]);
    }

    #[test]
    fn a_change_within_an_hour_splits_it() {
        // At 02:00 the clock goes back to 01:30.
        let before = span("Australia/Lord_Howe", Period::Hour, "2026-04-04T14:59:59Z");
        let after = span("Australia/Lord_Howe", Period::Hour, "2026-04-04T15:00:00Z");
        assert_eq!(before, [at("2026-04-04T14:00Z"), at("2026-04-04T15:00Z")]);
        assert_eq!(after, [at("2026-04-04T15:00Z"), at("2026-04-04T15:30Z")]);
    }

    #[test]
    fn a_day_may_begin_after_midnight() {
        // At midnight the clock goes to 01:00.
        let day = span("America/Havana", Period::Day, "2026-03-08T12:00Z");
        assert_eq!(day, [at("2026-03-08T05:00Z"), at("2026-03-09T04:00Z")]);
    }

    #[test]
    fn times_outside_the_calendar_have_periods() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for period in [Period::Minute, Period::Hour, Period::Day] {
            for moment in [i64::MIN / 2, i64::MAX / 2] {
                assert!(Calendar::new(&zone, period).span(moment).contains(moment));
            }
        }
    }
}
