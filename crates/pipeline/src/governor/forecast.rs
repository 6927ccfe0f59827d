//! How much of the workers and of the machine a number of detections a second would take.

use super::camera_rates::sane;
use super::load::GovernorLoad;

/// What was measured, in seconds and shares, as far as it bears on what would be.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    /// Seconds of a detection by the clock on the wall; 0 until one was measured.
    call: f64,
    /// CPU seconds of a detection. A call's time by the clock is that and the waits for a CPU: it is taken while the
    /// machine has room, and kept otherwise.
    cost: f64,
    /// Detections done a second.
    done: f64,
    /// The share of the machine that is in use, where known.
    used: Option<f64>,
    cores: f64,
}

/// Shares of use: of the workers' time, and of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) workers: f64,
    pub(super) machine: f64,
}

/// With this share of the machine idle, a call hardly waits for a CPU.
const UNDISTURBED: f64 = 0.3;
/// From this share on the machine has nothing left to give.
const FULL: f64 = 0.92;
/// How fast the cost follows longer calls on a machine without room, a tick: detection that has become twice as slow
/// is believed after half a minute.
const FOLLOW: f64 = 1.02;

impl Forecast {
    /// Takes the numbers of a tick.
    pub(super) fn update(&mut self, load: &GovernorLoad<'_>) {
        self.cores = load.cores as f64;
        let known = load.idle.filter(|idle| idle.is_finite() && load.cores > 0);
        self.used = known.map(|idle| 1.0 - f64::from(idle).clamp(0.0, 1.0));
        let call = load.call.as_secs_f64();
        if call > 0.0 {
            self.call = call;
            let room = self.used.is_none_or(|used| used <= 1.0 - UNDISTURBED);
            let first = self.cost == 0.0;
            self.cost = if room || first { call } else { call.min(self.cost * FOLLOW) };
        }
        let busy = sane(load.busy.into()).min(1.0);
        self.done = if self.call > 0.0 { busy * load.workers as f64 / self.call } else { 0.0 };
    }

    /// The share of their time that so many workers need for this many detections a second.
    pub(super) fn workers(&self, demand: f64, workers: usize) -> f64 {
        demand * self.call / workers.max(1) as f64
    }

    /// The share of the machine in use with this many detections a second, 0 where it is unknown.
    fn machine(&self, demand: f64) -> f64 {
        self.used.map_or(0.0, |used| used + (demand - self.done) * self.cost / self.cores)
    }

    /// True where the machine has nothing left to give.
    pub(super) fn full(&self) -> bool {
        self.used.is_some_and(|used| used >= FULL)
    }

    /// True where neither would be used beyond its share.
    pub(super) fn fits(&self, demand: f64, workers: usize, shares: Shares) -> bool {
        self.workers(demand, workers) <= shares.workers && self.machine(demand) <= shares.machine
    }

    /// The CPUs that are idle on the mean; where that is unknown those beyond one a worker.
    pub(super) fn idle_cores(&self, workers: usize) -> f64 {
        self.used.map_or(self.cores - workers as f64, |used| (1.0 - used) * self.cores)
    }
}
