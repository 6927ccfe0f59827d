//! A camera's own thread: puts its frames back in order, and observes one after another.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{DropReason, ErrorClass, Face, Frame, FrameKind, FrameMeta, StageError};
use passerby_workers::{LateItem, ReorderBuffer};

use crate::camera::inbox::Received;
use crate::camera::observer::CameraObserver;
use crate::camera::open_jobs::OpenJobs;
use crate::camera::state::{CameraEvent, CameraState, InFlightGuard};
use crate::context::Context;
use crate::face_jobs::FaceJobs;

/// How often the thread checks whether its camera must stop.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A camera's own thread.
pub(crate) struct CameraWorker {
    context: Arc<Context>,
    camera: Arc<CameraState>,
    observer: CameraObserver,
    open_jobs: OpenJobs,
    /// The jobs of the frame. Empty between two frames.
    frame_jobs: FaceJobs,
    /// The number of the frame that comes next.
    next_seq: u64,
}

impl CameraWorker {
    pub(crate) fn new(
        context: Arc<Context>,
        camera: Arc<CameraState>,
        observer: CameraObserver,
        open_jobs: OpenJobs,
    ) -> Self {
        Self { context, camera, observer, open_jobs, frame_jobs: FaceJobs::default(), next_seq: 0 }
    }

    pub(crate) fn camera(&self) -> &Arc<CameraState> {
        &self.camera
    }

    /// Observes the camera's frames in order until the source ends, or until the camera must stop and no frame is inside.
    /// This is the body of the camera's thread.
    pub(crate) fn run(mut self) {
        let settings = &self.context.settings;
        let timeout = if self.camera.lossless { Duration::MAX } else { settings.reorder_timeout };
        let mut reorder = ReorderBuffer::new(settings.window(), timeout);
        while self.handle_ready(&mut reorder).is_continue() && !self.must_end() {
            match self.camera.inbox.receive(STOP_POLL_INTERVAL) {
                Received::Item(order, event) => {
                    if let Err(LateItem(late)) = reorder.insert(order, event, self.context.clock.now()) {
                        lose_late(late);
                    }
                }
                Received::Nothing => {}
                Received::Closed => break,
            }
        }
        self.finish();
    }

    fn must_end(&self) -> bool {
        self.camera.is_abandoned() || self.camera.is_drained()
    }

    /// Handles the events whose turn it is. Breaks if the source has ended.
    fn handle_ready(&mut self, reorder: &mut ReorderBuffer<CameraEvent>) -> ControlFlow<()> {
        loop {
            reorder.skip_to(self.camera.inbox.first_from(reorder.next_seq()));
            let Some((_, event)) = reorder.pop(self.context.clock.now()) else {
                return ControlFlow::Continue(());
            };
            match event {
                CameraEvent::Detected { frame, faces, in_flight } => {
                    let size = (frame.image.width(), frame.image.height());
                    let meta = frame.meta;
                    self.observe(&meta, size, Some((frame, faces)), None, in_flight);
                }
                CameraEvent::Coasted { meta, size, image, in_flight } => {
                    let coasted = image.map(|image| Frame { meta, image });
                    self.observe(&meta, size, None, coasted, in_flight);
                }
                CameraEvent::End { seq } => {
                    self.next_seq = seq;
                    return ControlFlow::Break(());
                }
            }
        }
    }

