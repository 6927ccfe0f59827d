//! The detection pool: takes the oldest frames over all cameras, and sends their faces to the cameras.

use std::sync::Arc;

use parking_lot::Mutex;
use passerby_types::{Clock, Detector, DropReason, ErrorClass, Face, Frame, StageFactory};

use crate::channel::{Passage, What};
use crate::common::Common;
use crate::flow::one_each;
use crate::guard::Guard;
use crate::lanes::Lanes;
use crate::pool::Jobs;

/// A frame that waits for the detector.
pub(crate) struct Shot {
    pub(crate) frame: Frame,
    pub(crate) order: u64,
    pub(crate) passage: Passage,
}

impl Shot {
    /// Drops the frame, and tells its camera not to wait for it.
    pub(crate) fn lost(mut self, reason: DropReason) {
        self.passage.lost(reason);
        self.passage.channel().skip(self.order);
    }

    fn found(self, faces: Vec<Face>) {
        let channel = Arc::clone(self.passage.channel());
        let what = What::Detected { frame: self.frame, faces, passage: self.passage };
        channel.send(self.order, what);
    }
}

/// The frames of all cameras that wait for the detector.
pub(crate) struct Waiting {
    pub(crate) lanes: Lanes<Shot>,
    /// How many a worker takes at once.
    batch: usize,
}

impl Waiting {
    pub(crate) fn new(batch: usize, clock: Arc<dyn Clock>) -> Self {
        Self { lanes: Lanes::new("detect", clock), batch: batch.max(1) }
    }
}

impl Jobs for Waiting {
    type Job = Vec<(u32, Shot)>;

    fn take(&self) -> Option<Self::Job> {
        let mut batch = Vec::with_capacity(self.batch);
        self.lanes.take(self.batch, &mut batch).then_some(batch)
    }

    fn close(&self) {
        self.lanes.close();
    }
}

/// One worker of the pool: what it does with a batch. The first workers get the detectors in `made`, which showed at
/// the start that the factory works; later ones make their own.
pub(crate) fn worker(
    common: Arc<Common>,
    waiting: Arc<Waiting>,
    factory: StageFactory<dyn Detector>,
    made: &Mutex<Vec<Guard<dyn Detector>>>,
) -> impl FnMut(Vec<(u32, Shot)>) + use<> {
    let mut guard = made.lock().pop().unwrap_or_else(|| Guard::empty("detect", factory));
    move |batch| {
        let lanes: Vec<u32> = batch.iter().map(|(lane, _)| *lane).collect();
        detect(&common, &mut guard, batch.into_iter().map(|(_, shot)| shot).collect());
        lanes.into_iter().for_each(|lane| waiting.lanes.done(lane));
        // A detector that fails every time is not rebuilt without a break; the other workers go on meanwhile.
        let back_off = guard.back_off();
        if !back_off.is_zero() {
            common.gate.sleep(back_off);
        }
    }
}

/// Runs the detector on the frames. One that fails on several looks at each alone, so that one camera's frame does not
/// cost another's.
fn detect(common: &Common, guard: &mut Guard<dyn Detector>, shots: Vec<Shot>) {
    let Some(first) = shots.first() else { return };
    let (channel, meta) = (Arc::clone(first.passage.channel()), first.frame.meta);
    let frames: Vec<Frame> = shots.iter().map(|shot| shot.frame.clone()).collect();
    let (lists, busy) = common.seen("detect", &channel, frames.len(), || {
        guard.call(|d| one_each("detect", &frames, d.detect(&frames)))
    });
    channel.meter.lock().report.rebuilt("detect", guard.take_failed());
    for shot in &shots {
        let share = busy / u32::try_from(shots.len()).unwrap_or(u32::MAX);
        shot.passage.channel().meter.lock().report.spend("detect", 1, share);
    }
    drop(frames);
    match lists {
        Ok(lists) => {
            for (shot, faces) in shots.into_iter().zip(lists) {
                shot.passage.channel().meter.lock().report.faces += faces.len() as u64;
                shot.found(faces);
            }
        }
        Err(e) if shots.len() == 1 => {
            let fatal = e.class() == ErrorClass::Fatal;
            let e = e.at(&meta);
            channel.meter.lock().fail(&e);
            shots.into_iter().for_each(|shot| shot.lost(DropReason::StageFailed));
            if fatal {
                channel.fatal(e);
            }
        }
        Err(_) => shots.into_iter().for_each(|shot| detect(common, guard, vec![shot])),
    }
}
