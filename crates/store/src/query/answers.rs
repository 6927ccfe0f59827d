//! The answers to a question.

use std::collections::{BTreeMap, HashMap};

use jiff::Zoned;
use jiff::tz::TimeZone;
use passerby_types::Attributes;

use super::calendar::{Calendar, Period, Span, zoned};
use super::dwell::{self, DwellRow};
use super::earlier::Earlier;
use super::histogram::{self, AgeHistogram, GenderCounts};
use super::movement::{self, LastSeenRow, PathStep, Transition};
use super::occupancy::{self, OccupancyRow};
use super::passage::{self, CameraNames, Passage};
use super::persons::{PersonKey, Persons};
use super::question::{Question, TimeRange};
use super::traffic::{self, CountsByPeriod, TrafficRow};
use super::visits::{self, Visit};
use super::zones::{LineRow, Places, ZoneRow};
use crate::error::StoreError;
use crate::sqlite::Reader;

/// The passages that a [`Question`] selects, and the answers from them. Holds about 100 bytes for each passage.
#[derive(Debug)]
pub struct Answers {
    zone: TimeZone,
    range: TimeRange,
    cameras: Vec<String>,
    persons: Persons,
    passages: Vec<Passage>,
    overall: Vec<Visit>,
    by_camera: Vec<Visit>,
    earlier: Earlier,
    places: Places,
    left_out: u64,
}

impl Answers {
    /// Reads the passages that the question selects. All of them are of one state of the file, also while it is written.
    ///
    /// # Errors
    /// [`StoreFault::Unknown`](crate::StoreFault::Unknown) if the question names a camera that the database does not have, and as for
    /// [`Reader::runs`].
    pub fn read(reader: &Reader, question: &Question) -> Result<Self, StoreError> {
        let range = TimeRange::of(question);
        reader.snapshot(|| {
            let cameras = CameraNames::read(reader, question)?;
            let mut persons = Persons::read(reader)?;
            let (passages, left_out) =
                passage::read(reader, &question.persons, range, &cameras, &mut persons)?;
            let earlier = Earlier::read(reader, range, &cameras, &persons)?;
            let places = Places::read(reader, &question.persons, range, &cameras, &persons)?;
            Ok(Self {
                zone: question.time_zone.clone(),
                range,
                overall: visits::overall(&passages, range.gap),
                by_camera: visits::by_camera(&passages, range.gap),
                cameras: cameras.names,
                persons,
                passages,
                earlier,
                places,
                left_out,
            })
        })
    }

    /// Returns the names of the selected cameras in the order of the alphabet, also of those without a passage.
    #[must_use]
    pub fn cameras(&self) -> &[String] {
        &self.cameras
    }

    /// Returns the number of passages that count nowhere because of their times: those that take longer than 366 days, for example
    /// because the clock was set while the track lived, or that the calendar does not have.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the first and the last moment of the passages in the range, or `None` without one.
    #[must_use]
    pub fn extent(&self) -> Option<(Zoned, Zoned)> {
        let seen = || self.passages.iter().filter(|p| p.last >= self.range.from);
        let first = seen().map(|p| p.first.max(self.range.from)).min()?;
        let last = seen().map(|p| p.last).max()?;
        Some((self.zoned(first), self.zoned(last)))
    }

    /// Returns the visits and persons of each period, by rising time. In each period the row of all cameras comes first, then the
    /// cameras by name. A period without a passage has no row.
    #[must_use]
    pub fn traffic(&self, period: Period) -> Vec<TrafficRow> {
        let mut calendar = Calendar::new(&self.zone, period);
        let rows = self.counts(|at| calendar.span(at));
        rows.into_iter().map(|((span, camera), counts)| self.row(span, camera, counts)).collect()
    }

    /// Returns the visits and persons of the whole range: the row of all cameras, then one for each camera by name. They
    /// begin and end with [`Answers::extent`]. Returns an empty list without a passage.
    #[must_use]
    pub fn totals(&self) -> Vec<TrafficRow> {
        let Some((first, last)) = self.extent() else { return Vec::new() };
        let whole =
            Span { start: first.timestamp().as_microsecond(), end: last.timestamp().as_microsecond() };
        let always = Span { start: i64::MIN, end: i64::MAX };
        let mut counts = self.counts(|_| always);
        let cameras = std::iter::once(None).chain((0..self.cameras.len() as u32).map(Some));
        let row = |camera| self.row(whole, camera, counts.remove(&(always, camera)).unwrap_or_default());
        cameras.map(row).collect()
    }

    /// Returns how long the visits took: the row of all cameras, then the cameras by name. A camera without a visit of a
    /// person has no row.
    #[must_use]
    pub fn dwell(&self) -> Vec<DwellRow> {
        let name = |camera| self.camera(camera);
        let mut rows = dwell::rows(&self.overall, self.range, name);
        rows.extend(dwell::rows(&self.by_camera, self.range, name));
        rows
    }

    /// Returns how many visits went on at the same time in each period, in the order of [`Answers::traffic`]. A period
    /// without a visit has no row.
    #[must_use]
    pub fn occupancy(&self, period: Period) -> Vec<OccupancyRow> {
        let mut calendar = Calendar::new(&self.zone, period);
        let mut found = occupancy::presence(&self.overall, self.range, |at| calendar.span(at));
        found.extend(occupancy::presence(&self.by_camera, self.range, |at| calendar.span(at)));
        let rows = found.into_iter().map(|((span, camera), presence)| OccupancyRow {
            start: self.zoned(span.start),
            end: self.zoned(span.end),
            camera: camera.map(|camera| self.camera(camera)),
            mean: presence.total as f64 / (span.end - span.start) as f64,
            peak: presence.peak,
        });
        rows.collect()
    }

