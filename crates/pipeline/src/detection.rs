//! The detection pool: takes the oldest frames over all cameras, and sends their faces to the cameras.

use std::sync::Arc;

use parking_lot::Mutex;
use passerby_types::{Clock, Detector, DropReason, ErrorClass, Face, Frame, Recycler, StageFactory};
use passerby_workers::{FairQueue, JobSource};

use crate::camera::state::{CameraEvent, InFlightGuard};
use crate::context::Context;
use crate::guard::Guard;

/// How many empty batches are kept: one for each worker of a large machine.
const MAX_IDLE_BATCHES: usize = 64;

/// A frame that waits for the detector.
pub(crate) struct QueuedFrame {
    pub(crate) frame: Frame,
    /// The place among the camera's frames that entered the pipeline.
    pub(crate) order: u64,
    /// The camera's next frame that the detector runs on, by the schedule under which this one came.
    pub(crate) next_detection: u64,
    pub(crate) in_flight: InFlightGuard,
}

impl QueuedFrame {
    /// Drops the frame, and tells its camera not to wait for it.
    pub(crate) fn lose(mut self, reason: DropReason) {
        self.in_flight.lose(reason);
        self.in_flight.camera().inbox.skip(self.order);
    }

    /// Sends the frame to its camera without detection, and without its picture unless `keep_image` is set.
    pub(crate) fn skip_detection(self, keep_image: bool) {
        let Self { frame: Frame { meta, image }, order, mut in_flight, .. } = self;
        let camera = Arc::clone(in_flight.camera());
        let size = (image.width(), image.height());
        let image = if keep_image {
            Some(image)
        } else {
            camera.images.give_back_image(image);
            None
        };
        in_flight.skip_detection();
        camera.inbox.send(order, CameraEvent::Coasted { meta, size, image, in_flight });
    }

    /// Sends the frame to its camera with the faces that the detector found.
    fn send_faces(self, faces: Vec<Face>) {
        let Self { frame, order, in_flight, .. } = self;
        let camera = Arc::clone(in_flight.camera());
        camera.inbox.send(order, CameraEvent::Detected { frame, faces, in_flight });
    }
}

/// The frames that a worker takes at once, each with its lane.
type Batch = Vec<(u32, QueuedFrame)>;

/// The frames of all cameras that wait for the detector, in one lane for each camera.
pub(crate) struct DetectQueue {
    pub(crate) lanes: FairQueue<QueuedFrame>,
    /// The most frames that a worker takes at once.
    batch_size: usize,
    batches: Recycler<Batch>,
}

impl DetectQueue {
    pub(crate) fn new(batch_size: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            lanes: FairQueue::new("detect", clock),
            batch_size: batch_size.max(1),
            batches: Recycler::new(MAX_IDLE_BATCHES),
        }
    }
}

impl JobSource for DetectQueue {
    type Job = Batch;

    fn recv(&self) -> Option<Batch> {
        let mut batch = self.batches.take_list();
        batch.reserve(self.batch_size);
        let received = self.lanes.recv_batch(self.batch_size, &mut batch);
        for (_, queued) in &batch {
            queued.in_flight.camera().detections.take(queued.frame.meta.seq);
        }
        received.then_some(batch)
    }

    fn close(&self) {
        self.lanes.close();
    }
}

/// Returns the work of one worker of the pool. The first workers get the detectors in `made`, which showed at the start
/// that the factory works; later ones make their own.
pub(crate) fn worker(
    context: Arc<Context>,
    queue: Arc<DetectQueue>,
    factory: StageFactory<dyn Detector>,
    made: &Mutex<Vec<Guard<dyn Detector>>>,
) -> impl FnMut(Batch) + use<> {
    let made = made.lock().pop();
    let guard = made.unwrap_or_else(|| Guard::empty("detect", factory, &context.timer.stages));
    let frames = Vec::with_capacity(queue.batch_size);
    let face_lists = Vec::with_capacity(queue.batch_size);
    let left_out = Vec::with_capacity(queue.batch_size);
    let mut worker = DetectionWorker { context, queue, guard, frames, face_lists, left_out };
    move |mut batch| {
        worker.detect(&mut batch);
        worker.queue.batches.give_back_list(batch);
        // A detector that fails every time is not rebuilt without a break; the other workers go on meanwhile.
        let back_off = worker.guard.back_off();
        if !back_off.is_zero() {
            worker.context.gate.sleep(back_off);
        }
    }
}

/// A detector with its memory for the next batch.
struct DetectionWorker {
    context: Arc<Context>,
    queue: Arc<DetectQueue>,
    guard: Guard<dyn Detector>,
    /// The frames of the batch. Empty between two calls.
    frames: Vec<Frame>,
    /// The lists that the detector writes the faces to. Empty between two calls.
    face_lists: Vec<Vec<Face>>,
    /// The number of boxes that the detector left out of each frame.
    left_out: Vec<u64>,
}

impl DetectionWorker {
    /// Runs the detector on the frames, and leaves the batch empty. If the detector fails on several frames, it runs on each
    /// alone, so that one camera's frame does not cost another camera's.
    fn detect(&mut self, batch: &mut Batch) {
        let Some((_, first)) = batch.first() else { return };
        let Self { context, guard, frames, face_lists, left_out, .. } = self;
        let camera = Arc::clone(first.in_flight.camera());
        let meta = first.frame.meta;
        let alone = batch.len() == 1;
        frames.extend(batch.iter().map(|(_, queued)| queued.frame.clone()));
        face_lists.extend(frames.iter().map(|_| context.face_lists.take_list()));
        let (done, elapsed) = context.timer.measured("detect", Some(camera.id), frames.len(), || {
            let call = |detector: &mut (dyn Detector + 'static)| {
                detector.detect(frames, face_lists)?;
                left_out.clear();
                left_out.extend((0..frames.len()).map(|frame| detector.left_out(frame)));
                Ok(())
            };
            if alone {
                guard.call(&camera.meter, Some(&meta), call)
            } else {
                guard.attempt(&camera.meter, call)
            }
        });
        frames.clear();
        let share = elapsed / u32::try_from(batch.len()).unwrap_or(u32::MAX);
        for (_, queued) in batch.iter() {
            queued.in_flight.camera().meter.lock().report.spend("detect", 1, share);
        }
        let Err(error) = done else { return self.send_faces(batch) };
        self.face_lists.drain(..).for_each(|list| self.context.face_lists.give_back_list(list));
        if !alone {
            return std::mem::take(batch).into_iter().for_each(|queued| self.detect(&mut vec![queued]));
        }
        camera.detections.finish(true);
        for (lane, queued) in batch.drain(..) {
            self.queue.lanes.done(lane);
            queued.lose(DropReason::StageFailed);
        }
        if error.class() == ErrorClass::Fatal {
            camera.fail(error);
        }
    }

    /// Sends the frames with their faces to the cameras.
    fn send_faces(&mut self, batch: &mut Batch) {
        let results = self.face_lists.drain(..).zip(self.left_out.drain(..));
        for ((lane, queued), (faces, left_out)) in batch.drain(..).zip(results) {
            let camera = queued.in_flight.camera();
            camera.detections.finish(false);
            camera.meter.lock().detect(&queued.frame.meta, faces.len(), left_out);
            self.queue.lanes.done(lane);
            queued.send_faces(faces);
        }
    }
}
