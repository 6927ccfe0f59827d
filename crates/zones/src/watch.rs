//! Follows the tracks of one camera through its plan.

use std::collections::BTreeSet;
use std::time::Duration;

use passerby_types::{BBox, Point, TrackId};

use crate::line::{Line, LineSide};
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

/// Something that a track did at a zone or a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoneEvent {
    /// The track.
    pub track: TrackId,
    /// When it was: the time of the update, or that of the track's last box if the track has ended.
    pub at: Duration,
    /// What the track did.
    pub change: ZoneChange,
}

/// What a track did at a zone or a line. The numbers are the places in [`ZonePlan::zones`] and [`ZonePlan::lines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneChange {
    /// The track entered a zone, or began in it.
    Entered {
        /// The zone.
        zone: usize,
    },
    /// The track left a zone, or ended in it.
    Left {
        /// The zone.
        zone: usize,
        /// The time since the track entered.
        dwell: Duration,
    },
    /// The track crossed a line.
    Crossed {
        /// The line.
        line: usize,
        /// The side that the track came from.
        from: LineSide,
    },
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
    /// The sum of the times of the tracks that left it.
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
        for (line, (segment, stay)) in self.segments.iter().zip(self.tracks.stays(row)).enumerate() {
            match stay.as_mut().filter(|_| !is_new) {
                None => *stay = Some(segment.first_stay(centre, size)),
                Some(stay) => {
                    if let Some(from) = segment.advance(stay, centre, margin, size) {
                        self.lines[line].cross(from);
                        events.push(ZoneEvent { track, at, change: ZoneChange::Crossed { line, from } });
                    }
                }
            }
        }
        for (zone, (polygon, since)) in self.polygons.iter().zip(self.tracks.inside(row)).enumerate() {
            let change = match (is_inside(polygon, centre, margin, size, is_new, since.is_some()), *since) {
                (true, None) => {
                    *since = Some(at);
                    self.zones[zone].enter();
                    ZoneChange::Entered { zone }
                }
                (false, Some(entered)) => {
                    *since = None;
                    let dwell = at.saturating_sub(entered);
                    self.zones[zone].leave(dwell);
                    ZoneChange::Left { zone, dwell }
                }
                _ => continue,
            };
            events.push(ZoneEvent { track, at, change });
        }
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
