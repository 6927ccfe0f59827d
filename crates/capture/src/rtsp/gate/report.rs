//! The findings of the gate about the camera.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why the gate closed the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rtsp) enum GateEnd {
    /// The connection broke, or the camera sent something that is not RTSP. The text describes it.
    Broken(String),
    /// The camera speaks HTTP.
    Http,
    /// The camera sends its client to this address, if it names one.
    Redirect(Option<String>),
    /// The login cannot be made, for this reason.
    Login(String),
}

/// The state that the gate and the session share.
#[derive(Debug, Default)]
pub(in crate::rtsp) struct GateReport {
    end: Mutex<Option<GateEnd>>,
    /// True if the camera refused TCP and sends over UDP.
    fell_back: AtomicBool,
    /// The bytes of packets that were passed on since the last whole frame.
    unframed: AtomicUsize,
}

impl GateReport {
    /// Notes why the gate ends. The first reason counts.
    pub(super) fn end(&self, end: GateEnd) {
        self.lock().get_or_insert(end);
    }

    /// Returns why the gate has ended, or `None` if it has not, or only followed the other side.
    pub(in crate::rtsp) fn ended(&self) -> Option<GateEnd> {
        self.lock().clone()
    }

    /// Notes that the camera refused TCP and sends over UDP.
    pub(super) fn fall_back(&self) {
        self.fell_back.store(true, Ordering::Relaxed);
    }

    /// Returns true if the camera refused TCP and sends over UDP.
    pub(in crate::rtsp) fn fell_back(&self) -> bool {
        self.fell_back.load(Ordering::Relaxed)
    }

    /// Counts bytes that were passed on. Returns the bytes since the last whole frame.
    pub(super) fn add_unframed(&self, bytes: usize) -> usize {
        self.unframed.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    /// Notes that a whole frame came out of the packets.
    pub(in crate::rtsp) fn framed(&self) {
        self.unframed.store(0, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<GateEnd>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
