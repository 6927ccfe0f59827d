//! Follows the tracks of one camera through its plan.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    BBox, FrameMeta, LineSide, ObservedFace, Point, TrackId, TrackState, ZoneChange, ZoneCounter, ZoneEvent,
};

use crate::line::Line;
use crate::plan::{ZoneError, ZonePlan};
use crate::polygon::Polygon;
use crate::tracks::Tracks;

/// The box of a track in a frame, in pixels of the upright picture.
///
/// Give only boxes in which the face was found: a predicted box may move on after the face has stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoneSubject {
    /// The track.
    pub track: TrackId,
    /// The box.
    pub bbox: BBox,
}

/// The counts of a zone.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneFigures {
    /// The zone's name.
    pub name: String,
    /// The tracks that are in it now.
    pub inside: u64,
    /// The most tracks that were in it at once.
    pub peak: u64,
    /// How often a track entered it.
    pub entered: u64,
    /// How often a track left it.
    pub left: u64,
    /// The sum of the times of the tracks that left it. Serialized as `dwell_s`, in seconds.
    #[cfg_attr(feature = "serde", serde(rename = "dwell_s", serialize_with = "seconds"))]
    pub dwell: Duration,
}

/// The counts of a line.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineFigures {
    /// The line's name.
    pub name: String,
    /// The crossings from the left side to the right one.
    pub left_to_right: u64,
    /// The crossings from the right side to the left one.
    pub right_to_left: u64,
}

/// Counts the tracks of one camera at the zones and lines of a plan.
#[derive(Debug)]
pub struct ZoneWatch {
    polygons: Vec<Polygon>,
    segments: Vec<Line>,
    ignore: Vec<Polygon>,
    interest: Option<Polygon>,
    margin: f32,
    tracks: Tracks,
    zones: Vec<ZoneFigures>,
    lines: Vec<LineFigures>,
    zone_names: Vec<Arc<str>>,
    line_names: Vec<Arc<str>>,
    /// Memory for the boxes of a frame.
    subjects: Vec<ZoneSubject>,
}

impl ZoneWatch {
    /// Checks a plan, and begins to count.
    ///
    /// # Errors
    /// The first fault of the plan, with the name of its place.
    pub fn new(plan: &ZonePlan) -> Result<Self, ZoneError> {
        if !(0.0..=2.0).contains(&plan.margin) {
            return Err(ZoneError::Margin(plan.margin));
        }
        check_names("zone", plan.zones.iter().map(|zone| zone.name.as_str()))?;
        check_names("line", plan.lines.iter().map(|line| line.name.as_str()))?;
        let zones = plan.zones.iter().map(|zone| Polygon::new(&place("zone", &zone.name), &zone.polygon));
        let lines = plan.lines.iter().map(|line| Line::new(&place("line", &line.name), line));
        let ignore = plan.ignore.iter().map(|corners| Polygon::new("a region to ignore", corners));
        let interest = plan.interest.as_ref().map(|corners| Polygon::new("the region of interest", corners));
        Ok(Self {
            polygons: zones.collect::<Result<_, _>>()?,
            segments: lines.collect::<Result<_, _>>()?,
            ignore: ignore.collect::<Result<_, _>>()?,
            interest: interest.transpose()?,
            margin: plan.margin,
            tracks: Tracks::new(plan.zones.len(), plan.lines.len()),
            zones: plan
                .zones
                .iter()
                .map(|z| ZoneFigures { name: z.name.clone(), ..ZoneFigures::default() })
                .collect(),
            lines: plan
                .lines
                .iter()
                .map(|l| LineFigures { name: l.name.clone(), ..LineFigures::default() })
                .collect(),
            zone_names: plan.zones.iter().map(|zone| Arc::from(zone.name.as_str())).collect(),
            line_names: plan.lines.iter().map(|line| Arc::from(line.name.as_str())).collect(),
            subjects: Vec::new(),
        })
    }

    /// Takes the boxes of one frame, and appends what the tracks did to `events`, in the order of `subjects` and then of `ended`.
    ///
    /// `at` is the time of the frame since any fixed moment. If it is before the last frame, times count as zero. `size` is the width and
    /// height of the picture in pixels. `ended` are the tracks that ended with this frame. An unknown one is left out.
    pub fn update(
        &mut self,
        at: Duration,
        size: [u32; 2],
        subjects: &[ZoneSubject],
        ended: &[TrackId],
        events: &mut Vec<ZoneEvent>,
    ) {
        let size = size.map(|pixels| pixels as f32);
        for subject in subjects {
            if self.is_watched(&subject.bbox, size) {
                self.follow(at, size, subject, events);
            }
        }
        for &track in ended {
            if let Some(row) = self.tracks.remove(track) {
                let last_seen = *self.tracks.last_seen(row);
                for (zone, since) in self.tracks.inside(row).iter_mut().enumerate() {
                    if let Some(since) = since.take() {
                        let dwell = last_seen.saturating_sub(since);
                        self.zones[zone].leave(dwell);
                        let zone = Arc::clone(&self.zone_names[zone]);
                        events.push(ZoneEvent {
                            track,
                            at: last_seen,
                            change: ZoneChange::Left { zone, dwell },
                        });
                    }
                }
            }
        }
    }

    /// Takes the boxes of tracks that may still turn out to be false detections. It remembers on which sides of the lines they began, and
    /// counts nothing. When such a track comes to [`ZoneWatch::update`], a line that it crossed in the meantime counts, and it
    /// enters the zone in which it is.
    pub fn note(&mut self, at: Duration, size: [u32; 2], subjects: &[ZoneSubject]) {
        let size = size.map(|pixels| pixels as f32);
        for ZoneSubject { track, bbox } in subjects {
            if !self.is_watched(bbox, size) {
                continue;
            }
            let (row, is_new) = self.tracks.row(*track);
            *self.tracks.last_seen(row) = at;
            if is_new {
                self.tracks.begin(row, true);
                let stays = self.tracks.stays(row);
                for (segment, stay) in self.segments.iter().zip(stays) {
                    *stay = Some(segment.first_stay(bbox.center(), size));
                }
            }
        }
    }

