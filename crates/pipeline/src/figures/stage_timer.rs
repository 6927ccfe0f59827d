//! Runs the calls of the stages and measures them.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, Clock};

use crate::figures::calls::Calls;
use crate::figures::meter::{CameraMeter, StageMeters};

/// Runs the calls of the stages. It knows which calls are running, and how long each stage took over all cameras.
pub(crate) struct StageTimer {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) calls: Calls,
    pub(crate) stages: Arc<StageMeters>,
}

impl StageTimer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { calls: Calls::new(Arc::clone(&clock)), stages: Arc::default(), clock }
    }

    /// Runs a call for a camera. Adds its time to the stage and to the camera.
    pub(crate) fn timed<T>(
        &self,
        stage: &'static str,
        meter: &CameraMeter,
        items: usize,
        call: impl FnOnce() -> T,
    ) -> T {
        let (result, elapsed) = self.measured(stage, Some(meter.camera), items, call);
        meter.lock().report.spend(stage, items, elapsed);
        result
    }

    /// Runs a call and adds its time to the stage. Returns the time beside the result, for callers that divide it
    /// among several cameras. `camera` is `None` for the sink.
    pub(crate) fn measured<T>(
        &self,
        stage: &'static str,
        camera: Option<CameraId>,
        items: usize,
        call: impl FnOnce() -> T,
    ) -> (T, Duration) {
        let span = tracing::trace_span!("stage", name = stage, camera = camera.map(|id| id.0), items);
        let _entered = span.enter();
        let running = self.calls.begin(stage, camera);
        let start = self.clock.now();
        let result = call();
        let elapsed = self.stages.spend(stage, items, start, self.clock.now());
        drop(running);
        (result, elapsed)
    }
}