    /// Returns the stays in each zone of each period, by rising time, then by camera and zone. A period in which no one was in the zone
    /// has no row.
    #[must_use]
    pub fn zones(&self, period: Period) -> Vec<ZoneRow> {
        let mut calendar = Calendar::new(&self.zone, period);
        self.places.zone_rows(&self.zone, &self.cameras, |at| calendar.span(at))
    }

    /// Returns the stays in each zone over the whole range, by camera and zone. The rows begin with the first stay and end with the
    /// last one.
    #[must_use]
    pub fn zone_totals(&self) -> Vec<ZoneRow> {
        let whole = self.places.zone_span();
        self.places.zone_rows(&self.zone, &self.cameras, |_| whole)
    }

    /// Returns the crossings of each line in each period, by rising time, then by camera and line. A period without a crossing has no row.
    #[must_use]
    pub fn lines(&self, period: Period) -> Vec<LineRow> {
        let mut calendar = Calendar::new(&self.zone, period);
        self.places.line_rows(&self.zone, &self.cameras, |at| calendar.span(at))
    }

    /// Returns the crossings of each line over the whole range, by camera and line. The rows begin with the first crossing and end
    /// after the last one.
    #[must_use]
    pub fn line_totals(&self) -> Vec<LineRow> {
        let whole = self.places.line_span();
        self.places.line_rows(&self.zone, &self.cameras, |_| whole)
    }

    /// Returns the persons who were seen in the range by age. A person counts once, at the mean age of the passages in the range.
    #[must_use]
    pub fn ages(&self) -> AgeHistogram {
        AgeHistogram::of(self.attributes().into_values())
    }

    /// Returns the persons who were seen in the range by gender.
    #[must_use]
    pub fn genders(&self) -> GenderCounts {
        GenderCounts::of(self.attributes().into_values())
    }

    /// Returns the persons who were seen in the range, the last seen one first, and at most `limit` of them.
    #[must_use]
    pub fn last_seen(&self, limit: usize) -> Vec<LastSeenRow> {
        let mut ends: HashMap<u32, LastSeen> = HashMap::new();
        for passage in self.passages.iter().filter(|p| p.last >= self.range.from) {
            let Some(person) = passage.person else { continue };
            let end =
                ends.entry(person).or_insert(LastSeen { last: (i64::MIN, 0), first: i64::MAX, visits: 0 });
            end.last = end.last.max((passage.last, passage.camera));
            end.first = end.first.min(passage.first.max(self.range.from));
        }
        for visit in self.overall.iter().filter(|v| v.last >= self.range.from) {
            if let Some(end) = visit.person.and_then(|person| ends.get_mut(&person)) {
                end.visits += 1;
            }
        }
        let mut ends: Vec<(u32, LastSeen)> = ends.into_iter().collect();
        ends.sort_unstable_by_key(|(person, end)| (std::cmp::Reverse(end.last.0), self.persons.key(*person)));
        let rows = ends.into_iter().take(limit).map(|(person, end)| LastSeenRow {
            person: self.persons.key(person),
            name: self.persons.name(person),
            last_seen: self.zoned(end.last.0),
            camera: self.camera(end.last.1),
            first_seen: self.zoned(end.first),
            visits: end.visits,
        });
        rows.collect()
    }

    /// Returns the way of a person over the cameras in the order of time, or an empty list if the person was not seen in the range.
    /// Visits to two cameras that see the same place may overlap.
    #[must_use]
    pub fn path(&self, person: PersonKey) -> Vec<PathStep> {
        let Some(person) = self.persons.find(person) else { return Vec::new() };
        let visits: Vec<Visit> =
            self.by_camera.iter().filter(|v| v.person == Some(person)).copied().collect();
        let ways = movement::ways(&visits, self.range);
        let steps = ways.into_iter().filter_map(|(_, visit)| {
            Some(PathStep {
                camera: self.camera(visit.camera?),
                from: self.zoned(visit.first.max(self.range.from)),
                to: self.zoned(visit.last),
            })
        });
        steps.collect()
    }

    /// Returns how often persons went from one camera to another, the most usual way first.
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition> {
        let times = movement::transitions(&movement::ways(&self.by_camera, self.range));
        let mut rows: Vec<Transition> = times
            .into_iter()
            .map(|((from, to), times)| Transition { from: self.camera(from), to: self.camera(to), times })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.times));
        rows
    }

    fn attributes(&self) -> HashMap<u32, Option<Attributes>> {
        histogram::of_persons(&self.passages, self.range)
    }

    fn counts(&self, mut span: impl FnMut(i64) -> Span) -> CountsByPeriod {
        let mut counts = BTreeMap::new();
        for visits in [&self.overall, &self.by_camera] {
            traffic::count_visits(visits, self.range, &self.earlier, &mut span, &mut counts);
        }
        traffic::count_persons(&self.passages, self.range, &mut span, &mut counts);
        counts
    }

    fn row(&self, span: Span, camera: Option<u32>, counts: traffic::Counts) -> TrafficRow {
        TrafficRow {
            start: self.zoned(span.start),
            end: self.zoned(span.end),
            camera: camera.map(|camera| self.camera(camera)),
            visits: counts.new + counts.returning + counts.unidentified,
            persons: counts.persons,
            new: counts.new,
            returning: counts.returning,
            unidentified: counts.unidentified,
        }
    }

    fn camera(&self, camera: u32) -> String {
        self.cameras[camera as usize].clone()
    }

    fn zoned(&self, at: i64) -> Zoned {
        zoned(at, &self.zone)
    }
}

/// When a person was seen last, by which camera, and when first.
struct LastSeen {
    last: (i64, u32),
    first: i64,
    visits: u64,
}
