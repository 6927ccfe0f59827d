//! Who walks where: scripts, crowds, and where a walker is at a given time.

use std::ops::RangeInclusive;

use super::render::Place;
use super::{Portrait, SceneError};
use crate::random::Random;

/// A point of a walk: where the face is at a time. Between two points everything changes linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waypoint {
    /// Seconds since the start of the scene.
    pub time: f64,
    /// The centre of the face's box, in pixels to the right. May lie outside the picture.
    pub x: f64,
    /// The centre of the face's box, in pixels down. May lie outside the picture.
    pub y: f64,
    /// The width of the face's box in pixels: 4 to 8192. The wider, the nearer: nearer people hide farther ones.
    pub face: f64,
}

impl Waypoint {
    /// The point (x, y) at `time` with a face `face` pixels wide.
    #[must_use]
    pub const fn new(time: f64, x: f64, y: f64, face: f64) -> Self {
        Self { time, x, y, face }
    }
}

/// One visit of one person: there from the time of the first waypoint until that of the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Who, and in which photograph.
    pub portrait: Portrait,
    /// Where, by rising time. A single waypoint is somebody who stands there through the whole scene.
    pub path: Vec<Waypoint>,
}

/// People who walk to and fro at random, leave and come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowd {
    /// How many, 0 to 1000. Walker `i` has portrait `i % 5` of [`Portrait::ALL`], so up to three are three different
    /// persons and more than three repeat persons.
    pub people: usize,
    /// The widths of the faces' boxes in pixels: within 4 to 8192.
    pub face: RangeInclusive<f64>,
    /// Speeds in pixels a second: above 0.
    pub speed: RangeInclusive<f64>,
}

impl Default for Crowd {
    /// Three people with faces 60 to 140 pixels wide, at 120 to 260 pixels a second.
    fn default() -> Self {
        Self { people: 3, face: 60.0..=140.0, speed: 120.0..=260.0 }
    }
}

/// The people of a scene.
#[derive(Clone, Debug, PartialEq)]
pub enum Cast {
    /// Random walks.
    Crowd(Crowd),
    /// Walks told one by one; two walks of the same person are two visits. Empty: nobody.
    Script(Vec<Walk>),
}

/// The narrowest and the widest face in pixels.
const FACE: RangeInclusive<f64> = 4.0..=8192.0;
/// How far from the origin a waypoint may lie, in pixels and in seconds.
const FAR: f64 = 1e6;
/// How many walkers there may be.
const PEOPLE: usize = 1000;
/// How many visits a walker of a crowd makes before they repeat.
const VISITS: usize = 8;
/// Steps a second.
const CADENCE: f64 = 1.8;

/// One walker's whole way through the scene.
pub(super) struct Course {
    pub(super) portrait: Portrait,
    visits: Vec<Vec<Waypoint>>,
    /// After so many seconds the visits repeat; `None`: never.
    period: Option<f64>,
    /// Seconds into the course at the scene's start.
    lead: f64,
}

/// Where a walker's face is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stand {
    /// Which visit, from 0.
    pub(super) visit: u64,
    /// The width of the face's box.
    pub(super) face: f64,
    pub(super) place: Place,
}

impl Cast {
    /// The courses of all walkers of a picture of this size.
    pub(super) fn courses(&self, width: u32, height: u32, seed: u64) -> Result<Vec<Course>, SceneError> {
        match self {
            Self::Script(walks) if walks.len() > PEOPLE => Err(SceneError::People { people: walks.len() }),
            Self::Script(walks) => walks.iter().enumerate().map(|(i, walk)| scripted(i, walk)).collect(),
            Self::Crowd(crowd) => {
                crowd.check()?;
                let walker = |i| crowd.course(i, f64::from(width), f64::from(height), seed);
                Ok((0..crowd.people).map(walker).collect())
            }
        }
    }
}

fn scripted(walk: usize, told: &Walk) -> Result<Course, SceneError> {
    let wrong = |what| Err(SceneError::Path { walk, what });
    if told.path.is_empty() {
        return wrong("no waypoints");
    }
    for point in &told.path {
        let near = |v: f64| v.abs() <= FAR;
        if !(near(point.time) && near(point.x) && near(point.y)) {
            return wrong("a time or place that is not within a million of 0");
        }
        if !FACE.contains(&point.face) {
            return wrong("a face that is not 4 to 8192 pixels wide");
        }
    }
    if told.path.windows(2).any(|w| w[0].time >= w[1].time) {
        return wrong("times that do not rise");
    }
    Ok(Course { portrait: told.portrait, visits: vec![told.path.clone()], period: None, lead: 0.0 })
}

