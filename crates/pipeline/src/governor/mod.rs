//! Decides how many workers detect, on which frames, and how closely they look, within the capacity of the machine.
//!
//! [`Governor::decide`] is called about once a second (a tick) with the measured load. If queues are too full or
//! observations are late, it adds workers if CPUs are idle, and thins detection at once as far as a forecast demands. If
//! thinner detection is not enough, the detectors look at smaller copies of the frames. If there is room, it detects more after some calm ticks, one step at a time, and only if the forecast leaves room after the
//! step as well. If such a step must be undone, the wait before the next one doubles.
//!
//! It has no clock and no thread, so the same loads always lead to the same decisions.

mod camera_rates;
mod control;
mod detail;
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
use detail::DetailLevel;
use forecast::{Forecast, Shares};

/// The use of the workers and of the machine after a step to less detection. It keeps queues of two frames short and leaves
/// time for the readers.
const AFTER_THINNING: Shares = Shares { workers: 0.8, machine: 0.9 };
/// Their use after a step to more detection. It is lower, so that the step does not have to be undone.
const AFTER_RETURN: Shares = Shares { workers: 0.75, machine: 0.85 };
/// The use of the workers after one of them is removed.
const AFTER_FEWER: Shares = Shares { workers: 0.5, machine: 1.0 };
/// Workers that need more than this share of their time delay frames, even if no queue is full yet.
const BUSY_SHARE: f64 = 0.95;
/// Below these shares of use there is room, and thinner detection would not help.
const ROOM_SHARES: Shares = Shares { workers: 0.6, machine: 0.8 };
/// Another worker can run if at least this part of a CPU is idle.
const IDLE_CORES: f64 = 0.3;
/// A queue that is this full on average is about to drop frames.
const FULL_QUEUE_SHARE: f64 = 0.6;
/// Ages and queues are calm below this share of their limits.
const CALM_FACTOR: f64 = 0.7;
/// A camera is behind if it delivers less than this share of the rate that it states.
const ON_TIME_SHARE: f64 = 0.92;
/// The number of calm ticks before a step to more detection, at first and at most.
const CALM_TICKS: RangeInclusive<u32> = 5..=60;
/// A step to more detection has failed if it must be undone within the wait or this number of ticks.
const TRIAL_TICKS: u32 = 10;
/// Full queues in this number of ticks in a row are more than a hiccup.
const HICCUP_TICKS: u32 = 3;

/// Decides the number of detection workers and the cadence of each camera from the measured load.
///
/// All cameras aim at the same time between two detections, each with a whole cadence within the limits. For example, a
/// camera of 5 frames a second keeps every frame when one of 30 frames a second keeps every fourth.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_pipeline::{CameraLoad, Governor, GovernorLimits, GovernorLoad, GovernorReason};
/// use passerby_types::CameraId;
///
/// let mut governor = Governor::new(GovernorLimits { workers: 4..=4, ..GovernorLimits::default() });
/// let camera = CameraLoad { camera: CameraId(0), rate: 24.0, overrun: 3, ..CameraLoad::default() };
/// let cameras = [camera];
/// let detection_time = Duration::from_millis(10);
/// let load = GovernorLoad { workers: 4, worker_use: 0.7, detection_time, cores: 8, idle: Some(0.5), cameras: &cameras };
/// let decision = governor.decide(&load);
/// assert_eq!((decision.reason, governor.cadence(CameraId(0))), (GovernorReason::Dropping, 2));
/// ```
#[derive(Clone, Debug)]
pub struct Governor {
    limits: GovernorLimits,
    camera_rates: CameraRates,
    thinning: ThinningStep,
    detail: DetailLevel,
    /// The detail of the detections that the last load measured.
    measured_detail: DetailLevel,
    forecast: Forecast,
    /// The number of ticks in a row in which a step to more detection would have been right.
    calm: u32,
    /// The number of such ticks that it waits for.
    wait: u32,
    /// The number of ticks since the last such step, while it can still fail.
    trial: Option<u32>,
    /// The number of ticks in a row with full queues.
    hiccups: u32,
    /// True if the last tick led to less detection, so that part of this tick's load is from before it.
    settling: bool,
}

impl Governor {
    /// Creates a governor that starts with the least cadence and the number of workers of the first load.
    #[must_use]
    pub fn new(limits: GovernorLimits) -> Self {
        let GovernorLimits { workers, cadence, detail, max_age_p95 } = limits;
        let fewest = (*workers.start()).max(1);
        let most_workers = (*workers.end()).max(fewest);
        let least = (*cadence.start()).max(1);
        let most = (*cadence.end()).max(least);
        let detail = DetailLevel::new(&detail);
        Self {
            limits: GovernorLimits {
                workers: fewest..=most_workers,
                cadence: least..=most,
                detail: detail.limits(),
                max_age_p95,
            },
            thinning: ThinningStep { step: 0, least, most },
            detail,
            measured_detail: detail,
            camera_rates: CameraRates::default(),
            forecast: Forecast::default(),
            calm: 0,
            wait: *CALM_TICKS.start(),
            trial: None,
            hiccups: 0,
            settling: false,
        }
    }

