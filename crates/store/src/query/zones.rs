//! Stays in zones, and crossings of lines.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use rusqlite::params;

use super::calendar::{Span, zoned};
use super::dwell::nearest_rank;
use super::occupancy;
use super::passage::CameraNames;
use super::persons::{PersonKey, Persons};
use super::question::TimeRange;
use super::visits::Visit;
use crate::error::StoreError;
use crate::sqlite::Reader;

/// The stays that overlap a time range. A stay without an end lasts as long as its track was seen.
const STAYS: &str = "
SELECT s.run, s.camera, s.track, t.person, s.zone, s.entered_us,
    ifnull(s.left_us, max(s.entered_us, ifnull(t.last_us, s.entered_us))), s.dwell_us
FROM zone_stay AS s LEFT JOIN track AS t ON t.run = s.run AND t.camera = s.camera AND t.track = s.track
WHERE s.entered_us < ?1";

const CROSSINGS: &str = "
SELECT c.run, c.camera, c.track, t.person, c.line, c.wall_us, c.to_right
FROM line_crossing AS c LEFT JOIN track AS t ON t.run = c.run AND t.camera = c.camera AND t.track = c.track
WHERE c.wall_us >= ?1 AND c.wall_us < ?2";

/// The stays in one zone, in one period or over a whole range.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneRow {
    /// The first moment of the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub start: Zoned,
    /// The moment after the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub end: Zoned,
    /// The camera.
    pub camera: String,
    /// The zone.
    pub zone: String,
    /// How often it was entered.
    pub entered: u64,
    /// The mean number of those who were in it at the same time.
    pub mean: f64,
    /// The largest number at one moment.
    pub peak: u64,
    /// The shortest time that at least half of the stays that began in the period do not exceed, or `None` if none began and ended.
    #[cfg_attr(feature = "serde", serde(rename = "median_s", serialize_with = "maybe_seconds"))]
    pub median: Option<Duration>,
    /// The shortest time that at least nine of ten of these stays do not exceed.
    #[cfg_attr(feature = "serde", serde(rename = "p90_s", serialize_with = "maybe_seconds"))]
    pub p90: Option<Duration>,
    /// The longest of these stays.
    #[cfg_attr(feature = "serde", serde(rename = "longest_s", serialize_with = "maybe_seconds"))]
    pub longest: Option<Duration>,
}

#[cfg(feature = "serde")]
#[allow(clippy::ref_option, reason = "serde's signature")]
fn maybe_seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&time.map(|time| time.as_secs_f64()), serializer)
}

/// The crossings of one line, in one period or over a whole range.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRow {
    /// The first moment of the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub start: Zoned,
    /// The moment after the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub end: Zoned,
    /// The camera.
    pub camera: String,
    /// The line.
    pub line: String,
    /// The crossings from its left to its right, as seen from its beginning.
    pub left_to_right: u64,
    /// The crossings from its right to its left.
    pub right_to_left: u64,
}

/// One stay. The times of day are microseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Stay {
    /// The place in [`Places::zones`].
    zone: u32,
    first: i64,
    last: i64,
    /// The time in the stream, or `None` if the stay has no end.
    dwell: Option<Duration>,
}

/// One crossing.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    /// The place in [`Places::lines`].
    line: u32,
    at: i64,
    to_right: bool,
}

/// The stays and crossings that a question selects.
#[derive(Debug)]
pub(super) struct Places {
    range: TimeRange,
    /// The camera and name of each zone.
    zones: Names,
    lines: Names,
    stays: Vec<Stay>,
    crossings: Vec<Crossing>,
}

/// Numbers for pairs of a camera and a name, in the order of their first rows.
#[derive(Debug, Default)]
struct Names {
    numbers: BTreeMap<(u32, String), u32>,
}

impl Names {
    fn number(&mut self, camera: u32, name: String) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry((camera, name)).or_insert(next)
    }

    /// Returns the camera and name of each number.
    fn by_number(&self) -> Vec<(u32, &str)> {
        let mut names = vec![(0, ""); self.numbers.len()];
        for ((camera, name), number) in &self.numbers {
            names[*number as usize] = (*camera, name.as_str());
        }
        names
    }
}

