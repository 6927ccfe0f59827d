//! Forecasts the use of the workers and of the machine for a number of detections per second.

use super::camera_rates::sane;
use super::load::GovernorLoad;

/// The measurements that a forecast is made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    /// The elapsed seconds of a detection, or 0 until one was measured.
    call: f64,
    /// The CPU seconds of a detection. The elapsed time also contains waits for a CPU, so it is measured only while the
    /// machine has room.
    cost: f64,
    /// The detections per second.
    done: f64,
    /// The share of the machine that is in use, or `None` if it is unknown.
    used: Option<f64>,
    cores: f64,
}

/// Shares of use: of the workers' time, and of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) workers: f64,
    pub(super) machine: f64,
}

/// If this share of the machine is idle, a call hardly waits for a CPU.
const UNDISTURBED_IDLE_SHARE: f64 = 0.3;
/// The machine is full if this share is in use.
const FULL_SHARE: f64 = 0.92;
/// The factor by which the cost may grow in a tick on a machine without room. Detection that has become twice as slow counts
/// after half a minute.
const MAX_COST_GROWTH: f64 = 1.02;

impl Forecast {
    /// Adds the measurements of a tick.
    pub(super) fn update(&mut self, load: &GovernorLoad<'_>) {
        self.cores = load.cores as f64;
        let known = load.idle.filter(|idle| idle.is_finite() && load.cores > 0);
        self.used = known.map(|idle| 1.0 - f64::from(idle).clamp(0.0, 1.0));
        let call = load.detection_time.as_secs_f64();
        if call > 0.0 {
            self.call = call;
            let room = self.used.is_none_or(|used| used <= 1.0 - UNDISTURBED_IDLE_SHARE);
            let first = self.cost == 0.0;
            self.cost = if room || first { call } else { call.min(self.cost * MAX_COST_GROWTH) };
        }
        let busy = sane(load.worker_use.into()).min(1.0);
        self.done = if self.call > 0.0 { busy * load.workers as f64 / self.call } else { 0.0 };
    }

    /// Notes that a detection will take `factor` times as long from now on.
    pub(super) fn scale(&mut self, factor: f64) {
        self.call *= factor;
        self.cost *= factor;
    }

    /// Returns the share of their time that the workers need for `demand` detections per second.
    pub(super) fn workers(&self, demand: f64, workers: usize) -> f64 {
        demand * self.call / workers.max(1) as f64
    }

    /// Returns the share of the machine in use with `demand` detections per second, or 0 if it is unknown.
    fn machine(&self, demand: f64) -> f64 {
        self.used.map_or(0.0, |used| used + (demand - self.done) * self.cost / self.cores)
    }

    /// Returns true if the machine is full.
    pub(super) fn full(&self) -> bool {
        self.used.is_some_and(|used| used >= FULL_SHARE)
    }

    /// Returns true if neither the workers nor the machine would be used beyond their shares.
    pub(super) fn fits(&self, demand: f64, workers: usize, shares: Shares) -> bool {
        self.workers(demand, workers) <= shares.workers && self.machine(demand) <= shares.machine
    }

    /// Returns the number of idle CPUs. If it is unknown, returns the number of CPUs beyond one for each worker.
    pub(super) fn idle_cores(&self, workers: usize) -> f64 {
        self.used.map_or(self.cores - workers as f64, |used| (1.0 - used) * self.cores)
    }
}
