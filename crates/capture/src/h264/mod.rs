//! H.264: the decoders, their contract, and the parameter sets that the decoders need.

#[cfg(any(feature = "rtsp", feature = "video"))]
mod auto_decoder;
mod bits;
#[cfg(feature = "libav")]
pub(crate) mod h265;
#[cfg(feature = "libav")]
mod libav;
pub(crate) mod nal;
#[cfg(any(feature = "rtsp", feature = "video"))]
mod offer;
#[cfg(feature = "openh264")]
mod openh264;
mod parameters;
mod reorder;
mod rusty;
mod sps;
#[cfg(any(feature = "rtsp", feature = "video"))]
mod units_inside;

use std::time::Duration;

use passerby_types::Picture;

#[cfg(any(feature = "rtsp", feature = "video"))]
pub(crate) use auto_decoder::{AutoDecoder, source_error};
#[cfg(feature = "libav")]
pub use libav::LibavDecoder;
#[cfg(any(feature = "rtsp", feature = "video"))]
pub(crate) use offer::{H264Offer, with_size};
#[cfg(feature = "openh264")]
pub use openh264::OpenH264Decoder;
pub(crate) use parameters::Parameters;
pub use rusty::RustyDecoder;
#[cfg(any(feature = "rtsp", feature = "video"))]
pub(crate) use units_inside::UnitsInside;

/// The description of frames that [`VideoDecoder::take_lost`] counts.
#[cfg(any(feature = "rtsp", feature = "video"))]
pub(crate) const LOST_IN_DECODER: &str = "the decoder gave no picture for them";

/// The coded data of one picture, or parameter sets for the next one, as Annex B: NAL units, each after a start code.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// The NAL units of the picture, with any new parameter sets before them.
    pub data: &'a [u8],
    /// The time at which the picture is shown, if the stream declares it.
    pub pts: Option<Duration>,
}

/// Why an access unit gave no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// This unit is broken, or the pictures that it refers to are missing. Continue with the next unit.
    #[error("{0}")]
    Damaged(String),
    /// The stream uses something that this decoder doesn't know. Stop, or use another decoder.
    #[error("unsupported {0}")]
    Unsupported(String),
    /// The pictures have more pixels than the limit allows. Stop.
    #[error("{what} is over the limit of {limit}")]
    TooLarge {
        /// The size of the pictures.
        what: String,
        /// The limit.
        limit: String,
    },
}

/// Turns H.264 access units into pictures. `LibavDecoder` also has a form for H.265.
///
/// Pictures are `I420`, cropped as the stream declares, with the stream's colour space, in buffers lent by the decoder's
/// [`FramePool`](passerby_types::FramePool). They come in display order, within one call and over all calls: a decoder holds pictures back until it
/// knows which one is next.
///
/// Implementers must expect the size to change at any key frame, and hostile input. A decoder should return an error then.
/// It must not panic or loop forever, and must bound its memory.
///
/// ```
/// use passerby_capture::{AccessUnit, RustyDecoder, VideoDecoder};
/// use passerby_types::FramePool;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.264");
/// let stream = std::fs::read(path)?;
/// let mut decoder = RustyDecoder::new(FramePool::default(), 1920 * 1080);
/// let mut pictures = Vec::new();
/// // The first access unit ends where the second picture begins. Here it is the parameter sets and the first slice.
/// let starts: Vec<usize> = (0..stream.len() - 4).filter(|&at| stream[at..].starts_with(&[0, 0, 1, 0x41])).collect();
/// let unit = AccessUnit { data: &stream[..starts.first().copied().unwrap_or(stream.len())], pts: None };
/// decoder.decode(unit, &mut pictures)?;
/// decoder.flush(&mut pictures);
/// assert_eq!(pictures.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait VideoDecoder: Send {
    /// Decodes the next unit in decoding order.
    ///
    /// Appends the pictures that are next in display order to `out`, each with the time stamp of its own unit. There may
    /// be none.
    ///
    /// # Errors
    /// Pictures that were appended to `out` are valid even if the call fails. [`DecodeError::Damaged`]: the unit's picture
    /// is lost, and the caller should continue with the next unit. [`DecodeError::Unsupported`] and
    /// [`DecodeError::TooLarge`]: this decoder cannot decode the stream, and the caller should stop.
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError>;

    /// Appends the pictures that were held back. The caller must call this at the end of the stream.
    fn flush(&mut self, out: &mut Vec<Picture>);

    /// Returns the number of units that turned out to give no picture, although their own calls returned no error, since the last
    /// call of this method. The caller should ask after every [`decode`](Self::decode) and [`flush`](Self::flush).
    ///
    /// A decoder that reports each lost picture as an error of its unit needs no method of its own: by default, this returns 0.
    fn take_lost(&mut self) -> u64 {
        0
    }

    /// Forgets all pictures and waits for the next key frame, but keeps the parameter sets. The caller should call this if
    /// the stream jumps.
    fn reset(&mut self);
}
