//! What every thread of a pipeline has at hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use passerby_types::{CameraId, ChipPool, Clock, Face, Recycler};

use crate::camera::state::CameraState;
use crate::figures::calls::Calls;
use crate::figures::meter::StageMeters;
use crate::identities::Identities;
use crate::output::fanout::Fanout;
use crate::settings::PipelineSettings;
use passerby_workers::Sequencer;

/// What every thread of a pipeline has at hand.
pub(crate) struct Context {
    pub(crate) settings: PipelineSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identities: Identities,
    pub(crate) sequencer: Sequencer<CameraId>,
    pub(crate) fanout: Fanout,
    pub(crate) chips: ChipPool,
    /// Lists of the faces of a frame.
    pub(crate) face_lists: Recycler<Vec<Face>>,
    pub(crate) calls: Calls,
    pub(crate) stages: StageMeters,
    pub(crate) embedding_stopped: AtomicBool,
    pub(crate) classifying_stopped: AtomicBool,
    pub(crate) gate: Gate,
}

impl Context {
    /// Runs a call of a stage for a camera: it is seen while it runs, and its time is counted.
    pub(crate) fn timed<T>(
        &self,
        stage: &'static str,
        camera: &CameraState,
        items: usize,
        work: impl FnOnce() -> T,
    ) -> T {
        let (result, busy) = self.seen(stage, camera, items, work);
        camera.meter.lock().report.spend(stage, items, busy);
        result
    }

    /// As [`Context::timed`], but the time is for the caller to count.
    pub(crate) fn seen<T>(
        &self,
        stage: &'static str,
        camera: &CameraState,
        items: usize,
        work: impl FnOnce() -> T,
    ) -> (T, Duration) {
        let span = tracing::trace_span!("stage", name = stage, camera = camera.id.0, items);
        let _inside = span.enter();
        let running = self.calls.begin(stage, Some(camera.id));
        let start = self.clock.now();
        let result = work();
        let busy = self.stages.spend(stage, items, start, self.clock.now());
        drop(running);
        (result, busy)
    }
}

/// Pauses readers, and wakes whoever waits when the pipeline stops.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    /// Since when it is not paused. At first it is.
    resumed: Option<Instant>,
    stopped: bool,
}

impl Gate {
    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().resumed = (!paused).then(Instant::now);
        self.changed.notify_all();
    }

    /// Since when the pipeline is not paused; `None` while it is.
    pub(crate) fn resumed(&self) -> Option<Instant> {
        self.state.lock().resumed
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits while the pipeline is paused and the camera is not to stop.
    pub(crate) fn pass(&self, camera: &CameraState) {
        let mut state = self.state.lock();
        while state.resumed.is_none() && !state.stopped && !camera.is_stopping() {
            // A camera that is told to stop while all are paused is looked at now and then.
            self.changed.wait_for(&mut state, Duration::from_millis(50));
        }
    }

    /// Waits so long, or until the pipeline stops: then the answer is false.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.stopped {
            if self.changed.wait_until(&mut state, end).timed_out() {
                return !state.stopped;
            }
        }
        false
    }
}

/// True where the flag was set meanwhile.
pub(crate) fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
