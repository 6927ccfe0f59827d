//! The walks of the people: scripts, crowds, and the place of a walker at a given time.

use std::ops::RangeInclusive;

use super::error::SceneError;
use super::portrait::Portrait;
use super::render::Place;
use crate::random::Random;

/// A point of a walk: the place and size of the face at a time. Between two points everything changes linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Waypoint {
    /// Seconds since the start of the scene.
    pub time: f64,
    /// The x coordinate of the centre of the face's box in pixels. It may be outside the picture.
    pub x: f64,
    /// The y coordinate of the centre of the face's box in pixels. It may be outside the picture.
    pub y: f64,
    /// The width of the face's box in pixels: 4 to 8192. A person with a wider face is nearer, and hides those behind.
    pub face: f64,
}

impl Waypoint {
    /// Creates the point (x, y) at `time`, with a face `face` pixels wide.
    #[must_use]
    pub const fn new(time: f64, x: f64, y: f64, face: f64) -> Self {
        Self { time, x, y, face }
    }
}

/// One visit of one person, from the time of the first waypoint to that of the last one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SceneWalk {
    /// The portrait to draw.
    pub portrait: Portrait,
    /// The waypoints, whose times must rise. With a single waypoint, the person stands there through the whole scene.
    pub path: Vec<Waypoint>,
}

/// People who walk to and fro at random, leave and come back.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SceneCrowd {
    /// The number of people, 0 to 1000. Walker `i` has portrait `i % 5` of [`Portrait::ALL`]. Up to three are different
    /// persons. If there are more, persons repeat.
    pub people: usize,
    /// The range of the faces' box widths in pixels, within 4 to 8192.
    pub face: RangeInclusive<f64>,
    /// The range of speeds in pixels per second, above 0.
    pub speed: RangeInclusive<f64>,
}

impl Default for SceneCrowd {
    /// Three people with faces 60 to 140 pixels wide, at 120 to 260 pixels per second.
    fn default() -> Self {
        Self { people: 3, face: 60.0..=140.0, speed: 120.0..=260.0 }
    }
}

/// The people of a scene.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SceneCast {
    /// Random walks.
    Crowd(SceneCrowd),
    /// A list of walks. Two walks of the same person are two visits. If the list is empty, the hall is.
    Script(Vec<SceneWalk>),
}

/// The allowed widths of a face in pixels.
const FACE_WIDTHS: RangeInclusive<f64> = 4.0..=8192.0;
/// The greatest distance of a waypoint from the origin, in pixels and in seconds.
const MAX_DISTANCE: f64 = 1e6;
/// The most walkers.
const MAX_PEOPLE: usize = 1000;
/// The number of visits that a walker of a crowd makes before they repeat.
const CROWD_VISITS: usize = 8;
/// The steps per second.
const STEP_RATE: f64 = 1.8;

/// One walker's whole way through the scene.
pub(super) struct Course {
    pub(super) portrait: Portrait,
    visits: Vec<Vec<Waypoint>>,
    /// The seconds after which the visits repeat. `None`: they don't repeat.
    period: Option<f64>,
    /// The seconds of the course before the scene's start.
    lead: f64,
}

/// The place of a walker's face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stand {
    /// The number of the visit, from 0.
    pub(super) visit: u64,
    /// The width of the face's box.
    pub(super) face: f64,
    pub(super) place: Place,
}

impl SceneCast {
    /// Returns the courses of all walkers in a picture of this size.
    pub(super) fn courses(&self, width: u32, height: u32, seed: u64) -> Result<Vec<Course>, SceneError> {
        match self {
            Self::Script(walks) if walks.len() > MAX_PEOPLE => {
                Err(SceneError::People { people: walks.len() })
            }
            Self::Script(walks) => walks.iter().enumerate().map(|(i, walk)| scripted(i, walk)).collect(),
            Self::Crowd(crowd) => {
                crowd.check()?;
                let walker = |i| crowd.course(i, f64::from(width), f64::from(height), seed);
                Ok((0..crowd.people).map(walker).collect())
            }
        }
    }
}

