//! What a fuzzer drives: readers of foreign bytes that have no public way in of their own.

#[cfg(feature = "ffmpeg")]
pub use crate::ffmpeg::fuzz::nut;
#[cfg(feature = "mjpeg")]
pub use crate::mjpeg::fuzz::{answer, multipart};
#[cfg(feature = "rtsp")]
pub use crate::rtsp::fuzz::{Arrival, Outcome, rtsp};

/// Decodes a JPEG picture of up to so many pixels: its width and height, where it is one.
#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam"))]
pub fn jpeg(bytes: &[u8], pixels: u64) -> Option<(u32, u32)> {
    let limits = crate::DecodeLimits { picture_pixels: pixels, ..crate::DecodeLimits::default() };
    let image = crate::jpeg::decode(bytes, &limits, &passerby_types::FramePool::default()).ok()?;
    Some((image.width(), image.height()))
}