    /// Takes one frame from its faces to its observation, and publishes that. `detected` is `None` for a frame without
    /// detection. `coasted` is such a frame with its picture if a frame tap wants it.
    fn observe(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        detected: Option<(Frame, Vec<Face>)>,
        coasted: Option<Frame>,
        mut in_flight: InFlightGuard,
    ) {
        self.next_seq = meta.seq.saturating_add(1);
        let (frame, faces) = detected.unzip();
        let tracked = self.observer.track(meta, size, faces.as_deref());
        faces.into_iter().for_each(|list| self.context.face_lists.give_back_list(list));
        if let Err(error) = tracked {
            in_flight.lose(DropReason::StageFailed);
            return self.handle_failure(error);
        }

        let kind = if frame.is_some() { FrameKind::Analysed } else { FrameKind::Coasted };
        let tapped = self.context.fanout.tap(frame.as_ref()).or(coasted);
        let sent = frame.map_or(0, |frame| self.send_jobs(frame));
        if !self.camera.lossless {
            self.open_jobs.collect_ready();
        } else if sent > 0 {
            // No result may depend on how long a job takes.
            self.open_jobs.collect_all(|| self.camera.is_abandoned());
        }

        // From here on lossless cameras come one after another, so that the identifier learns in one order.
        self.wait_turn(meta.seq);
        self.observer.identify(meta.seq, &mut self.open_jobs.embeddings);
        self.observer.fuse(meta.seq, &mut self.open_jobs.estimates);
        if self.observer.wants_look() {
            self.camera.want_look();
        }
        let observation = self.observer.observe(meta, size, kind);
        in_flight.observe(kind, self.context.clock.now().since(meta.captured));

        let running = self.context.timer.calls.begin("publish", Some(self.camera.id));
        self.context.fanout.publish(observation, tapped.as_ref(), self.camera.lossless);
        drop(running);
        self.context.sequencer.end_turn(self.camera.id, meta.seq);
    }

    /// Sends the frame's jobs to the pools, and gives its picture back. Returns how many jobs there are.
    fn send_jobs(&mut self, frame: Frame) -> usize {
        let stages = self.open_jobs.active_stages();
        self.observer.sample(&frame, stages, &mut self.frame_jobs);
        self.camera.images.give_back_image(frame.image);
        self.open_jobs.send(&mut self.frame_jobs, self.camera.lossless)
    }

    /// Handles a failure of the tracker. If it keeps failing, it is rebuilt less and less often; meanwhile a live camera
    /// drops frames before it, and a file waits.
    fn handle_failure(&self, error: StageError) {
        if error.class() == ErrorClass::Fatal {
            return self.camera.fail(error);
        }
        let back_off = self.observer.back_off();
        // A camera that must stop does not wait for each of the frames that are still inside.
        if !back_off.is_zero() && !self.camera.is_stopping() {
            self.context.gate.sleep(back_off);
        }
    }

    /// Waits for the turn of a lossless camera's frame. If another camera's earlier frame does not come in time, notes that
    /// and goes on.
    fn wait_turn(&self, seq: u64) {
        let Context { sequencer, settings, gate, .. } = &*self.context;
        let id = self.camera.id;
        let in_turn = || sequencer.wait_turn(id, seq, settings.stuck_after, || gate.resumed_at());
        if self.camera.lossless && !in_turn() {
            let note = format!("{id}, frame {seq}: went on before another camera's earlier frame");
            self.camera.meter.lock().report.note(note);
        }
    }

    /// Waits for the open jobs, takes their results in, and ends the tracks.
    fn finish(mut self) {
        let timeout = self.context.settings.stuck_after;
        let start = self.context.clock.now();
        self.open_jobs.collect_ready();
        self.open_jobs
            .collect_all(|| self.camera.is_abandoned() || self.context.clock.now().since(start) >= timeout);
        self.wait_turn(self.next_seq);
        self.observer.identify(self.next_seq, &mut self.open_jobs.embeddings);
        self.observer.fuse(self.next_seq, &mut self.open_jobs.estimates);
        self.observer.end();
        self.context.sequencer.leave(self.camera.id);
    }
}

/// Counts a frame that came after the camera had gone on without it.
fn lose_late(event: CameraEvent) {
    if let CameraEvent::Detected { mut in_flight, .. } | CameraEvent::Coasted { mut in_flight, .. } = event {
        in_flight.lose(DropReason::Late);
    }
}

/// Ends the camera, however its thread ends.
impl Drop for CameraWorker {
    fn drop(&mut self) {
        self.context.sequencer.leave(self.camera.id);
        // No thread takes frames any more, so the reader must stop.
        self.camera.stop();
        // The events in the inbox hold handles to the camera, which would keep itself alive.
        self.camera.inbox.close();
        self.camera.end();
    }
}