    /// Returns the limits, in which no range is empty.
    #[must_use]
    pub fn limits(&self) -> &GovernorLimits {
        &self.limits
    }

    /// Returns the cadence of a camera: the detector runs on one of every `cadence` frames. Returns the greatest cadence of all
    /// cameras if this one was not in the last load or has given no frame yet.
    #[must_use]
    pub fn cadence(&self, camera: CameraId) -> u64 {
        self.camera_rates.cadence(camera, self.thinning)
    }

    /// Returns the detail with which the detector looks at the frames of all cameras; see
    /// [`FrameMeta::detail`](passerby_types::FrameMeta::detail).
    #[must_use]
    pub fn detail(&self) -> f32 {
        self.detail.detail()
    }

    /// Returns the decision until the next tick for the load since the last one. Allocates only if there are more cameras than
    /// ever before.
    ///
    /// If there are no cameras, the cadence returns to the least and the detail to the greatest at once. If all cameras are silent, nothing changes.
    pub fn decide(&mut self, load: &GovernorLoad<'_>) -> GovernorDecision {
        if load.cameras.len() < self.camera_rates.len() {
            // The load under which a step failed is gone.
            self.wait = *CALM_TICKS.start();
            self.trial = None;
        }
        let changed = self.camera_rates.update(load.cameras, self.thinning);
        self.forecast.update(load);
        let workers = load.workers.clamp(*self.limits.workers.start(), *self.limits.workers.end());
        let before = self.thinning;
        self.measured_detail = self.detail;
        let (workers, reason) = match self.trouble(load, workers) {
            Some(reason) => self.relieve(reason, workers, load.cores),
            None => self.relax(load, workers),
        };
        let changed = changed
            || workers != load.workers
            || self.camera_rates.differ(before, self.thinning)
            || self.detail != self.measured_detail;
        self.forecast.scale(self.detail.cost_over(self.measured_detail));
        let cadence = self.camera_rates.greatest(self.thinning);
        GovernorDecision { workers, cadence, detail: self.detail.detail(), changed, reason }
    }

    /// Returns the detections per second at a step and a level of detail, in detections of the measured detail.
    fn demand(&self, thinning: ThinningStep, detail: DetailLevel) -> f64 {
        self.camera_rates.demand(thinning) * detail.cost_over(self.measured_detail)
    }

    /// Goes one step to less detection: first to a greater cadence, then to less detail. Returns false at the limits of both.
    fn detect_less(&mut self) -> bool {
        if let Some(thinning) = self.camera_rates.thinner(self.thinning) {
            self.thinning = thinning;
        } else if let Some(detail) = self.detail.lower() {
            self.detail = detail;
        } else {
            return false;
        }
        true
    }

    /// Returns the next step to more detection, or `None` if no camera would get more.
    fn more_detection(&self) -> Option<(ThinningStep, DetailLevel)> {
        if let Some(detail) = self.detail.higher() {
            return Some((self.thinning, detail));
        }
        self.camera_rates.denser(self.thinning).map(|thinning| (thinning, self.detail))
    }

    /// Returns the reason for less detection, or `None` if the machine carries the load.
    fn trouble(&mut self, load: &GovernorLoad<'_>, workers: usize) -> Option<GovernorReason> {
        let demand = self.demand(self.thinning, self.detail);
        let room = sane(load.worker_use.into()) < ROOM_SHARES.workers
            && self.forecast.fits(demand, workers, ROOM_SHARES);
        let mut dropping = load.cameras.iter().filter(|camera| camera.overrun > 0).peekable();
        if dropping.peek().is_some() {
            self.hiccups += 1;
            let room = room && !self.camera_rates.fresh();
            let passes = room || dropping.all(|camera| self.camera_rates.catches_up(camera.camera));
            let passes = passes && self.hiccups < HICCUP_TICKS;
            return Some(if passes { GovernorReason::Hiccup } else { GovernorReason::Dropping });
        }
        self.hiccups = 0;
        if room {
            return None;
        }
        if many_later(load.cameras, self.limits.max_age_p95) {
            return Some(GovernorReason::Late);
        }
        if fullest(load.cameras) >= FULL_QUEUE_SHARE {
            return Some(GovernorReason::Filling);
        }
        let starved = self.forecast.full() && many_behind(load.cameras);
        (starved || self.forecast.workers(demand, workers) > BUSY_SHARE).then_some(GovernorReason::Busy)
    }

