//! Measures the load of a running pipeline and applies the governor's decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use passerby_types::CameraId;
use passerby_workers::QueueStats;

use crate::engine::PipelineEngine;
use crate::governor::Governor;
use crate::governor::idle::Idle;
use crate::governor::load::{CameraLoad, GovernorDecision, GovernorLoad};
use crate::output::events::PipelineEvent;

/// The seconds of a measurement from which on its frame count gives a rate.
const MIN_RATE_SECONDS: f64 = 0.9;
/// The shortest time that a measurement is divided by, in seconds.
const MIN_SECONDS: f64 = 1e-3;

/// A governor, and the measurements of its last decision.
pub(crate) struct GovernorControl<'a> {
    engine: &'a PipelineEngine,
    /// `None` if the settings have no governor.
    governor: Option<Governor>,
    idle: Idle,
    /// The busy time of all detection workers at the last decision.
    busy: Duration,
    /// The total wait of each camera's lane at the last decision.
    waits: BTreeMap<CameraId, Duration>,
    loads: Vec<CameraLoad>,
}

impl<'a> GovernorControl<'a> {
    pub(crate) fn new(engine: &'a PipelineEngine) -> Self {
        Self {
            engine,
            governor: engine.context.settings.governor.clone().map(Governor::new),
            idle: Idle::default(),
            busy: Duration::ZERO,
            waits: BTreeMap::new(),
            loads: Vec::new(),
        }
    }

    /// Measures the load since the last decision, which was `elapsed` ago, lets the governor decide, and applies its
    /// decision. `slow` are the cameras with a slow detection: their drops say nothing about the machine.
    pub(crate) fn decide(&mut self, elapsed: Duration, slow: &BTreeSet<CameraId>) {
        let Some(mut governor) = self.governor.take() else { return };
        let workers = self.engine.monitor.lock().workers;
        let load = self.measure(elapsed, workers, slow);
        let decision = governor.decide(&load);
        for camera in self.engine.cameras.read().iter().filter(|camera| !camera.lossless) {
            camera.detections.set_cadence(governor.cadence(camera.id));
            camera.detections.set_detail(governor.detail());
        }
        self.apply(decision);
        self.governor = Some(governor);
    }

    fn apply(&self, decision: GovernorDecision) {
        let mut state = self.engine.monitor.lock();
        state.decision = Some(decision);
        *state.decisions.entry(decision.reason).or_default() += 1;
        let wanted = decision.workers + state.spares;
        let resize = decision.workers != std::mem::replace(&mut state.workers, decision.workers);
        drop(state);
        if decision.changed {
            let GovernorDecision { workers, cadence, detail, reason, .. } = decision;
            tracing::info!(workers, cadence, detail, reason = reason.name(), "governor");
            let events = &self.engine.context.fanout.listeners.events;
            events.send(|| PipelineEvent::GovernorChanged { decision });
        }
        if resize {
            resize_detection(self.engine, wanted);
        }
    }

    /// Returns the load since the last decision.
    fn measure(&mut self, elapsed: Duration, workers: usize, slow: &BTreeSet<CameraId>) -> GovernorLoad<'_> {
        let seconds = elapsed.as_secs_f64().max(MIN_SECONDS);
        let busy = self.engine.detection.stats().busy;
        let spent = busy.saturating_sub(std::mem::replace(&mut self.busy, busy));
        let call = self.engine.context.timer.stages.take_recent("detect");
        let stuck: Vec<Option<CameraId>> =
            self.engine.monitor.lock().stuck.iter().map(|c| c.camera).collect();

        self.loads.clear();
        for camera in self.engine.cameras.read().iter().filter(|c| !c.lossless && !c.has_ended()) {
            let queue = self.engine.detect_queue.lanes.stats(camera.id.0).unwrap_or_default();
            let wait_before = self.waits.insert(camera.id, queue.total_wait).unwrap_or_default();
            let fill = mean_fill(queue.total_wait.saturating_sub(wait_before), elapsed, &queue);
            let sound = !stuck.contains(&Some(camera.id)) && !slow.contains(&camera.id);
            let mut meter = camera.meter.lock();
            let age = meter.recent.age.quantiles();
            self.loads.push(CameraLoad {
                camera: camera.id,
                rate: frame_rate(meter.recent.captured, seconds, camera.stated_rate),
                stated_rate: camera.stated_rate,
                age_p95: (sound && age.count > 0).then_some(age.p95),
                overrun: if sound { meter.recent.overrun } else { 0 },
                queue_fill: if sound { fill } else { 0.0 },
            });
            meter.recent.captured = 0;
            meter.recent.overrun = 0;
            meter.recent.age.clear();
        }
        GovernorLoad {
            workers,
            worker_use: (spent.as_secs_f64() / (seconds * workers.max(1) as f64)) as f32,
            detection_time: call,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            idle: self.idle.share(elapsed),
            cameras: &self.loads,
        }
    }
}

/// Changes the number of detection workers, and logs a warning if the system has no more threads.
pub(crate) fn resize_detection(engine: &PipelineEngine, workers: usize) {
    if let Err(e) = engine.detection.resize(workers) {
        tracing::warn!(error = %e, workers, "no more threads for detection");
    }
}

/// Returns the frames per second. If the time is too short to measure it, returns the rate that the camera states.
fn frame_rate(captured: u64, seconds: f64, stated: Option<f64>) -> f64 {
    let measured = captured as f64 / seconds;
    if captured > 0 && seconds < MIN_RATE_SECONDS { stated.unwrap_or(measured) } else { measured }
}

/// Returns how full the queue was on average, 0 to 1, if the frames that left it had waited for `wait` together. By
/// Little's law the mean number of frames in it is `wait / elapsed`.
fn mean_fill(wait: Duration, elapsed: Duration, queue: &QueueStats) -> f32 {
    wait.as_secs_f32() / (elapsed.as_secs_f32().max(MIN_SECONDS as f32) * queue.capacity.max(1) as f32)
}
