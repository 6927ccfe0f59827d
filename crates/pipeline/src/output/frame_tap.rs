//! The newest frame of each camera together with its observation, for a viewer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use passerby_types::{CameraId, Frame, Observation};

/// A frame and its observation.
#[derive(Clone, Debug)]
pub struct TappedFrame {
    /// The frame with its picture.
    pub frame: Frame,
    /// The faces in it.
    pub observation: Arc<Observation>,
}

/// Gives a viewer the newest frame of each camera together with its observation.
/// [`Handle::frames`](crate::Handle::frames) returns one.
///
/// The pipeline never waits for it. It holds at most one frame per camera, which the next one replaces, so a slow viewer
/// skips frames. Frames that fail or are dropped do not appear. Without a tap, the pipeline does no work for it.
/// Dropping the tap ends it.
pub struct FrameTap {
    slots: Arc<Slots>,
    taps: Arc<Taps>,
}

/// One tap's newest frame of each camera that was not taken yet.
type Slots = Mutex<BTreeMap<CameraId, TappedFrame>>;

impl FrameTap {
    /// Takes the newest frame of a camera. Returns `None` if no frame has come since the last call.
    #[must_use]
    pub fn take(&self, camera: CameraId) -> Option<TappedFrame> {
        self.slots.lock().remove(&camera)
    }

    /// Takes the newest frame of each camera that has one, by rising camera number. Returns an empty list if no frame has
    /// come since the last call.
    #[must_use]
    pub fn take_all(&self) -> Vec<TappedFrame> {
        std::mem::take(&mut *self.slots.lock()).into_values().collect()
    }
}

impl Drop for FrameTap {
    fn drop(&mut self) {
        self.taps.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for FrameTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cameras: Vec<CameraId> = self.slots.lock().keys().copied().collect();
        f.debug_struct("FrameTap").field("cameras", &cameras).finish_non_exhaustive()
    }
}

/// All taps of a pipeline.
#[derive(Default)]
pub(crate) struct Taps {
    slots: Mutex<Vec<Weak<Slots>>>,
    count: AtomicUsize,
}

impl Taps {
    pub(crate) fn open(self: &Arc<Self>) -> FrameTap {
        let slots = Arc::new(Slots::default());
        self.slots.lock().push(Arc::downgrade(&slots));
        self.count.fetch_add(1, Ordering::Relaxed);
        FrameTap { slots, taps: Arc::clone(self) }
    }

    /// Returns true if there is a tap, so that a frame is worth keeping for it.
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Replaces the camera's frame in all taps.
    pub(crate) fn put(&self, frame: &Frame, observation: &Arc<Observation>) {
        let camera = observation.meta.camera;
        self.slots.lock().retain(|slots| {
            let Some(slots) = slots.upgrade() else { return false };
            let new = TappedFrame { frame: frame.clone(), observation: Arc::clone(observation) };
            // The old frame is dropped after the lock is released.
            let old = slots.lock().insert(camera, new);
            drop(old);
            true
        });
    }
}
