//! One camera's place in the pipeline: what its threads and the pools share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use passerby_types::{
    CameraId, CancelHandle, Clock, DropReason, Face, Frame, FrameKind, FrameMeta, FrameSource, Image,
    Recycler, StageError,
};

use crate::camera::skipped_seqs::SkippedSeqs;
use crate::figures::meter::Meter;
use passerby_workers::{BoundedQueue, WhenFull};

/// What reaches a camera's own thread, in the order in which it was captured.
pub(crate) struct Event {
    /// The place in that order: counts on from frame to frame of those that entered, without a gap.
    pub(crate) order: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// The detector ran on the frame.
    Detected { frame: Frame, faces: Vec<Face>, passage: InFlightGuard },
    /// The tracker alone moves its tracks over this one.
    Coasted { meta: FrameMeta, size: (u32, u32), passage: InFlightGuard },
    /// Nothing: look what is gone.
    Wake,
    /// There are no more frames; this would have been the number of the next.
    End { seq: u64 },
}

/// What the threads of one camera and the pools share.
pub(crate) struct CameraState {
    pub(crate) id: CameraId,
    /// True for files and the like: nothing is dropped, and nothing depends on which thread was faster.
    pub(crate) lossless: bool,
    /// What ends the source's waiting for a picture.
    cancel: Option<CancelHandle>,
    /// Frames a second that the source says it has.
    pub(crate) stated: Option<f64>,
    /// Which frames of a group of `cadence` are detected on: cameras that start together take turns.
    pub(crate) phase: u64,
    cadence: AtomicU64,
    /// The frame after the latest that a detection worker took, 0 before there was one.
    unseen: AtomicU64,
    /// The detector failed on the latest frame it came to the end with.
    blind: AtomicBool,
    pub(crate) inbox: BoundedQueue<Event>,
    /// What its frames share their pictures by.
    pub(crate) images: Recycler<Arc<Image>>,
    /// The places in the order that stay empty.
    pub(crate) gone: SkippedSeqs,
    /// A `Wake` is in the inbox.
    woken: AtomicBool,
    pub(crate) meter: Mutex<Meter>,
    window: usize,
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
    abandoned: AtomicBool,
}

#[derive(Default)]
struct State {
    inside: usize,
    ended: bool,
}

impl CameraState {
    pub(crate) fn new(
        id: CameraId,
        meter: Meter,
        source: &dyn FrameSource,
        phase: u64,
        window: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let info = source.info();
        // Room for every frame that may be inside, the end and a wake, so that nobody who hands one over ever waits.
        let inbox = BoundedQueue::new("inbox", window + 2, WhenFull::Block, clock);
        Self {
            id,
            lossless: !info.live,
            cancel: source.cancel_handle(),
            stated: info.frame_rate.filter(|rate| rate.is_finite() && *rate > 0.0),
            phase,
            cadence: AtomicU64::new(1),
            unseen: AtomicU64::new(0),
            blind: AtomicBool::new(false),
            inbox,
            // Reader and worker are a step apart: more than that is never idle for long.
            images: Recycler::new(window.min(16)),
            gone: SkippedSeqs::default(),
            woken: AtomicBool::new(false),
            meter: Mutex::new(meter),
            window,
            state: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Asks for a place inside for a frame that was counted as captured. Where there is none a live camera gets none;
    /// a lossless one waits.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InFlightGuard> {
        let mut state = self.state.lock();
        while state.inside >= self.window {
            if !self.lossless || self.is_abandoned() {
                return None;
            }
            self.changed.wait(&mut state);
        }
        state.inside += 1;
        Some(InFlightGuard { camera: Arc::clone(self), settled: false, yielded: false })
    }

    /// The detector runs on every so many frames.
    pub(crate) fn cadence(&self) -> u64 {
        self.cadence.load(Ordering::Relaxed)
    }

    pub(crate) fn set_cadence(&self, cadence: u64) {
        self.cadence.store(cadence.max(1), Ordering::Relaxed);
    }

    /// True where the detector is to run on this frame, with its place in the order: on one of every so many, and on a
    /// live camera's first, before which there is nothing to follow.
    pub(crate) fn detects(&self, seq: u64, order: u64) -> bool {
        let first = order == 0 && !self.lossless;
        first || seq.wrapping_add(self.phase).is_multiple_of(self.cadence())
    }

    /// The next frame after this one that the detector is to run on.
    pub(crate) fn next_look(&self, seq: u64) -> u64 {
        let cadence = self.cadence();
        seq.saturating_add(cadence - seq.wrapping_add(self.phase) % cadence)
    }

    /// A detection worker took this frame.
    pub(crate) fn taken(&self, seq: u64) {
        self.unseen.fetch_max(seq.saturating_add(1), Ordering::Relaxed);
    }

    /// The detector came to an end with a frame of this camera, with its faces or with an error.
    pub(crate) fn looked(&self, found: bool) {
        self.blind.store(!found, Ordering::Relaxed);
    }

    /// True where a frame can go without the detector, which may run on frame `next` after it: no worker took a later one
    /// already, fewer than `most` frames lie between the latest that one took and `next`, and the detector does not fail.
    pub(crate) fn spares(&self, seq: u64, next: u64, most: u64) -> bool {
        let unseen = self.unseen.load(Ordering::Relaxed);
        // Where a worker has just taken a later one, how long before it is not known any more.
        unseen <= seq && next - unseen < most && !self.blind.load(Ordering::Relaxed)
    }

    /// Hands an event to the camera's own thread. Never waits.
    pub(crate) fn send(&self, order: u64, what: What) {
        // Closed only where the camera's thread is gone; then the frame's passage counts it as stopped.
        drop(self.inbox.send(Event { order, what }));
    }

    /// Nothing will come of this place in the order. Never waits.
    pub(crate) fn skip(&self, order: u64) {
        self.gone.add(order);
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.send(order, What::Wake);
        }
    }