fn scripted(index: usize, walk: &SceneWalk) -> Result<Course, SceneError> {
    let wrong = |what| Err(SceneError::Path { walk: index, what });
    if walk.path.is_empty() {
        return wrong("no waypoints");
    }
    for point in &walk.path {
        let near = |v: f64| v.abs() <= MAX_DISTANCE;
        if !(near(point.time) && near(point.x) && near(point.y)) {
            return wrong("a time or place that is more than a million from 0");
        }
        if !FACE_WIDTHS.contains(&point.face) {
            return wrong("a face that is not 4 to 8192 pixels wide");
        }
    }
    if walk.path.windows(2).any(|w| w[0].time >= w[1].time) {
        return wrong("times that do not rise");
    }
    Ok(Course { portrait: walk.portrait, visits: vec![walk.path.clone()], period: None, lead: 0.0 })
}

impl SceneCrowd {
    fn check(&self) -> Result<(), SceneError> {
        if self.people > MAX_PEOPLE {
            return Err(SceneError::People { people: self.people });
        }
        let range = |what, range: &RangeInclusive<f64>, limits: RangeInclusive<f64>| {
            let fine = limits.contains(range.start()) && limits.contains(range.end()) && !range.is_empty();
            if fine {
                return Ok(());
            }
            Err(SceneError::Range { what, low: *range.start(), high: *range.end() })
        };
        range("face widths", &self.face, FACE_WIDTHS)?;
        range("speeds", &self.speed, f64::MIN_POSITIVE..=MAX_DISTANCE)
    }

    fn course(&self, walker: usize, width: f64, height: f64, seed: u64) -> Course {
        let mut random = Random::stream(seed, walker as u64);
        let mut visits = Vec::with_capacity(CROWD_VISITS);
        let mut time = 0.0;
        for _ in 0..CROWD_VISITS {
            let visit = self.visit(time, width, height, &mut random);
            time = visit.last().map_or(time, |p| p.time) + random.between(0.4, 2.0);
            visits.push(visit);
        }
        // At the start, each walker is somewhere on the first visit.
        let first = visits[0].last().map_or(0.0, |p| p.time);
        Course {
            portrait: Portrait::ALL[walker % Portrait::ALL.len()],
            visits,
            period: Some(time),
            lead: first * random.between(0.0, 0.8),
        }
    }

    /// Returns a visit: in at one side, through the picture, and out at the other or the same side.
    fn visit(&self, start: f64, width: f64, height: f64, random: &mut Random) -> Vec<Waypoint> {
        let speed = random.between(*self.speed.start(), *self.speed.end());
        let clamp = |face: f64| face.clamp(*self.face.start(), *self.face.end());
        let from = random.between(*self.face.start(), *self.face.end());
        let to = clamp(from * random.between(0.75, 1.33));
        let side = random.between(0.0, 1.0) < 0.5;
        let back = random.between(0.0, 1.0) < 0.25;
        // A body is about four faces wide.
        let outside = |left: bool, face: f64| if left { -2.2 * face } else { width + 2.2 * face };
        let level = |face: f64, random: &mut Random| (height * random.between(0.34, 0.42)).max(0.75 * face);
        let mut points = vec![(outside(side, from), level(from, random), from)];
        for step in [1.0, 2.0] {
            let part = step / 3.0 + random.between(-0.12, 0.12);
            let x = width * if side { part } else { 1.0 - part };
            let face = from + (to - from) * step / 3.0;
            points.push((x, level(face, random), face));
        }
        let exit = if back { side } else { !side };
        points.push((outside(exit, to), level(to, random), to));
        let mut path: Vec<Waypoint> = Vec::with_capacity(points.len());
        for (x, y, face) in points {
            let time = path.last().map_or(start, |last| {
                let dx = x - last.x;
                let dy = y - last.y;
                last.time + ((dx * dx + dy * dy).sqrt() / speed).max(1e-3)
            });
            path.push(Waypoint { time, x, y, face });
        }
        path
    }
}

