//! The stage calls that are running now, so that the monitor finds those that do not return.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use passerby_types::{CameraId, Clock, Timestamp};

/// A call that has been running for longer than [`stuck_after`](crate::PipelineSettings::stuck_after).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckCall {
    /// The stage: `capture`, `detect`, `track`, `embed`, `identify`, `classify`, `fuse` or `store`. It is `end` if the
    /// identifier or the fusion handles the end of tracks, and `publish` if the camera waits for a subscriber that blocks or
    /// for the sink.
    pub stage: &'static str,
    /// The camera, or that of the first frame of a batch. `None` for the sink.
    pub camera: Option<CameraId>,
    /// The time that the call has been running.
    pub elapsed: Duration,
}

/// The number of calls for which memory is allocated at the start. It covers eight cameras and their workers.
const PREALLOCATED_CALLS: usize = 64;

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
        Self { clock, running: Mutex::new(Vec::with_capacity(PREALLOCATED_CALLS)) }
    }

    /// Notes the begin of a call, which runs until the returned guard is dropped.
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

    /// Returns the camera of each call of the stage that has been running for longer than `limit`.
    pub(crate) fn slow(&self, stage: &str, limit: Duration) -> Vec<CameraId> {
        let now = self.clock.now();
        let running = self.running.lock();
        let slow = running.iter().flatten().filter(|c| c.stage == stage && now.since(c.began) > limit);
        slow.filter_map(|call| call.camera).collect()
    }

    /// Returns the calls that have been running for longer than `limit`, each with true if it is returned for the first
    /// time.
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
