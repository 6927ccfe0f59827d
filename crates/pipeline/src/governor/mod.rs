//! Chooses how many workers detect, and on which frames, by what the machine can carry.
//!
//! Once a tick, about a second, [`Governor::decide`] looks at what was measured. When queues are too full or results
//! come late it takes more workers where CPUs are idle, and thins detection as far as a forecast says is needed, at
//! once. When there is room it goes back a step at a time, after some calm ticks, and only where the forecast leaves
//! room after the step as well. A step back that has to be taken back doubles the wait before the next.
//!
//! It has no clock and no thread, so the same measurements always give the same decisions.

mod camera_rates;
mod control;
mod forecast;
mod idle;
pub(crate) mod load;
pub(crate) mod monitor;
mod quota;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;
mod stuck_calls;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use passerby_types::CameraId;

pub use load::{CameraLoad, GovernorDecision, GovernorLimits, GovernorLoad, GovernorReason};

use camera_rates::{CameraRates, ThinningStep, sane};
use forecast::{Forecast, Shares};

/// What the workers and the machine may be used after a step to less detection: queues of two frames stay short, and
/// the readers get their turns.
const AFTER_THINNING: Shares = Shares { workers: 0.8, machine: 0.9 };
/// What they may be used after a step to more detection: less, so that it does not call for the opposite.
const AFTER_RETURN: Shares = Shares { workers: 0.75, machine: 0.85 };
/// The workers may be used so far with one fewer of them.
const AFTER_FEWER: Shares = Shares { workers: 0.5, machine: 1.0 };
/// Workers wanted beyond this share of their time hold frames up, whether it shows yet or not.
const BUSY: f64 = 0.95;
/// Below these shares of use there is room, and thinner detection would help nobody.
const ROOM: Shares = Shares { workers: 0.6, machine: 0.8 };
/// With this much of a CPU idle another worker finds time to run.
const IDLE: f64 = 0.3;
/// A queue this full on the mean is about to drop.
const FULL: f64 = 0.6;
/// Ages and queues are calm below this share of what is trouble.
const CALM: f64 = 0.7;
/// Below this share of the rate it states a camera is behind.
const ON_TIME: f64 = 0.92;
/// Calm ticks before a step back, at first and at most.
const WAIT: RangeInclusive<u32> = 5..=60;
/// A step back has failed if it has to be taken back within the wait or this many ticks.
const TRIAL: u32 = 10;
/// Full queues for so many ticks are no hiccup.
const HICCUP: u32 = 3;

/// Decides, from what was measured, the detection workers and the cadence of each camera.
///
/// All cameras aim at the same time between two detections, each with a whole cadence within the limits, so a camera of
/// 5 frames a second keeps every frame where one of 30 keeps every fourth.
#[derive(Clone, Debug)]
pub struct Governor {
    limits: GovernorLimits,
    roster: CameraRates,
    rung: ThinningStep,
    forecast: Forecast,
    /// Ticks for which a step back would have been right.
    calm: u32,
    /// Ticks that it must have been.
    wait: u32,
    /// Ticks since the last step back, while it can still fail.
    trial: Option<u32>,
    /// Ticks with full queues in spite of room.
    hiccups: u32,
    /// The last tick called for less detection, and part of what this one saw may be from before.
    settling: bool,
}

impl Governor {
    /// Starts with the least cadence, and the workers that the first load names.
    #[must_use]
    pub fn new(limits: GovernorLimits) -> Self {
        let GovernorLimits { workers, cadence, age } = limits;
        let ((fewer, more), (least, most)) = (workers.into_inner(), cadence.into_inner());
        let (fewer, least) = (fewer.max(1), least.max(1));
        let (more, most) = (more.max(fewer), most.max(least));
        Self {
            limits: GovernorLimits { workers: fewer..=more, cadence: least..=most, age },
            rung: ThinningStep { step: 0, least, most },
            roster: CameraRates::default(),
            forecast: Forecast::default(),
            calm: 0,
            wait: *WAIT.start(),
            trial: None,
            hiccups: 0,
            settling: false,
        }
    }

    /// The limits, with every range made one that holds something.
    #[must_use]
    pub fn limits(&self) -> &GovernorLimits {
        &self.limits
    }

    /// The cadence of a camera: the detector runs on every so many of its frames. A camera that was not in the last
    /// load, or has given no frame so far, gets the greatest of any.
    #[must_use]
    pub fn cadence(&self, camera: CameraId) -> u64 {
        self.roster.cadence(camera, self.rung)
    }

    /// Takes what was measured since the last tick, and says what is to be until the next. Allocates only when there
    /// are more cameras than ever before.
    ///
    /// Without cameras the cadence is the least again at once; while all are silent nothing changes.
    pub fn decide(&mut self, load: &GovernorLoad<'_>) -> GovernorDecision {
        if load.cameras.len() < self.roster.len() {
            // What a step back failed under is gone.
            (self.wait, self.trial) = (*WAIT.start(), None);
        }
        let changed = self.roster.update(load.cameras, self.rung);
        self.forecast.update(load);
        let workers = load.workers.clamp(*self.limits.workers.start(), *self.limits.workers.end());
        let before = self.rung;
        let (workers, reason) = match self.trouble(load, workers) {
            Some(reason) => self.relieve(reason, workers, load.cores),
            None => self.relax(load, workers),
        };
        let changed = changed || workers != load.workers || self.roster.differ(before, self.rung);
        GovernorDecision { workers, cadence: self.roster.greatest(self.rung), changed, reason }
    }

