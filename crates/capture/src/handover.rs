//! Why a wait for another thread's data ends without any.
//!
//! Three cells of this crate hand data from one thread to another: the inbox of a live source, the slot of a reconnecting
//! source, and the pictures of an ffmpeg process. A receive from each of them returns `Result<Item, RecvError>`.

use std::time::Duration;

use passerby_types::SourceError;

/// Why a receive returned no item.
#[derive(Debug)]
pub(crate) enum RecvError {
    /// No item came within this time.
    TimedOut(Duration),
    /// No item will come any more. `None` if the sender ended normally, or if the receiver was cancelled.
    #[cfg_attr(
        not(any(feature = "rtsp", feature = "mjpeg")),
        allow(dead_code, reason = "only receiving sources send an error")
    )]
    Closed(Option<SourceError>),
}
