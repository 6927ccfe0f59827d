//! Entry points for a fuzzer: readers of foreign bytes that aren't public otherwise.

#[cfg(feature = "ffmpeg")]
pub use crate::ffmpeg::fuzz::nut;
#[cfg(feature = "mjpeg")]
pub use crate::mjpeg::fuzz::{answer, multipart};
#[cfg(feature = "rtsp")]
pub use crate::rtsp::fuzz::{Arrival, Outcome, rtsp};

/// Decodes a JPEG picture of at most `pixels` pixels. Returns its width and height, or `None` if it is broken.
#[cfg(feature = "_jpeg")]
pub fn jpeg(bytes: &[u8], pixels: u64) -> Option<(u32, u32)> {
    let limits = crate::DecodeLimits { picture_pixels: pixels, ..crate::DecodeLimits::default() };
    let image = crate::jpeg::decode(bytes, &limits, &passerby_types::FramePool::default()).ok()?;
    Some((image.width(), image.height()))
}
