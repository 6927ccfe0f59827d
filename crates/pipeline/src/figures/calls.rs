//! The stage calls that are running now, so that one that does not come back is seen.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use passerby_types::{CameraId, Clock, Timestamp};

/// A call that has been running for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckCall {
    /// Which stage: `capture`, `detect`, `track` and so on; `end` where the owners of identities and attributes are
    /// told that tracks ended; `publish` where a subscriber that blocks does not take, or a
    /// lossless camera waits for the sink.
    pub stage: &'static str,
    /// For which camera; of a batch, that of its first frame. `None` for the sink.
    pub camera: Option<CameraId>,
    /// The time that the call has been running.
    pub elapsed: Duration,
}

/// Room for so many calls is made at the start: those of the threads of eight cameras and as many workers.
const USUAL: usize = 64;

/// The calls that are running now.
pub(crate) struct Calls {
    clock: Arc<dyn Clock>,
    running: Mutex<Vec<Option<Call>>>,
}

#[derive(Clone, Copy)]
struct Call {
    stage: &'static str,
    camera: Option<CameraId>,
    began: Timestamp,
    reported: bool,
}

/// A call that is running until this is dropped.
pub(crate) struct Running<'a> {
    calls: &'a Calls,
    place: usize,
}

impl Calls {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, running: Mutex::new(Vec::with_capacity(USUAL)) }
    }

    /// A call begins.
    pub(crate) fn begin(&self, stage: &'static str, camera: Option<CameraId>) -> Running<'_> {
        let call = Some(Call { stage, camera, began: self.clock.now(), reported: false });
        let mut running = self.running.lock();
        let place = running.iter().position(Option::is_none).unwrap_or_else(|| {
            running.push(None);
            running.len() - 1
        });
        running[place] = call;
        Running { calls: self, place }
    }

    /// The cameras for which a call of this stage has been running for longer than `limit`, once for each call.
    pub(crate) fn slow(&self, stage: &str, limit: Duration) -> Vec<CameraId> {
        let now = self.clock.now();
        let running = self.running.lock();
        let slow = running.iter().flatten().filter(|c| c.stage == stage && now.since(c.began) > limit);
        slow.filter_map(|call| call.camera).collect()
    }

    /// The calls that have been running for longer than `limit`, each with whether this is the first time it is told.
    pub(crate) fn stuck(&self, limit: Duration) -> Vec<(StuckCall, bool)> {
        let now = self.clock.now();
        let mut running = self.running.lock();
        let long = running.iter_mut().flatten().filter(|call| now.since(call.began) > limit);
        long.map(|call| {
            let first = !std::mem::replace(&mut call.reported, true);
            let elapsed = now.since(call.began);
            (StuckCall { stage: call.stage, camera: call.camera, elapsed }, first)
        })
        .collect()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.calls.running.lock()[self.place] = None;
    }
}
