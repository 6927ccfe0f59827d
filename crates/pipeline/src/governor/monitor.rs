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
    shared: &'a PipelineEngine,
    governor: Option<Governor>,
    idle: Idle,
    last: Timestamp,
    busy: Duration,
    waited: Vec<(CameraId, Duration)>,
    held: BTreeSet<CameraId>,
    loads: Vec<CameraLoad>,
}

/// Watches until the pipeline stops. This is the body of the monitor's thread.
pub(crate) fn watch(shared: &Arc<PipelineEngine>) {
    let mut monitor = Monitor {
        shared,
        governor: shared.common.settings.governor.clone().map(Governor::new),
        idle: Idle::default(),
        last: shared.common.clock.now(),
        busy: Duration::ZERO,
        waited: Vec::new(),
        held: BTreeSet::new(),
        loads: Vec::new(),
    };
    // A camera's first second is the hardest: nothing is known yet. The times between two decisions grow from the first.
    let (began, mut tick) = (shared.common.clock.now(), FIRST);
    while shared.common.gate.sleep(LOOK.min(tick)) {
        let now = shared.common.clock.now();
        monitor.find_stuck();
        if now.since(monitor.last) >= tick {
            monitor.decide(now);
            tick = (now.since(began) / 2).clamp(FIRST, TICK);
            #[cfg(feature = "metrics")]
            crate::figures::export::publish(&crate::Metrics { shared: Arc::clone(shared) }.snapshot());
        }
    }
}

impl Monitor<'_> {
    /// Tells of calls that do not come back, and takes the lanes of cameras that ended away. A camera whose frame is
    /// stuck in a detector gets no other one, and another worker stands in for that one.
    fn find_stuck(&mut self) {
        let common = &self.shared.common;
        let stuck = common.calls.stuck(common.settings.stuck_after);
        let channels = self.shared.channels.read();
        for channel in channels.iter().filter(|channel| channel.has_ended()) {
            drop(self.shared.waiting.lanes.remove(channel.id.0));
        }
        for (StuckCall { stage, camera, since }, first) in &stuck {
            let Some(channel) = channels.iter().find(|c| Some(c.id) == *camera) else { continue };
            if *first {
                let note = format!(
                    "{stage} ({}): a call has not come back for {:.1} s",
                    channel.id,
                    since.as_secs_f32()
                );
                tracing::warn!(stage, camera = channel.id.0, "a call does not come back");
                channel.meter.lock().report.note(note);
            }
        }
        // A second frame of that camera would take the next worker: it is held back long before the call counts as stuck.
        let patience = patience(&common.stages.latency("detect")).min(common.settings.stuck_after);
        let slow = common.calls.slow("detect", patience);
        let in_detector: BTreeSet<CameraId> = slow.iter().copied().collect();
        for camera in self.held.symmetric_difference(&in_detector) {
            if in_detector.contains(camera) {
                self.shared.waiting.lanes.hold(camera.0);
            } else {
                self.shared.waiting.lanes.release(camera.0);
            }
        }
        let inside = |stage| stuck.iter().filter(|(call, _)| call.stage == stage).count();
        stand_in(self.shared.embedding.as_ref(), common.settings.embed_workers, inside("embed"));
        stand_in(self.shared.classifying.as_ref(), common.settings.classify_workers, inside("classify"));
        let spares = slow.len();
        self.held = in_detector;
        let mut seen = self.shared.seen.lock();
        seen.stuck_total += stuck.iter().filter(|(_, first)| *first).count() as u64;
        seen.stuck = stuck.into_iter().map(|(call, _)| call).collect();
        if std::mem::replace(&mut seen.spares, spares) != spares {
            let workers = seen.workers + spares;
            drop(seen);
            self.resize(workers);
        }
    }

    /// Lets the governor decide, and does as it says.
    fn decide(&mut self, now: Timestamp) {
        let wall = now.since(std::mem::replace(&mut self.last, now));
        let Some(mut governor) = self.governor.take() else { return };
        let workers = self.shared.seen.lock().workers;
        let load = self.load(wall, workers);
        let decision = governor.decide(&load);
        for channel in self.shared.channels.read().iter().filter(|channel| !channel.lossless) {
            channel.set_cadence(governor.cadence(channel.id));
        }
        let mut seen = self.shared.seen.lock();
        seen.decision = Some(decision);
        *seen.decisions.entry(decision.reason).or_default() += 1;
        let wanted = decision.workers + seen.spares;
        let resize = decision.workers != std::mem::replace(&mut seen.workers, decision.workers);
        drop(seen);
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
        if let Err(e) = self.shared.detection.resize(workers) {
            tracing::warn!(error = %e, workers, "no more threads for detection");
        }
    }

    /// What was measured since the last tick.
    fn load(&mut self, wall: Duration, workers: usize) -> GovernorLoad<'_> {
        let seconds = wall.as_secs_f64().max(1e-3);
        let busy = self.shared.detection.stats().busy;
        let spent = busy.saturating_sub(std::mem::replace(&mut self.busy, busy));
        let call = self.shared.common.stages.take_recent("detect");
        // What a camera with a stuck call drops says nothing of what the machine can carry.
        let stuck: Vec<Option<CameraId>> = self.shared.seen.lock().stuck.iter().map(|c| c.camera).collect();

        self.loads.clear();
        for channel in self.shared.channels.read().iter().filter(|c| !c.lossless && !c.has_ended()) {
            let queue = self.shared.waiting.lanes.stats(channel.id.0).unwrap_or_default();
            let fill = fill(&mut self.waited, channel.id, &queue, wall);
            let sound = !stuck.contains(&Some(channel.id)) && !self.held.contains(&channel.id);
            let mut meter = channel.meter.lock();
            let age = meter.recent.age.quantiles();
            self.loads.push(CameraLoad {
                camera: channel.id,
                rate: rate(meter.recent.captured, seconds, channel.stated),
                stated: channel.stated,
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
    if let Some(pool) = pool.filter(|pool| pool.workers() != wanted)
        && let Err(e) = pool.resize(wanted)
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