impl Places {
    /// Reads the stays and crossings of the selected cameras and persons.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub(super) fn read(
        reader: &Reader,
        wanted: &[PersonKey],
        range: TimeRange,
        cameras: &CameraNames,
        persons: &Persons,
    ) -> Result<Self, StoreError> {
        let is_wanted = |key: [i64; 3], person: Option<i64>| {
            let person = person.map(|person| persons.resolve(key, person));
            wanted.is_empty() || person.is_some_and(|person| wanted.contains(&person))
        };
        let (mut zones, mut lines) = (Names::default(), Names::default());
        let mut stays = Vec::new();
        reader.each(STAYS, params![range.to], |row| {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?];
            let last: i64 = row.get(6)?;
            let Some(camera) = cameras.number(key[0], key[1]) else { return Ok(()) };
            if last < range.from || !is_wanted(key, row.get(3)?) {
                return Ok(());
            }
            let dwell = row.get::<_, Option<i64>>(7)?;
            stays.push(Stay {
                zone: zones.number(camera, row.get(4)?),
                first: row.get(5)?,
                // What comes after the range is not known.
                last: last.min(range.to.saturating_sub(1)),
                dwell: dwell.map(|us| Duration::from_micros(us.unsigned_abs())),
            });
            Ok(())
        })?;
        let mut crossings = Vec::new();
        reader.each(CROSSINGS, params![range.from, range.to], |row| {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?];
            let Some(camera) = cameras.number(key[0], key[1]) else { return Ok(()) };
            if is_wanted(key, row.get(3)?) {
                let line = lines.number(camera, row.get(4)?);
                crossings.push(Crossing { line, at: row.get(5)?, to_right: row.get(6)? });
            }
            Ok(())
        })?;
        Ok(Self { range, zones, lines, stays, crossings })
    }

    /// Returns the time from the first stay to the last one.
    pub(super) fn zone_span(&self) -> Span {
        let first = self.stays.iter().map(|stay| stay.first.max(self.range.from)).min();
        let last = self.stays.iter().map(|stay| stay.last).max();
        span(first, last)
    }

    /// Returns the time from the first crossing to the last one.
    pub(super) fn line_span(&self) -> Span {
        let at = || self.crossings.iter().map(|crossing| crossing.at);
        span(at().min(), at().max())
    }

    /// Returns the rows of the stays by period, camera and zone. `span` returns the period of a moment.
    pub(super) fn zone_rows(
        &self,
        time_zone: &TimeZone,
        cameras: &[String],
        mut span: impl FnMut(i64) -> Span,
    ) -> Vec<ZoneRow> {
        let present =
            |stay: &Stay| Visit { camera: Some(stay.zone), person: None, first: stay.first, last: stay.last };
        let visits: Vec<Visit> = self.stays.iter().map(present).collect();
        let presence = occupancy::presence(&visits, self.range, &mut span);
        let mut begun: BTreeMap<(Span, Option<u32>), (u64, Vec<u64>)> = BTreeMap::new();
        for stay in self.stays.iter().filter(|stay| self.range.contains(stay.first)) {
            let (entered, times) = begun.entry((span(stay.first), Some(stay.zone))).or_default();
            *entered += 1;
            times.extend(stay.dwell.map(|dwell| dwell.as_micros() as u64));
        }
        let names = self.zones.by_number();
        let mut rows: Vec<ZoneRow> = Vec::with_capacity(presence.len());
        for ((span, zone), presence) in presence {
            let Some((camera, name)) = zone.and_then(|zone| names.get(zone as usize)) else { continue };
            let (entered, mut times) = begun.remove(&(span, zone)).unwrap_or_default();
            times.sort_unstable();
            let rank = |tenths| nearest_rank(&times, tenths);
            rows.push(ZoneRow {
                start: zoned(span.start, time_zone),
                end: zoned(span.end, time_zone),
                camera: cameras[*camera as usize].clone(),
                zone: (*name).to_owned(),
                entered,
                mean: presence.total as f64 / (span.end - span.start).max(1) as f64,
                peak: presence.peak,
                median: rank(5),
                p90: rank(9),
                longest: rank(10),
            });
        }
        rows.sort_by(|a, b| (&a.start, &a.camera, &a.zone).cmp(&(&b.start, &b.camera, &b.zone)));
        rows
    }

    /// Returns the rows of the crossings by period, camera and line.
    pub(super) fn line_rows(
        &self,
        time_zone: &TimeZone,
        cameras: &[String],
        mut span: impl FnMut(i64) -> Span,
    ) -> Vec<LineRow> {
        let mut counts: BTreeMap<(Span, u32), [u64; 2]> = BTreeMap::new();
        for crossing in &self.crossings {
            let [to_left, to_right] = counts.entry((span(crossing.at), crossing.line)).or_default();
            *if crossing.to_right { to_right } else { to_left } += 1;
        }
        let names = self.lines.by_number();
        let mut rows: Vec<LineRow> = Vec::with_capacity(counts.len());
        for ((span, line), [right_to_left, left_to_right]) in counts {
            let (camera, name) = names[line as usize];
            rows.push(LineRow {
                start: zoned(span.start, time_zone),
                end: zoned(span.end, time_zone),
                camera: cameras[camera as usize].clone(),
                line: name.to_owned(),
                left_to_right,
                right_to_left,
            });
        }
        rows.sort_by(|a, b| (&a.start, &a.camera, &a.line).cmp(&(&b.start, &b.camera, &b.line)));
        rows
    }
}

/// Returns the time from one moment to another, which belongs to it.
fn span(first: Option<i64>, last: Option<i64>) -> Span {
    Span { start: first.unwrap_or(0), end: last.map_or(1, |last| last.saturating_add(1)) }
}