    /// Adds workers if there are CPUs for them, then thins detection until the forecast fits.
    fn relieve(&mut self, reason: GovernorReason, workers: usize, cores: usize) -> (usize, GovernorReason) {
        self.calm = 0;
        if reason == GovernorReason::Hiccup {
            return (workers, reason);
        }
        let mut more = self.more_workers(workers);
        let mut acted = more != workers;
        while !self.forecast.fits(self.demand(self.thinning, self.detail), more, AFTER_THINNING)
            && self.detect_less()
        {
            acted = true;
        }
        if !acted && self.settling {
            // The change of the last tick should be enough.
            self.settling = false;
            return (workers, reason);
        }
        if !acted {
            // The forecast is wrong, or no step fits. If no CPU is idle, more workers still get a greater share of the CPUs.
            let another = workers < *self.limits.workers.end();
            if another && self.forecast.idle_cores(workers) >= IDLE_CORES {
                more = workers + 1;
                acted = true;
            } else if self.detect_less() {
                acted = true;
            } else if another && workers < cores {
                more = workers + 1;
                acted = true;
            }
        }
        self.settling = acted;
        if !acted {
            return (workers, GovernorReason::Overloaded);
        }
        if self.trial.take().is_some_and(|ticks| ticks <= self.wait.max(TRIAL_TICKS)) {
            self.wait = (self.wait * 2).min(*CALM_TICKS.end());
        }
        (more, reason)
    }

    /// Returns the number of workers that the present detections need, as far as CPUs are idle.
    fn more_workers(&self, workers: usize) -> usize {
        let most = *self.limits.workers.end();
        let idle = self.forecast.idle_cores(workers);
        let demand = self.demand(self.thinning, self.detail);
        let mut more = workers;
        while more < most
            && (more - workers) as f64 + IDLE_CORES <= idle
            && self.forecast.workers(demand, more) > AFTER_THINNING.workers
        {
            more += 1;
        }
        more
    }

    /// Waits for calm ticks, then steps to more detection, and after that to fewer workers.
    fn relax(&mut self, load: &GovernorLoad<'_>, workers: usize) -> (usize, GovernorReason) {
        self.settling = false;
        if let Some(ticks) = &mut self.trial {
            *ticks += 1;
            if *ticks > self.wait.max(TRIAL_TICKS) {
                self.wait = (self.wait / 2).max(*CALM_TICKS.start());
                self.trial = None;
            }
        }
        if self.camera_rates.len() == 0 {
            self.thinning = self.thinning.at(0);
            self.detail = self.detail.highest();
            self.calm = 0;
            return (workers, GovernorReason::Steady);
        }
        let calm = !self.camera_rates.silent()
            && !many_later(load.cameras, self.limits.max_age_p95.mul_f64(CALM_FACTOR))
            && fullest(load.cameras) < FULL_QUEUE_SHARE * CALM_FACTOR;
        if !self.camera_rates.differ(self.thinning, self.thinning.at(0)) {
            // The thinned cameras have ended, so the next ones start from the least cadence.
            self.thinning = self.thinning.at(0);
        }
        let more = self.more_detection();
        let ((thinning, detail), fewer, shares) = match more {
            Some(step) => (step, workers, AFTER_RETURN),
            None if workers > *self.limits.workers.start() => {
                ((self.thinning, self.detail), workers - 1, AFTER_FEWER)
            }
            None => {
                self.calm = 0;
                return (workers, GovernorReason::Steady);
            }
        };
        self.calm = if calm && self.forecast.fits(self.demand(thinning, detail), fewer, shares) {
            self.calm + 1
        } else {
            0
        };
        if self.calm < self.wait {
            return (workers, GovernorReason::Steady);
        }
        self.thinning = thinning;
        self.detail = detail;
        self.calm = 0;
        self.trial = Some(0);
        (fewer, if more.is_some() { GovernorReason::Spare } else { GovernorReason::Idle })
    }
}

/// Returns true if half of the cameras that state a rate deliver clearly less. On a full machine their readers have no time
/// to decode.
fn many_behind(cameras: &[CameraLoad]) -> bool {
    let stated = || cameras.iter().filter_map(|camera| Some((camera.rate, camera.stated_rate?)));
    let behind = stated().filter(|&(rate, stated)| rate > 0.0 && rate < stated * ON_TIME_SHARE).count();
    behind > 0 && 2 * behind >= stated().count()
}

/// Returns true if half of the cameras with observations have them later than `age`. A single camera may be late for its own
/// reasons.
fn many_later(cameras: &[CameraLoad], age: Duration) -> bool {
    let ages = || cameras.iter().filter_map(|camera| camera.age_p95);
    let late = ages().filter(|&p95| p95 > age).count();
    late > 0 && 2 * late >= ages().count()
}

/// Returns how full the fullest queue is.
fn fullest(cameras: &[CameraLoad]) -> f64 {
    cameras.iter().map(|camera| sane(camera.queue_fill.into())).fold(0.0, f64::max)
}
