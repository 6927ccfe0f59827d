//! Finds calls of stages that do not return, and replaces their workers.

use std::collections::BTreeSet;
use std::time::Duration;

use passerby_types::CameraId;

use crate::engine::PipelineEngine;
use crate::face_jobs::FaceJobPool;
use crate::figures::calls::StuckCall;
use crate::figures::meter::Quantiles;
use crate::governor::control;
use crate::output::events::PipelineEvent;

/// A detection is slow if it takes this many times the 95th percentile of all detections. The pipeline then gives no other
/// frame of its camera to a detector.
const SLOW_FACTOR: u32 = 10;
/// No detection is slow that takes less than this.
const SLOW_FLOOR: Duration = Duration::from_millis(250);
/// The number of detections from which on their percentile is meaningful.
const MIN_DETECTIONS: u64 = 20;
/// A detection is slow if it takes longer than this and there were fewer than [`MIN_DETECTIONS`].
const SLOW_AT_FIRST: Duration = Duration::from_secs(1);

/// Finds calls that do not return, and remembers which cameras' frames it holds back.
pub(crate) struct StuckCallWatch<'a> {
    engine: &'a PipelineEngine,
    /// The cameras whose lanes are held.
    held: BTreeSet<CameraId>,
}

impl<'a> StuckCallWatch<'a> {
    pub(crate) fn new(engine: &'a PipelineEngine) -> Self {
        Self { engine, held: BTreeSet::new() }
    }

    /// Reports stuck calls, holds the lanes of cameras with a slow detection, adds workers for those that are stuck, and
    /// removes the lanes of cameras that have ended.
    pub(crate) fn check(&mut self) {
        let context = &self.engine.context;
        self.remove_ended_lanes();
        let stuck = context.timer.calls.stuck(context.settings.stuck_after);
        stuck.iter().filter(|(_, first)| *first).for_each(|(call, _)| self.report(call));
        // A second frame of the camera would occupy another worker, so its lane is held long before the call is stuck.
        let limit = slow_limit(&context.timer.stages.latency("detect")).min(context.settings.stuck_after);
        let slow = context.timer.calls.slow("detect", limit);
        self.hold_lanes(slow.iter().copied().collect());
        let stuck_in = |stage| stuck.iter().filter(|(call, _)| call.stage == stage).count();
        add_workers(self.engine.embedding.as_ref(), context.settings.embed_workers, stuck_in("embed"));
        add_workers(
            self.engine.classifying.as_ref(),
            context.settings.classify_workers,
            stuck_in("classify"),
        );

        let spares = slow.len();
        let mut state = self.engine.monitor.lock();
        state.stuck_total += stuck.iter().filter(|(_, first)| *first).count() as u64;
        state.stuck = stuck.into_iter().map(|(call, _)| call).collect();
        if std::mem::replace(&mut state.spares, spares) != spares {
            let workers = state.workers + spares;
            drop(state);
            control::resize_detection(self.engine, workers);
        }
    }

    /// Returns the cameras with a slow detection.
    pub(crate) fn held(&self) -> &BTreeSet<CameraId> {
        &self.held
    }

    fn remove_ended_lanes(&self) {
        for camera in self.engine.cameras.read().iter().filter(|camera| camera.has_ended()) {
            drop(self.engine.detect_queue.lanes.remove(camera.id.0));
        }
    }

    /// Reports a stuck call as an event, in the log and, unless the camera is away, in its notes.
    fn report(&self, call: &StuckCall) {
        let StuckCall { stage, camera, elapsed } = *call;
        tracing::warn!(stage, camera = camera.map(|camera| camera.0), ?elapsed, "a call does not return");
        let events = &self.engine.context.fanout.listeners.events;
        events.send(|| PipelineEvent::CallStuck { camera, stage, elapsed });
        let cameras = self.engine.cameras.read();
        if let Some(camera) = cameras.iter().find(|state| Some(state.id) == camera) {
            let mut meter = camera.meter.lock();
            // A camera that is away has a note of its outage already.
            if stage != "capture" || !meter.report.is_away() {
                let seconds = elapsed.as_secs_f32();
                meter.report.note(format!("{stage} ({}): no answer for {seconds:.1} s", camera.id));
            }
        }
    }

    /// Holds the lanes of these cameras, and releases all others.
    fn hold_lanes(&mut self, slow: BTreeSet<CameraId>) {
        let lanes = &self.engine.detect_queue.lanes;
        slow.difference(&self.held).for_each(|camera| lanes.hold(camera.0));
        self.held.difference(&slow).for_each(|camera| lanes.release(camera.0));
        self.held = slow;
    }
}

/// Returns how long a detection may take before its camera's lane is held.
fn slow_limit(latency: &Quantiles) -> Duration {
    if latency.count < MIN_DETECTIONS { SLOW_AT_FIRST } else { (SLOW_FACTOR * latency.p95).max(SLOW_FLOOR) }
}

/// Adds a worker for each stuck one, but at most as many as the pool has without them: otherwise a camera whose every call
/// gets stuck would add workers without end.
fn add_workers<T: Send + 'static>(pool: Option<&FaceJobPool<T>>, workers: usize, stuck: usize) {
    let workers = workers.max(1);
    let wanted = workers + stuck.min(workers);
    if let Some(pool) = pool.filter(|pool| pool.workers.workers() != wanted)
        && let Err(e) = pool.workers.resize(wanted)
    {
        tracing::warn!(error = %e, workers = wanted, "no more threads for face jobs");
    }
}
