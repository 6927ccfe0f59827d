//! Pictures of cameras as JPEG, encoded once for all viewers and only while there are some.

mod encode;
mod orientation;
mod persons;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use parking_lot::{Condvar, Mutex};
use passerby_pipeline::PipelineOutputs;
use passerby_types::CameraId;
use tokio::sync::watch;

use encode::encode;
pub(crate) use orientation::turned;
pub(crate) use persons::PersonPictures;

/// How long the thread waits for a viewer before it looks again whether it must end.
const IDLE_INTERVAL: Duration = Duration::from_millis(500);

/// One picture.
#[derive(Clone)]
pub(crate) struct JpegPicture {
    pub(crate) data: Bytes,
    /// The time in the camera's stream.
    pub(crate) pts: Option<Duration>,
    pub(crate) seq: u64,
}

/// A camera, and whether faces are blurred.
type Slot = (CameraId, bool);
type PictureSender = watch::Sender<Option<JpegPicture>>;

/// The newest pictures of the cameras that someone looks at.
pub(crate) struct Pictures {
    interval: Duration,
    slots: Mutex<Slots>,
    changed: Condvar,
    encoded: AtomicU64,
}

#[derive(Default)]
struct Slots {
    senders: BTreeMap<Slot, PictureSender>,
    has_stopped: bool,
}

impl Pictures {
    pub(crate) fn new(per_s: u32) -> Arc<Self> {
        Arc::new(Self {
            interval: Duration::from_secs(1) / per_s.max(1),
            slots: Mutex::default(),
            changed: Condvar::new(),
            encoded: AtomicU64::new(0),
        })
    }

    /// Returns the pictures of a camera from now on. A viewer that is slow skips some.
    pub(crate) fn watch(&self, camera: CameraId, blur: bool) -> watch::Receiver<Option<JpegPicture>> {
        let mut slots = self.slots.lock();
        let sender = slots.senders.entry((camera, blur)).or_insert_with(|| watch::Sender::new(None));
        let receiver = sender.subscribe();
        if slots.has_stopped {
            slots.senders.clear();
        }
        self.changed.notify_all();
        receiver
    }

    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Ends all viewers and the thread.
    pub(crate) fn stop(&self) {
        let mut slots = self.slots.lock();
        slots.has_stopped = true;
        slots.senders.clear();
        self.changed.notify_all();
    }

    /// Encodes pictures until the stop. Without a viewer there is no tap, and the pipeline does no work for it.
    pub(crate) fn run(&self, outputs: &PipelineOutputs) {
        let mut tap = None;
        let mut next = Instant::now();
        loop {
            let wanted: Vec<Slot> = {
                let mut slots = self.slots.lock();
                if slots.has_stopped {
                    return;
                }
                slots.senders.retain(|_, sender| sender.receiver_count() > 0);
                if slots.senders.is_empty() {
                    tap = None;
                    self.changed.wait_for(&mut slots, IDLE_INTERVAL);
                    continue;
                }
                slots.senders.keys().copied().collect()
            };
            let tap = tap.get_or_insert_with(|| outputs.frames());
            for frame in tap.take_all() {
                let camera = frame.observation.meta.camera;
                for slot in wanted.iter().filter(|slot| slot.0 == camera) {
                    let Some(data) = encode(&frame, slot.1) else { continue };
                    self.encoded.fetch_add(1, Ordering::Relaxed);
                    let meta = frame.observation.meta;
                    self.send(*slot, JpegPicture { data: data.into(), pts: meta.pts, seq: meta.seq });
                }
            }
            next = (next + self.interval).max(Instant::now());
            self.pause_until(next);
        }
    }

    fn send(&self, slot: Slot, picture: JpegPicture) {
        if let Some(sender) = self.slots.lock().senders.get(&slot) {
            sender.send_replace(Some(picture));
        }
    }

    /// Waits, but not beyond the stop.
    fn pause_until(&self, until: Instant) {
        let mut slots = self.slots.lock();
        while !slots.has_stopped && !self.changed.wait_until(&mut slots, until).timed_out() {}
    }
}
