//! FaceJobs at a running pipeline now and then: finds calls that do not come back, and lets the governor decide.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, Timestamp};

use crate::engine::PipelineEngine;
use crate::face_jobs::FaceJobPool;
use crate::figures::calls::StuckCall;
use crate::figures::meter::Quantiles;
use crate::governor::idle::Idle;
use crate::governor::{CameraLoad, Governor, GovernorLoad};
use passerby_workers::QueueStats;

/// How often it looks for calls that do not come back.
const LOOK: Duration = Duration::from_millis(250);
/// A detection that takes so many times what 19 of 20 took keeps other frames of its camera back.
const UNUSUAL: u32 = 10;
/// But none that takes less than this.
const USUAL: Duration = Duration::from_millis(250);
/// The same where fewer detections than this have been seen.
const UNKNOWN: (u64, Duration) = (20, Duration::from_secs(1));
/// How often the governor decides.
const TICK: Duration = Duration::from_secs(1);
/// The first time it does: before the queues of cameras that are too many for the machine are full.
const FIRST: Duration = Duration::from_millis(40);
/// Seconds from which on a count of frames tells a rate.
const TELLING: f64 = 0.9;

/// What the monitor remembers from one look to the next.
struct Monitor<'a> {
    engine: &'a PipelineEngine,
    governor: Option<Governor>,
    idle: Idle,
    last: Timestamp,
    busy: Duration,
    waited: Vec<(CameraId, Duration)>,
    held: BTreeSet<CameraId>,
    loads: Vec<CameraLoad>,
}

/// Watches until the pipeline stops. This is the body of the monitor's thread.
pub(crate) fn watch(engine: &Arc<PipelineEngine>) {
    let mut monitor = Monitor {
        engine,
        governor: engine.context.settings.governor.clone().map(Governor::new),
        idle: Idle::default(),
        last: engine.context.clock.now(),
        busy: Duration::ZERO,
        waited: Vec::new(),
        held: BTreeSet::new(),
        loads: Vec::new(),
    };
    // A camera's first second is the hardest: nothing is known yet. The times between two decisions grow from the first.
    let (began, mut tick) = (engine.context.clock.now(), FIRST);
    while engine.context.gate.sleep(LOOK.min(tick)) {
        let now = engine.context.clock.now();
        monitor.find_stuck();
        if now.since(monitor.last) >= tick {
            monitor.decide(now);
            tick = (now.since(began) / 2).clamp(FIRST, TICK);
            #[cfg(feature = "metrics")]
            crate::figures::export::publish(&crate::Metrics { engine: Arc::clone(engine) }.snapshot());
        }
    }
}