    /// The camera's own thread got the wake.
    pub(crate) fn awake(&self) {
        self.woken.store(false, Ordering::Release);
    }

    /// True where no frame is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().inside == 0
    }

    /// Asks the camera to end after the frames that are inside.
    pub(crate) fn stop(&self) {
        {
            let _state = self.state.lock();
            self.stopping.store(true, Ordering::Relaxed);
            self.changed.notify_all();
        }
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    /// A stage asked to stop this camera.
    pub(crate) fn fatal(&self, error: StageError) {
        self.meter.lock().end(error);
        self.stop();
    }

    /// Waits so long, or until the camera is to stop.
    pub(crate) fn rest(&self, time: Duration) {
        let mut state = self.state.lock();
        let end = std::time::Instant::now() + time;
        while !self.is_stopping() && !self.changed.wait_until(&mut state, end).timed_out() {}
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Time is up: nobody waits for a place any more, and the count is closed: what is still inside was stopped.
    pub(crate) fn abandon(&self) {
        let _state = self.state.lock();
        self.abandoned.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        self.meter.lock().close();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The camera's own thread is done.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// Waits until the camera's own thread is done; false where the time ran out first. `None`: for ever.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        let end = timeout.and_then(|t| std::time::Instant::now().checked_add(t));
        while !state.ended {
            match end {
                None => self.changed.wait(&mut state),
                Some(end) => {
                    if self.changed.wait_until(&mut state, end).timed_out() {
                        return state.ended;
                    }
                }
            }
        }
        true
    }

    fn leave(&self) {
        self.state.lock().inside -= 1;
        self.changed.notify_all();
    }
}

/// A frame's place inside the pipeline and in the ledger. One that is dropped unsettled counts as stopped, so that no
/// frame is ever lost silently.
pub(crate) struct InFlightGuard {
    camera: Arc<CameraState>,
    settled: bool,
    /// No worker came to the frame.
    yielded: bool,
}

impl InFlightGuard {
    pub(crate) fn camera(&self) -> &Arc<CameraState> {
        &self.camera
    }

    /// The frame left the tracker.
    pub(crate) fn observed(&mut self, kind: FrameKind, age: Duration) {
        if !std::mem::replace(&mut self.settled, true) {
            self.camera.meter.lock().observed(kind, age, self.yielded);
        }
    }

    /// The frame made room for a newer one, and goes on without the detector.
    pub(crate) fn yields(&mut self) {
        self.yielded = true;
        self.camera.meter.lock().recent.overrun += 1;
    }

    /// The frame is dropped. Its place is taken until the passage goes.
    pub(crate) fn lost(&mut self, reason: DropReason) {
        if !std::mem::replace(&mut self.settled, true) {
            self.camera.meter.lock().lost(reason);
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.lost(DropReason::Stopped);
        self.camera.leave();
    }
}
