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
        self.passage.channel().skip(self.order);
    }

    /// Leaves the frame to the tracker alone.
    pub(crate) fn yields(self) {
        let Self { frame: Frame { meta, image }, order, mut passage, .. } = self;
        let channel = Arc::clone(passage.channel());
        let size = (image.width(), image.height());
        channel.images.give_back_image(image);
        passage.yields();
        channel.send(order, What::Coasted { meta, size, passage });
    }

    fn found(self, faces: Vec<Face>) {
        let channel = Arc::clone(self.passage.channel());
        let what = What::Detected { frame: self.frame, faces, passage: self.passage };
        channel.send(self.order, what);
    }
}

/// How many empty batches are kept: one for each worker of a large machine.
const BATCHES: usize = 64;

/// Frames that a worker takes at once, each with its lane.
type Batch = Vec<(u32, Shot)>;

/// The frames of all cameras that wait for the detector.
pub(crate) struct Waiting {
    pub(crate) lanes: FairQueue<Shot>,
    /// How many a worker takes at once.
    batch: usize,
    spare: Recycler<Batch>,
}

impl Waiting {
    pub(crate) fn new(batch: usize, clock: Arc<dyn Clock>) -> Self {
        Self { lanes: FairQueue::new("detect", clock), batch: batch.max(1), spare: Recycler::new(BATCHES) }
    }
}

impl JobSource for Waiting {
    type Job = Batch;

    fn recv(&self) -> Option<Batch> {
        let mut batch = self.spare.take_list();
        batch.reserve(self.batch);
        let taken = self.lanes.recv_batch(self.batch, &mut batch);
        for (_, shot) in &batch {
            shot.passage.channel().taken(shot.frame.meta.seq);
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
    common: Arc<Context>,
    waiting: Arc<Waiting>,
    factory: StageFactory<dyn Detector>,
    made: &Mutex<Vec<Guard<dyn Detector>>>,
) -> impl FnMut(Batch) + use<> {
    let guard = made.lock().pop().unwrap_or_else(|| Guard::empty("detect", factory));
    let (frames, lists) = (Vec::with_capacity(waiting.batch), Vec::with_capacity(waiting.batch));
    let mut worker = Worker { common, waiting, guard, frames, lists };
    move |mut batch| {
        worker.detect(&mut batch);
        worker.waiting.spare.give_back_list(batch);
        // A detector that fails every time is not rebuilt without a break; the other workers go on meanwhile.
        let back_off = worker.guard.back_off();
        if !back_off.is_zero() {
            worker.common.gate.sleep(back_off);
        }
    }
}

/// What a worker has at hand.
struct Worker {
    common: Arc<Context>,
    waiting: Arc<Waiting>,
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
        let Self { common, guard, frames, lists, waiting } = self;
        let (channel, meta) = (Arc::clone(first.passage.channel()), first.frame.meta);
        frames.extend(batch.iter().map(|(_, shot)| shot.frame.clone()));
        lists.extend(frames.iter().map(|_| common.faces.take_list()));
        let (done, busy) =
            common.seen("detect", &channel, frames.len(), || guard.call(|d| d.detect(frames, lists)));
        frames.clear();
        channel.meter.lock().report.rebuilt("detect", guard.take_failed());
        let share = busy / u32::try_from(batch.len()).unwrap_or(u32::MAX);
        for (_, shot) in batch.iter() {
            shot.passage.channel().meter.lock().report.spend("detect", 1, share);
        }
        if done.is_err() {
            lists.drain(..).for_each(|list| common.faces.give_back_list(list));
        }
        match done {
            Ok(()) => {
                for ((lane, shot), faces) in batch.drain(..).zip(lists.drain(..)) {
                    let channel = shot.passage.channel();
                    channel.looked(true);
                    channel.meter.lock().report.faces += faces.len() as u64;
                    waiting.lanes.done(lane);
                    shot.found(faces);
                }
            }
            Err(e) if batch.len() == 1 => {
                let fatal = e.class() == ErrorClass::Fatal;
                let e = e.at(&meta);
                channel.meter.lock().fail(&e);
                channel.looked(false);
                for (lane, shot) in batch.drain(..) {
                    waiting.lanes.done(lane);
                    shot.lost(DropReason::StageFailed);
                }
                if fatal {
                    channel.fatal(e);
                }
            }
            Err(_) => std::mem::take(batch).into_iter().for_each(|shot| self.detect(&mut vec![shot])),
        }
    }
}