impl Monitor<'_> {
    /// Tells of calls that do not come back, and takes the lanes of cameras that ended away. A camera whose frame is
    /// stuck in a detector gets no other one, and another worker stands in for that one.
    fn find_stuck(&mut self) {
        let context = &self.engine.context;
        let stuck = context.timer.calls.stuck(context.settings.stuck_after);
        let cameras = self.engine.cameras.read();
        for camera in cameras.iter().filter(|camera| camera.has_ended()) {
            drop(self.engine.detect_queue.lanes.remove(camera.id.0));
        }
        for (StuckCall { stage, camera, since }, first) in &stuck {
            let Some(camera) = cameras.iter().find(|c| Some(c.id) == *camera) else { continue };
            if *first {
                let note = format!(
                    "{stage} ({}): a call has not come back for {:.1} s",
                    camera.id,
                    since.as_secs_f32()
                );
                tracing::warn!(stage, camera = camera.id.0, "a call does not come back");
                camera.meter.lock().report.note(note);
            }
        }
        // A second frame of that camera would take the next worker: it is held back long before the call counts as stuck.
        let patience = patience(&context.timer.stages.latency("detect")).min(context.settings.stuck_after);
        let slow = context.timer.calls.slow("detect", patience);
        let in_detector: BTreeSet<CameraId> = slow.iter().copied().collect();
        for camera in self.held.symmetric_difference(&in_detector) {
            if in_detector.contains(camera) {
                self.engine.detect_queue.lanes.hold(camera.0);
            } else {
                self.engine.detect_queue.lanes.release(camera.0);
            }
        }
        let inside = |stage| stuck.iter().filter(|(call, _)| call.stage == stage).count();
        stand_in(self.engine.embedding.as_ref(), context.settings.embed_workers, inside("embed"));
        stand_in(self.engine.classifying.as_ref(), context.settings.classify_workers, inside("classify"));
        let spares = slow.len();
        self.held = in_detector;
        let mut state = self.engine.monitor.lock();
        state.stuck_total += stuck.iter().filter(|(_, first)| *first).count() as u64;
        state.stuck = stuck.into_iter().map(|(call, _)| call).collect();
        if std::mem::replace(&mut state.spares, spares) != spares {
            let workers = state.workers + spares;
            drop(state);
            self.resize(workers);
        }
    }

    /// Lets the governor decide, and does as it says.
    fn decide(&mut self, now: Timestamp) {
        let wall = now.since(std::mem::replace(&mut self.last, now));
        let Some(mut governor) = self.governor.take() else { return };
        let workers = self.engine.monitor.lock().workers;
        let load = self.load(wall, workers);
        let decision = governor.decide(&load);
        for camera in self.engine.cameras.read().iter().filter(|camera| !camera.lossless) {
            camera.set_cadence(governor.cadence(camera.id));
        }
        let mut state = self.engine.monitor.lock();
        state.decision = Some(decision);
        *state.decisions.entry(decision.reason).or_default() += 1;
        let wanted = decision.workers + state.spares;
        let resize = decision.workers != std::mem::replace(&mut state.workers, decision.workers);
        drop(state);
        if decision.changed {
            tracing::info!(
                workers = decision.workers,
                cadence = decision.cadence,
                reason = decision.reason.name(),
                "governor"
            );
        }
        if resize {
            self.resize(wanted);
        }
        self.governor = Some(governor);
    }

    fn resize(&self, workers: usize) {
        if let Err(e) = self.engine.detection.resize(workers) {
            tracing::warn!(error = %e, workers, "no more threads for detection");
        }
    }

    /// What was measured since the last tick.
    fn load(&mut self, wall: Duration, workers: usize) -> GovernorLoad<'_> {
        let seconds = wall.as_secs_f64().max(1e-3);
        let busy = self.engine.detection.stats().busy;
        let spent = busy.saturating_sub(std::mem::replace(&mut self.busy, busy));
        let call = self.engine.context.timer.stages.take_recent("detect");
        // What a camera with a stuck call drops says nothing of what the machine can carry.
        let stuck: Vec<Option<CameraId>> =
            self.engine.monitor.lock().stuck.iter().map(|c| c.camera).collect();

        self.loads.clear();
        for camera in self.engine.cameras.read().iter().filter(|c| !c.lossless && !c.has_ended()) {
            let queue = self.engine.detect_queue.lanes.stats(camera.id.0).unwrap_or_default();
            let fill = fill(&mut self.waited, camera.id, &queue, wall);
            let sound = !stuck.contains(&Some(camera.id)) && !self.held.contains(&camera.id);
            let mut meter = camera.meter.lock();
            let age = meter.recent.age.quantiles();
            self.loads.push(CameraLoad {
                camera: camera.id,
                rate: rate(meter.recent.captured, seconds, camera.stated_rate),
                stated: camera.stated_rate,
                age_p95: (sound && age.count > 0).then_some(age.p95),
                overrun: if sound { meter.recent.overrun } else { 0 },
                fill: if sound { fill } else { 0.0 },
            });
            meter.recent.captured = 0;
            meter.recent.overrun = 0;
            meter.recent.age.clear();
        }
        GovernorLoad {
            workers,
            busy: (spent.as_secs_f64() / (seconds * workers.max(1) as f64)) as f32,
            call,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            idle: self.idle.share(wall),
            cameras: &self.loads,
        }
    }
}

/// How long a detection may take before its camera gets no other one.
fn patience(usual: &Quantiles) -> Duration {
    if usual.count < UNKNOWN.0 { UNKNOWN.1 } else { (UNUSUAL * usual.p95).max(USUAL) }
}

/// Lets other workers stand in for those that are stuck, as many as there are without them at the most: nothing holds
/// back a camera whose every look is stuck.
fn stand_in<T: Send + 'static>(pool: Option<&FaceJobPool<T>>, workers: usize, stuck: usize) {
    let workers = workers.max(1);
    let wanted = workers + stuck.min(workers);
    if let Some(pool) = pool.filter(|pool| pool.workers.workers() != wanted)
        && let Err(e) = pool.workers.resize(wanted)
    {
        tracing::warn!(error = %e, workers = wanted, "no more threads for looks");
    }
}

/// The frames a second of so many in this time. A time too short to tell gives what the camera states.
fn rate(captured: u64, seconds: f64, stated: Option<f64>) -> f64 {
    let measured = captured as f64 / seconds;
    if captured > 0 && seconds < TELLING { stated.unwrap_or(measured) } else { measured }
}

/// How full the queue was in the mean: the frames that left it waited so long together (Little's law).
fn fill(waited: &mut Vec<(CameraId, Duration)>, camera: CameraId, queue: &QueueStats, wall: Duration) -> f32 {
    let place = waited.iter().position(|(id, _)| *id == camera).unwrap_or_else(|| {
        waited.push((camera, Duration::ZERO));
        waited.len() - 1
    });
    let before = std::mem::replace(&mut waited[place].1, queue.total_wait);
    let waited = queue.total_wait.saturating_sub(before).as_secs_f32();
    waited / (wall.as_secs_f32().max(1e-3) * queue.capacity.max(1) as f32)
}
