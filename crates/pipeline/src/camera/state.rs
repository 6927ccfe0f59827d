//! The state of one camera that its threads, the detection workers and the monitor share.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CameraId, CancelHandle, Clock, DropReason, Face, Frame, FrameKind, FrameMeta, FrameSource, Image,
    Recycler, SourceInfo, StageError,
};

use crate::camera::inbox::CameraInbox;
use crate::camera::lifecycle::{Life, Lifecycle};
use crate::camera::schedule::CameraDetections;
use crate::coded::hub::CodedHub;
use crate::figures::meter::CameraMeter;

/// How many idle `Arc`s of pictures a camera keeps. Reader and worker are a step apart, so more are never idle for long.
const MAX_IDLE_IMAGES: usize = 16;

/// A message to a camera's own thread, in the order of capture.
pub(crate) enum CameraEvent {
    /// The detector ran on the frame.
    Detected { frame: Frame, faces: Vec<Face>, in_flight: InFlightGuard },
    /// The frame goes to the tracker without detection. `image` is its picture if a frame tap wants it.
    Coasted { meta: FrameMeta, size: (u32, u32), image: Option<Arc<Image>>, in_flight: InFlightGuard },
    /// The source has ended. `seq` is one past the number of its last frame.
    End { seq: u64 },
}

/// The state of one camera.
pub(crate) struct CameraState {
    pub(crate) id: CameraId,
    /// True for files and the like: no frame is dropped, and no result depends on which thread is faster.
    pub(crate) lossless: bool,
    /// The frame rate that the source states, in frames a second.
    pub(crate) stated_rate: Option<f64>,
    pub(crate) detections: CameraDetections,
    pub(crate) inbox: CameraInbox<CameraEvent>,
    pub(crate) images: Recycler<Arc<Image>>,
    pub(crate) meter: Arc<CameraMeter>,
    /// The camera's coded pictures and their viewers.
    pub(crate) coded: Arc<CodedHub>,
    lifecycle: Lifecycle,
    /// Ends the source's wait for a picture.
    cancel: Option<CancelHandle>,
}

impl CameraState {
    /// Creates the state of a running camera. At most `max_in_flight` of its frames may be inside the pipeline.
    pub(crate) fn new(
        source: &dyn FrameSource,
        meter: Arc<CameraMeter>,
        detections: CameraDetections,
        max_in_flight: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let SourceInfo { live, frame_rate, .. } = source.info();
        Self {
            id: meter.camera,
            lossless: !live,
            stated_rate: frame_rate.filter(|rate| rate.is_finite() && *rate > 0.0),
            detections,
            inbox: CameraInbox::new(max_in_flight, clock),
            images: Recycler::new(max_in_flight.min(MAX_IDLE_IMAGES)),
            meter,
            coded: Arc::default(),
            lifecycle: Lifecycle::new(max_in_flight),
            cancel: source.cancel_handle(),
        }
    }

    /// Lets a captured frame into the pipeline. If it is full, a live camera gets `None`, and a lossless one waits; it gets
    /// `None` only if the camera is abandoned meanwhile.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InFlightGuard> {
        let entered = self.lifecycle.enter(self.lossless);
        entered.then(|| InFlightGuard { camera: Arc::clone(self), settled: false, yielded: false })
    }

    /// Returns true if the detector must run on frame `seq`, which is the `order`-th that entered. A live camera detects on
    /// its first frame in any case, because there is nothing to track before, and on the frame after a wish for a look.
    pub(crate) fn detects(&self, seq: u64, order: u64) -> bool {
        let first_of_live = order == 0 && !self.lossless;
        let look_wanted = self.detections.take_wanted_look();
        first_of_live || look_wanted || self.detections.schedule().includes(seq)
    }

    /// Asks for a detection on the next frame. A lossless camera keeps to its schedule, so that no result depends on how far its
    /// reader is ahead.
    pub(crate) fn want_look(&self) {
        if !self.lossless {
            self.detections.want_look();
        }
    }

    /// Asks the camera to end after the frames that are inside.
    pub(crate) fn stop(&self) {
        self.lifecycle.advance(Life::Draining);
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// Stops the camera because of a stage's error of the class `Fatal`.
    pub(crate) fn fail(&self, error: StageError) {
        self.meter.lock().end(error);
        self.stop();
    }

    /// Gives up the frames that are still inside, and counts them as stopped. Later counts are ignored.
    pub(crate) fn abandon(&self) {
        self.lifecycle.advance(Life::Abandoned);
        self.coded.end();
        self.meter.lock().close();
    }

    /// Notes that the camera's own thread has ended.
    pub(crate) fn end(&self) {
        self.meter.lock().log_end();
        self.lifecycle.advance(Life::Ended);
    }

    /// Returns true if the reader must stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lifecycle.life() > Life::Running
    }

    /// Returns true if no thread takes the camera's frames any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lifecycle.life() >= Life::Abandoned
    }

    /// Returns true if the camera must stop and no frame is inside.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_stopping() && self.lifecycle.is_idle()
    }

    /// Returns true if the camera's own thread has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.lifecycle.life() == Life::Ended
    }

    /// Waits for `time`, or until the camera must stop.
    pub(crate) fn rest(&self, time: Duration) {
        self.lifecycle.rest(time);
    }

    /// Waits until the camera's own thread has ended. Returns false if `timeout` is over first. `None` waits without a
    /// limit.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        self.lifecycle.wait_ended(timeout)
    }
}

/// A frame inside the pipeline: its permit, and its place in the ledger.
///
/// A guard that is dropped unsettled counts its frame as stopped, so no frame is ever lost silently.
pub(crate) struct InFlightGuard {
    camera: Arc<CameraState>,
    settled: bool,
    yielded: bool,
}

impl InFlightGuard {
    pub(crate) fn camera(&self) -> &Arc<CameraState> {
        &self.camera
    }

    /// Counts the frame as observed. `age` is the time since its capture.
    pub(crate) fn observe(&mut self, kind: FrameKind, age: Duration) {
        if !std::mem::replace(&mut self.settled, true) {
            self.camera.meter.lock().observe(kind, age, self.yielded);
        }
    }

    /// Notes that the frame made room for a newer one, and goes on without detection.
    pub(crate) fn skip_detection(&mut self) {
        self.yielded = true;
        self.camera.meter.lock().recent.overrun += 1;
    }

    /// Counts the frame as dropped. It keeps its permit until the guard is dropped.
    pub(crate) fn lose(&mut self, reason: DropReason) {
        if !std::mem::replace(&mut self.settled, true) {
            self.camera.meter.lock().lose(reason);
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.lose(DropReason::Stopped);
        self.camera.lifecycle.leave();
    }
}