impl Crowd {
    fn check(&self) -> Result<(), SceneError> {
        if self.people > PEOPLE {
            return Err(SceneError::People { people: self.people });
        }
        let range = |what, range: &RangeInclusive<f64>, limits: RangeInclusive<f64>| {
            let fine = limits.contains(range.start()) && limits.contains(range.end()) && !range.is_empty();
            let (low, high) = (*range.start(), *range.end());
            if fine { Ok(()) } else { Err(SceneError::Range { what, low, high }) }
        };
        range("face widths", &self.face, FACE)?;
        range("speeds", &self.speed, f64::MIN_POSITIVE..=FAR)
    }

    fn course(&self, walker: usize, width: f64, height: f64, seed: u64) -> Course {
        let mut random = Random::stream(seed, walker as u64);
        let mut visits = Vec::with_capacity(VISITS);
        let mut time = 0.0;
        for _ in 0..VISITS {
            let visit = self.visit(time, width, height, &mut random);
            time = visit.last().map_or(time, |p| p.time) + random.between(0.4, 2.0);
            visits.push(visit);
        }
        // At the start each is somewhere on the first visit.
        let first = visits[0].last().map_or(0.0, |p| p.time);
        Course {
            portrait: Portrait::ALL[walker % Portrait::ALL.len()],
            visits,
            period: Some(time),
            lead: first * random.between(0.0, 0.8),
        }
    }

    /// In at one side, through the picture, out at the other side or back.
    fn visit(&self, start: f64, width: f64, height: f64, random: &mut Random) -> Vec<Waypoint> {
        let speed = random.between(*self.speed.start(), *self.speed.end());
        let clamp = |face: f64| face.clamp(*self.face.start(), *self.face.end());
        let (near, far) = (random.between(*self.face.start(), *self.face.end()), random.between(0.75, 1.33));
        let (from, to) = (near, clamp(near * far));
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
                let (dx, dy) = (x - last.x, y - last.y);
                last.time + ((dx * dx + dy * dy).sqrt() / speed).max(1e-3)
            });
            path.push(Waypoint { time, x, y, face });
        }
        path
    }
}

impl Course {
    /// Where the walker is at `time`; `None` while away. `bob` is the height of a step in widths of the face.
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
        let bob = if moving { bob * now.face * step(time * CADENCE) } else { 0.0 };
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

/// The point of the path at `time`, and whether the walker moves at all.
fn between(path: &[Waypoint], time: f64) -> (Waypoint, bool) {
    let next = path.partition_point(|p| p.time <= time).clamp(1, path.len().max(2) - 1);
    let (a, b) = (path[next - 1], *path.get(next).unwrap_or(&path[next - 1]));
    if b.time <= a.time {
        return (a, false);
    }
    let part = ((time - a.time) / (b.time - a.time)).clamp(0.0, 1.0);
    let mix = |a: f64, b: f64| a + (b - a) * part;
    let point = Waypoint { time, x: mix(a.x, b.x), y: mix(a.y, b.y), face: mix(a.face, b.face) };
    (point, (a.x, a.y) != (b.x, b.y))
}

/// The height of the head over a step of length 1: 0 at its ends, 1 in its middle, a parabola between.
fn step(time: f64) -> f64 {
    let part = time - time.floor();
    4.0 * part * (1.0 - part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(path: Vec<Waypoint>) -> Course {
        scripted(0, &Walk { portrait: Portrait::Biden, path }).unwrap()
    }

    #[test]
    fn a_walker_is_between_the_waypoints_and_away_before_and_after() {
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
    fn one_waypoint_stands_for_ever() {
        let course = walk(vec![Waypoint::new(3.0, 100.0, 50.0, 40.0)]);
        assert_eq!(course.at(0.0, 0.1), course.at(1e5, 0.1));
        assert!(course.at(0.0, 0.1).is_some());
    }

    #[test]
    fn a_crowd_goes_on_for_ever_and_counts_its_visits() {
        let crowd = Crowd { people: 1, face: 60.0..=120.0, speed: 80.0..=200.0 };
        let course = crowd.course(0, 640.0, 360.0, 5);
        let mut visits: Vec<u64> =
            (0..400_000).filter_map(|i| course.at(f64::from(i) / 10.0, 0.0).map(|s| s.visit)).collect();
        assert!(visits.is_sorted());
        visits.dedup();
        assert!(visits.windows(2).all(|w| w[1] == w[0] + 1), "no visit is left out");
        assert!(visits.len() > 1000);
    }
}