impl Course {
    /// Returns the place of the walker at `time`, or `None` if the walker is away. `bob` is the height of a step in widths of the
    /// face.
    pub(super) fn at(&self, time: f64, bob: f64) -> Option<Stand> {
        let (round, time) = match self.period {
            Some(period) => {
                let round = ((time + self.lead) / period).floor();
                (round, time + self.lead - round * period)
            }
            None => (0.0, time),
        };
        let (index, path) = self.visits.iter().enumerate().find(|(_, path)| {
            path.len() == 1 || (path[0].time <= time && path.last().is_some_and(|p| time <= p.time))
        })?;
        let (now, moving) = between(path, time);
        let bob = if moving { bob * now.face * step(time * STEP_RATE) } else { 0.0 };
        let face = self.portrait.bbox();
        let scale = now.face / f64::from(face.width());
        let middle = face.center();
        Some(Stand {
            visit: round as u64 * self.visits.len() as u64 + index as u64,
            face: now.face,
            place: Place {
                scale,
                x: now.x - scale * f64::from(middle.x),
                y: now.y - bob - scale * f64::from(middle.y),
            },
        })
    }
}

/// Returns the point of the path at `time`, and true if the walker moves.
fn between(path: &[Waypoint], time: f64) -> (Waypoint, bool) {
    let next = path.partition_point(|p| p.time <= time).clamp(1, path.len().max(2) - 1);
    let a = path[next - 1];
    let b = *path.get(next).unwrap_or(&a);
    if b.time <= a.time {
        return (a, false);
    }
    let part = ((time - a.time) / (b.time - a.time)).clamp(0.0, 1.0);
    let mix = |a: f64, b: f64| a + (b - a) * part;
    let point = Waypoint { time, x: mix(a.x, b.x), y: mix(a.y, b.y), face: mix(a.face, b.face) };
    (point, (a.x, a.y) != (b.x, b.y))
}

/// Returns the height of the head within a step of length 1: a parabola with 0 at its ends and 1 in its middle.
fn step(time: f64) -> f64 {
    let part = time - time.floor();
    4.0 * part * (1.0 - part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(path: Vec<Waypoint>) -> Course {
        scripted(0, &SceneWalk { portrait: Portrait::Biden, path }).unwrap()
    }

    #[test]
    fn a_walker_is_there_only_between_the_waypoints() {
        let course = walk(vec![
            Waypoint::new(1.0, 100.0, 50.0, 40.0),
            Waypoint::new(2.0, 200.0, 50.0, 80.0),
            Waypoint::new(4.0, 200.0, 90.0, 80.0),
        ]);
        assert!(course.at(0.99, 0.0).is_none() && course.at(4.01, 0.0).is_none());
        let middle = Portrait::Biden.bbox().center();
        for (time, x, y, face) in
            [(1.0, 100.0, 50.0, 40.0), (1.5, 150.0, 50.0, 60.0), (4.0, 200.0, 90.0, 80.0)]
        {
            let stand = course.at(time, 0.0).unwrap();
            let place = stand.place;
            assert!((place.x + place.scale * f64::from(middle.x) - x).abs() < 1e-6);
            assert!((place.y + place.scale * f64::from(middle.y) - y).abs() < 1e-6);
            assert!((stand.face - face).abs() < 1e-9);
        }
    }

    #[test]
    fn a_walker_with_one_waypoint_stands_for_ever() {
        let course = walk(vec![Waypoint::new(3.0, 100.0, 50.0, 40.0)]);
        assert_eq!(course.at(0.0, 0.1), course.at(1e5, 0.1));
        assert!(course.at(0.0, 0.1).is_some());
    }

    #[test]
    fn a_crowd_never_stops_visiting() {
        let crowd = SceneCrowd { people: 1, face: 60.0..=120.0, speed: 80.0..=200.0 };
        let course = crowd.course(0, 640.0, 360.0, 5);
        let mut visits: Vec<u64> =
            (0..400_000).filter_map(|i| course.at(f64::from(i) / 10.0, 0.0).map(|s| s.visit)).collect();
        assert!(visits.is_sorted());
        visits.dedup();
        assert!(visits.windows(2).all(|w| w[1] == w[0] + 1), "no visit is left out");
        assert!(visits.len() > 1000);
    }
}
