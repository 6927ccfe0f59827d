//! The detection pool: takes the oldest frames over all cameras, and sends their faces to the cameras.

use std::sync::Arc;

use parking_lot::Mutex;
use passerby_types::{Clock, Detector, DropReason, ErrorClass, Face, Frame, Recycler, StageFactory};

use crate::camera::state::{InFlightGuard, What};
use crate::context::Context;
use crate::guard::Guard;
use passerby_workers::FairQueue;
use passerby_workers::JobSource;

/// A frame that waits for the detector.
pub(crate) struct Shot {
    pub(crate) frame: Frame,
    pub(crate) order: u64,
    /// The next frame of its camera that the detector is to run on, as it stood when this one came.
    pub(crate) next: u64,
    pub(crate) passage: InFlightGuard,
}

impl Shot {
    /// Drops the frame, and tells its camera not to wait for it.
    pub(crate) fn lost(mut self, reason: DropReason) {
        self.passage.lost(reason);
        self.passage.camera().skip(self.order);
    }

    /// Leaves the frame to the tracker alone.
    pub(crate) fn yields(self) {
        let Self { frame: Frame { meta, image }, order, mut passage, .. } = self;
        let camera = Arc::clone(passage.camera());
        let size = (image.width(), image.height());
        camera.images.give_back_image(image);
        passage.yields();
        camera.send(order, What::Coasted { meta, size, passage });
    }

    fn found(self, faces: Vec<Face>) {
        let camera = Arc::clone(self.passage.camera());
        let what = What::Detected { frame: self.frame, faces, passage: self.passage };
        camera.send(self.order, what);
    }
}

/// How many empty batches are kept: one for each worker of a large machine.
const BATCHES: usize = 64;

/// Frames that a worker takes at once, each with its lane.
type Batch = Vec<(u32, Shot)>;

/// The frames of all cameras that wait for the detector.
pub(crate) struct DetectQueue {
    pub(crate) lanes: FairQueue<Shot>,
    /// How many a worker takes at once.
    batch: usize,
    spare: Recycler<Batch>,
}

impl DetectQueue {
    pub(crate) fn new(batch: usize, clock: Arc<dyn Clock>) -> Self {
        Self { lanes: FairQueue::new("detect", clock), batch: batch.max(1), spare: Recycler::new(BATCHES) }
    }
}

impl JobSource for DetectQueue {
    type Job = Batch;

    fn recv(&self) -> Option<Batch> {
        let mut batch = self.spare.take_list();
        batch.reserve(self.batch);
        let taken = self.lanes.recv_batch(self.batch, &mut batch);
        for (_, shot) in &batch {
            shot.passage.camera().taken(shot.frame.meta.seq);
        }
        taken.then_some(batch)
    }

    fn close(&self) {
        self.lanes.close();
    }
}

/// One worker of the pool: what it does with a batch. The first workers get the detectors in `made`, which showed at
/// the start that the factory works; later ones make their own.
pub(crate) fn worker(
    context: Arc<Context>,
    queue: Arc<DetectQueue>,
    factory: StageFactory<dyn Detector>,
    made: &Mutex<Vec<Guard<dyn Detector>>>,
) -> impl FnMut(Batch) + use<> {
    let guard = made.lock().pop().unwrap_or_else(|| Guard::empty("detect", factory));
    let (frames, lists) = (Vec::with_capacity(queue.batch), Vec::with_capacity(queue.batch));
    let mut worker = Worker { context, queue, guard, frames, lists };
    move |mut batch| {
        worker.detect(&mut batch);
        worker.queue.spare.give_back_list(batch);
        // A detector that fails every time is not rebuilt without a break; the other workers go on meanwhile.
        let back_off = worker.guard.back_off();
        if !back_off.is_zero() {
            worker.context.gate.sleep(back_off);
        }
    }
}

/// What a worker has at hand.
struct Worker {
    context: Arc<Context>,
    queue: Arc<DetectQueue>,
    guard: Guard<dyn Detector>,
    /// The frames that the detector is given. Empty between two calls.
    frames: Vec<Frame>,
    /// What it is to write their faces to. Empty between two calls.
    lists: Vec<Vec<Face>>,
}

impl Worker {
    /// Runs the detector on the frames, and leaves the batch empty. A detector that fails on several looks at each
    /// alone, so that one camera's frame does not cost another's.
    fn detect(&mut self, batch: &mut Batch) {
        let Some((_, first)) = batch.first() else { return };
        let Self { context, guard, frames, lists, queue } = self;
        let (camera, meta) = (Arc::clone(first.passage.camera()), first.frame.meta);
        frames.extend(batch.iter().map(|(_, shot)| shot.frame.clone()));
        lists.extend(frames.iter().map(|_| context.face_lists.take_list()));
        let (done, busy) =
            context.seen("detect", &camera, frames.len(), || guard.call(|d| d.detect(frames, lists)));
        frames.clear();
        camera.meter.lock().report.rebuilt("detect", guard.take_failed());
        let share = busy / u32::try_from(batch.len()).unwrap_or(u32::MAX);
        for (_, shot) in batch.iter() {
            shot.passage.camera().meter.lock().report.spend("detect", 1, share);
        }
        if done.is_err() {
            lists.drain(..).for_each(|list| context.face_lists.give_back_list(list));
        }
        match done {
            Ok(()) => {
                for ((lane, shot), faces) in batch.drain(..).zip(lists.drain(..)) {
                    let camera = shot.passage.camera();
                    camera.looked(true);
                    camera.meter.lock().report.faces += faces.len() as u64;
                    queue.lanes.done(lane);
                    shot.found(faces);
                }
            }
            Err(e) if batch.len() == 1 => {
                let fatal = e.class() == ErrorClass::Fatal;
                let e = e.at(&meta);
                camera.meter.lock().fail(&e);
                camera.looked(false);
                for (lane, shot) in batch.drain(..) {
                    queue.lanes.done(lane);
                    shot.lost(DropReason::StageFailed);
                }
                if fatal {
                    camera.fatal(e);
                }
            }
            Err(_) => std::mem::take(batch).into_iter().for_each(|shot| self.detect(&mut vec![shot])),
        }
    }
}
