//! Which cadence each camera gets.
//!
//! All cameras aim at one spacing, the time between two detections, so that a slow camera is thinned later than a fast
//! one, and none is thinned for what another does. Spacings are rungs of a ladder: at rung 0 every camera has the least
//! cadence.

use passerby_types::CameraId;

use super::load::CameraLoad;

/// The spacing of rung 1, in seconds: too short to thin a camera of 100 frames a second.
const SHORTEST: f64 = 0.01;
/// Each rung's spacing to that below. No cadence up to 6 lies between two rungs: 5.5 / 4.5 is more.
const RATIO: f64 = 1.2;
/// The highest rung, 12 seconds: a limit for loops.
pub(super) const TOP: u32 = 40;
/// For so many ticks a camera is new: its rate is taken as it comes. Later a rate must be another one for as long
/// before it is believed, since a source that stalled and catches up shows no rate of its own.
const TICKS: u32 = 3;

/// The cameras there are, and the rates that their cadences are chosen by.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    cameras: Vec<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    camera: CameraId,
    /// Frames a second since the last tick.
    now: f64,
    /// Frames a second that the cadence is chosen by. Counts over a second scatter, this stays.
    rate: f64,
    /// Ticks since it came, up to [`TICKS`].
    seen: u32,
    /// Ticks for which `now` has been another rate than `rate`.
    other: u32,
    /// It was in the last load.
    here: bool,
}

/// The cadences of a rung for a range of allowed ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rung {
    pub(super) step: u32,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Rung {
    pub(super) fn at(self, step: u32) -> Self {
        Self { step, ..self }
    }

    fn spacing(self) -> f64 {
        if self.step == 0 { 0.0 } else { SHORTEST * RATIO.powf(f64::from(self.step - 1)) }
    }

    fn cadence(self, rate: f64) -> u64 {
        ((rate * self.spacing()).round() as u64).clamp(self.least, self.most)
    }
}

/// The number, or 0 where it is none, negative or infinite.
pub(super) fn sane(number: f64) -> f64 {
    if number.is_finite() { number.max(0.0) } else { 0.0 }
}

impl Roster {
    /// Takes the cameras of a tick: new ones in, absent ones out. True where a camera came, or has another cadence by
    /// its rate.
    pub(super) fn update(&mut self, loads: &[CameraLoad], rung: Rung) -> bool {
        let mut changed = false;
        self.cameras.iter_mut().for_each(|known| known.here = false);
        for load in loads {
            let now = sane(load.rate);
            match self.cameras.iter_mut().find(|known| known.camera == load.camera) {
                Some(known) => {
                    let before = known.rate;
                    known.tick(now);
                    changed |= rung.cadence(before) != rung.cadence(known.rate);
                }
                None => {
                    let camera = load.camera;
                    changed = true;
                    self.cameras.push(Known { camera, now, rate: now, seen: 1, other: 0, here: true });
                }
            }
        }
        self.cameras.retain(|known| known.here);
        changed
    }

    /// True where a camera has another cadence on one rung than on the other.
    pub(super) fn differ(&self, one: Rung, other: Rung) -> bool {
        self.cameras.iter().any(|known| one.cadence(known.rate) != other.cadence(known.rate))
    }

    pub(super) fn len(&self) -> usize {
        self.cameras.len()
    }

    /// True while no camera gives frames.
    pub(super) fn silent(&self) -> bool {
        self.cameras.iter().all(|known| known.now == 0.0)
    }

    /// True while a camera is new.
    pub(super) fn fresh(&self) -> bool {
        self.cameras.iter().any(|known| known.seen < TICKS)
    }

    /// The camera's cadence. One that was not in the last load gets the greatest: what it brings is unknown.
    pub(super) fn cadence(&self, camera: CameraId, rung: Rung) -> u64 {
        let known = self.cameras.iter().find(|known| known.camera == camera);
        known.map_or_else(|| self.greatest(rung), |known| rung.cadence(known.rate))
    }

    /// The greatest cadence of any camera, the least there is without cameras.
    pub(super) fn greatest(&self, rung: Rung) -> u64 {
        self.cameras.iter().map(|known| rung.cadence(known.rate)).max().unwrap_or(rung.least)
    }

    /// The detections a second that a rung asks for.
    pub(super) fn demand(&self, rung: Rung) -> f64 {
        self.cameras.iter().map(|known| known.now / rung.cadence(known.rate) as f64).sum()
    }

    /// The next rung with less detection, or `None` where the cameras that most frames come from have the greatest
    /// cadence: to thin the few frames of slow ones would relieve nobody.
    pub(super) fn thinner(&self, rung: Rung) -> Option<Rung> {
        let demand = self.demand(rung);
        let (mut frames, mut squares) = (0.0, 0.0);
        for known in self.cameras.iter().filter(|known| known.now > 0.0) {
            frames += known.rate;
            squares += known.rate * known.rate;
        }
        let typical = if frames > 0.0 { squares / frames } else { 0.0 };
        (rung.step + 1..=TOP)
            .map(|step| rung.at(step))
            .take_while(|next| next.at(next.step - 1).cadence(typical) < rung.most)
            .find(|next| self.demand(*next) < demand)
    }

    /// The next rung with more detection, or `None` where no camera would get more.
    pub(super) fn denser(&self, rung: Rung) -> Option<Rung> {
        let demand = self.demand(rung);
        (0..rung.step).rev().map(|step| rung.at(step)).find(|next| self.demand(*next) > demand)
    }
}

impl Known {
    fn tick(&mut self, now: f64) {
        (self.now, self.here) = (now, true);
        // A second's count is off by one; a silent camera has no other rate, but none.
        let same = now == 0.0 || (now - self.rate).abs() <= f64::max(1.5, 0.15 * self.rate);
        self.other = if same { 0 } else { self.other + 1 };
        if self.rate == 0.0 || self.seen < TICKS || self.other >= TICKS {
            self.rate = if now > 0.0 { now } else { self.rate };
            self.other = 0;
        }
        self.seen = TICKS.min(self.seen + 1);
    }
}