    /// What calls for less detection or for a second look, if anything.
    fn trouble(&mut self, load: &GovernorLoad<'_>, workers: usize) -> Option<GovernorReason> {
        let demand = self.roster.demand(self.rung);
        let room = sane(load.busy.into()) < ROOM.workers && self.forecast.fits(demand, workers, ROOM);
        let mut dropping = load.cameras.iter().filter(|camera| camera.overrun > 0).peekable();
        if dropping.peek().is_some() {
            self.hiccups += 1;
            let room = room && !self.roster.fresh();
            let passes = room || dropping.all(|camera| self.roster.catches_up(camera.camera));
            let passes = passes && self.hiccups < HICCUP;
            return Some(if passes { GovernorReason::Hiccup } else { GovernorReason::Dropping });
        }
        self.hiccups = 0;
        if room {
            return None;
        }
        if many_later(load.cameras, self.limits.age) {
            return Some(GovernorReason::Late);
        }
        if fullest(load.cameras) >= FULL {
            return Some(GovernorReason::Filling);
        }
        let starved = self.forecast.full() && many_behind(load.cameras);
        (starved || self.forecast.workers(demand, workers) > BUSY).then_some(GovernorReason::Busy)
    }

    /// More workers where there are CPUs for them, then thinner detection until the forecast fits.
    fn relieve(&mut self, reason: GovernorReason, workers: usize, cores: usize) -> (usize, GovernorReason) {
        self.calm = 0;
        if reason == GovernorReason::Hiccup {
            return (workers, reason);
        }
        let mut more = self.more_workers(workers);
        let start = self.rung;
        while !self.forecast.fits(self.roster.demand(self.rung), more, AFTER_THINNING) {
            let Some(rung) = self.roster.thinner(self.rung) else { break };
            self.rung = rung;
        }
        let mut acted = more != workers || self.rung != start;
        if !acted && self.settling {
            // What was done a tick ago should do.
            self.settling = false;
            return (workers, reason);
        }
        if !acted {
            // The forecast is wrong, or nothing fits. Without an idle CPU more workers still get a greater share of it.
            let another = workers < *self.limits.workers.end();
            let thinner = self.roster.thinner(self.rung);
            if another && self.forecast.idle_cores(workers) >= IDLE {
                (more, acted) = (workers + 1, true);
            } else if let Some(rung) = thinner {
                (self.rung, acted) = (rung, true);
            } else if another && workers < cores {
                (more, acted) = (workers + 1, true);
            }
        }
        self.settling = acted;
        if !acted {
            return (workers, GovernorReason::Overloaded);
        }
        if self.trial.take().is_some_and(|ticks| ticks <= self.wait.max(TRIAL)) {
            self.wait = (self.wait * 2).min(*WAIT.end());
        }
        (more, reason)
    }

    /// As many workers as the present detections need, where they are short and CPUs are idle.
    fn more_workers(&self, workers: usize) -> usize {
        let most = *self.limits.workers.end();
        let idle = self.forecast.idle_cores(workers);
        let demand = self.roster.demand(self.rung);
        let mut more = workers;
        while more < most
            && (more - workers) as f64 + IDLE <= idle
            && self.forecast.workers(demand, more) > AFTER_THINNING.workers
        {
            more += 1;
        }
        more
    }

    /// Waits for calm, then steps back: first to more detection, then to fewer workers.
    fn relax(&mut self, load: &GovernorLoad<'_>, workers: usize) -> (usize, GovernorReason) {
        self.settling = false;
        if let Some(ticks) = &mut self.trial {
            *ticks += 1;
            if *ticks > self.wait.max(TRIAL) {
                self.wait = (self.wait / 2).max(*WAIT.start());
                self.trial = None;
            }
        }
        if self.roster.len() == 0 {
            (self.rung, self.calm) = (self.rung.at(0), 0);
            return (workers, GovernorReason::Steady);
        }
        let calm = !self.roster.silent()
            && !many_later(load.cameras, self.limits.age.mul_f64(CALM))
            && fullest(load.cameras) < FULL * CALM;
        if !self.roster.differ(self.rung, self.rung.at(0)) {
            // Those that were thinned have ended; what comes next starts anew.
            self.rung = self.rung.at(0);
        }
        let denser = self.roster.denser(self.rung);
        let (rung, fewer, shares) = match denser {
            Some(rung) => (rung, workers, AFTER_RETURN),
            None if workers > *self.limits.workers.start() => (self.rung, workers - 1, AFTER_FEWER),
            None => {
                self.calm = 0;
                return (workers, GovernorReason::Steady);
            }
        };
        self.calm = if calm && self.forecast.fits(self.roster.demand(rung), fewer, shares) {
            self.calm + 1
        } else {
            0
        };
        if self.calm < self.wait {
            return (workers, GovernorReason::Steady);
        }
        (self.rung, self.calm, self.trial) = (rung, 0, Some(0));
        (fewer, if denser.is_some() { GovernorReason::Spare } else { GovernorReason::Idle })
    }
}

/// True where half of the cameras that state a rate deliver clearly less: on a machine that is full their readers do
/// not get to decode.
fn many_behind(cameras: &[CameraLoad]) -> bool {
    let stated = || cameras.iter().filter_map(|camera| Some((camera.rate, camera.stated?)));
    let behind = stated().filter(|&(rate, stated)| rate > 0.0 && rate < stated * ON_TIME).count();
    behind > 0 && 2 * behind >= stated().count()
}

/// True where half of the cameras that have results have them later than this. A single one may be late for reasons of
/// its own.
fn many_later(cameras: &[CameraLoad], age: Duration) -> bool {
    let ages = || cameras.iter().filter_map(|camera| camera.age_p95);
    let late = ages().filter(|&p95| p95 > age).count();
    late > 0 && 2 * late >= ages().count()
}

/// How full the fullest queue is.
fn fullest(cameras: &[CameraLoad]) -> f64 {
    cameras.iter().map(|camera| sane(camera.fill.into())).fold(0.0, f64::max)
}