    /// Returns true if a box counts: it is not empty, its centre is in no region to ignore, and in the region of interest if there is one.
    /// A detection that does not count need not go to the tracker.
    #[must_use]
    pub fn watches(&self, bbox: &BBox, size: [u32; 2]) -> bool {
        self.is_watched(bbox, size.map(|pixels| pixels as f32))
    }

    /// Returns the counts of each zone, in the order of the plan.
    #[must_use]
    pub fn zones(&self) -> &[ZoneFigures] {
        &self.zones
    }

    /// Returns the counts of each line, in the order of the plan.
    #[must_use]
    pub fn lines(&self) -> &[LineFigures] {
        &self.lines
    }

    fn is_watched(&self, bbox: &BBox, size: [f32; 2]) -> bool {
        let centre = bbox.center();
        !bbox.is_empty()
            && !self.ignore.iter().any(|region| region.contains(centre, size))
            && self.interest.as_ref().is_none_or(|region| region.contains(centre, size))
    }

    fn follow(&mut self, at: Duration, size: [f32; 2], subject: &ZoneSubject, events: &mut Vec<ZoneEvent>) {
        let ZoneSubject { track, bbox } = *subject;
        let centre = bbox.center();
        let margin = self.margin * (bbox.width() + bbox.height()) / 2.0;
        let (row, is_new) = self.tracks.row(track);
        *self.tracks.last_seen(row) = at;
        let is_first = if is_new { self.tracks.begin(row, false) } else { self.tracks.confirm(row) };
        for (line, (segment, stay)) in self.segments.iter().zip(self.tracks.stays(row)).enumerate() {
            match stay.as_mut().filter(|_| !is_new) {
                None => *stay = Some(segment.first_stay(centre, size)),
                Some(stay) => {
                    if let Some(from) = segment.advance(stay, centre, margin, size) {
                        self.lines[line].cross(from);
                        let line = Arc::clone(&self.line_names[line]);
                        events.push(ZoneEvent { track, at, change: ZoneChange::Crossed { line, from } });
                    }
                }
            }
        }
        for (zone, (polygon, since)) in self.polygons.iter().zip(self.tracks.inside(row)).enumerate() {
            let was_inside = since.is_some();
            let name = || Arc::clone(&self.zone_names[zone]);
            let change = match (is_inside(polygon, centre, margin, size, is_first, was_inside), *since) {
                (true, None) => {
                    *since = Some(at);
                    self.zones[zone].enter();
                    ZoneChange::Entered { zone: name() }
                }
                (false, Some(entered)) => {
                    *since = None;
                    let dwell = at.saturating_sub(entered);
                    self.zones[zone].leave(dwell);
                    ZoneChange::Left { zone: name(), dwell }
                }
                _ => continue,
            };
            events.push(ZoneEvent { track, at, change });
        }
    }
}

/// Counts confirmed tracks in the frames in which their faces were found.
impl ZoneCounter for ZoneWatch {
    fn watches(&mut self, bbox: &BBox, (width, height): (u32, u32)) -> bool {
        ZoneWatch::watches(self, bbox, [width, height])
    }

    fn update(
        &mut self,
        meta: &FrameMeta,
        (width, height): (u32, u32),
        faces: &[ObservedFace],
        ended: &[TrackId],
        events: &mut Vec<ZoneEvent>,
    ) {
        let at = meta.stream_time();
        let mut subjects = std::mem::take(&mut self.subjects);
        let found = |state: TrackState| {
            let found = faces.iter().filter(move |face| face.face.is_some() && face.state == state);
            found.map(|face| ZoneSubject { track: face.track, bbox: face.bbox })
        };
        subjects.clear();
        subjects.extend(found(TrackState::Tentative));
        self.note(at, [width, height], &subjects);
        subjects.clear();
        subjects.extend(found(TrackState::Confirmed));
        ZoneWatch::update(self, at, [width, height], &subjects, ended, events);
        self.subjects = subjects;
    }
}

/// Returns true if the person is inside the polygon. Within the margin of its edge a person stays where the person was.
fn is_inside(
    polygon: &Polygon,
    place: Point,
    margin: f32,
    size: [f32; 2],
    is_new: bool,
    was_inside: bool,
) -> bool {
    let inside = polygon.contains(place, size);
    let is_sure = is_new || inside == was_inside || polygon.edge_distance(place, size) > margin;
    if is_sure { inside } else { was_inside }
}

impl ZoneFigures {
    fn enter(&mut self) {
        self.entered += 1;
        self.inside += 1;
        self.peak = self.peak.max(self.inside);
    }

    fn leave(&mut self, dwell: Duration) {
        self.left += 1;
        self.inside -= 1;
        self.dwell = self.dwell.saturating_add(dwell);
    }
}

impl LineFigures {
    fn cross(&mut self, from: LineSide) {
        match from {
            LineSide::Left => self.left_to_right += 1,
            LineSide::Right => self.right_to_left += 1,
        }
    }
}

#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn place(kind: &str, name: &str) -> String {
    format!("the {kind} {name:?}")
}

fn check_names<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<(), ZoneError> {
    let mut known = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() || !known.insert(name) {
            return Err(ZoneError::Name { place: place(kind, name) });
        }
    }
    Ok(())
}
