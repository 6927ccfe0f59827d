//! H.264: what a decoder must do, and the parameter sets that both decoders need read.

mod bits;
pub(crate) mod nal;
#[cfg(feature = "openh264")]
mod open;
mod parameters;
mod reorder;
mod rusty;
mod sps;

use std::time::Duration;

use passerby_types::{ColorSpace, FramePool, Image, Picture, PixelLayout};

#[cfg(feature = "openh264")]
pub use open::OpenH264Decoder;
pub(crate) use parameters::Parameters;
pub use rusty::RustyDecoder;

/// The coded data of one picture, or parameter sets for the next, as Annex B: NAL units, each after a start code.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// The NAL units of the picture, and before them any parameter sets that are new.
    pub data: &'a [u8],
    /// When the picture is to be shown, where the stream says so.
    pub pts: Option<Duration>,
}

/// Why an access unit gave no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// This unit is broken or lacks what it refers to. Go on with the next.
    #[error("{0}")]
    Damaged(String),
    /// The stream uses something this decoder does not know. Stop, or use another decoder.
    #[error("unsupported {0}")]
    Unsupported(String),
    /// The pictures have more pixels than allowed. Stop.
    #[error("{what} is over the limit of {limit}")]
    TooLarge {
        /// The size of the pictures.
        what: String,
        /// The limit.
        limit: String,
    },
}

/// Turns H.264 access units into pictures.
///
/// Pictures are `I420`, cropped as the stream says, with the stream's colour space, in buffers lent by the
/// [`FramePool`] the decoder was made with. Those of one call are appended to `out` in display order, and all calls
/// together give display order, too: a decoder holds pictures back until it knows which one is next.
///
/// Implementers: the size may change at any key frame. Input may be hostile: fail, never panic, never loop, and
/// bound the memory.
pub trait VideoDecoder: Send {
    /// Takes the next unit in decoding order and appends the pictures whose turn it is, possibly none, to `out`,
    /// each with the time stamp of its own unit.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`]: the unit's picture is lost; go on with the next unit.
    /// [`DecodeError::Unsupported`] and [`DecodeError::TooLarge`]: the stream is not for this decoder; stop.
    /// Pictures appended to `out` before the error count.
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError>;

    /// Appends the pictures that were held back: the stream has ended.
    fn flush(&mut self, out: &mut Vec<Picture>);

    /// Forgets all pictures and waits for the next key frame: the stream jumps. Parameter sets are kept.
    fn reset(&mut self);
}

/// One plane of a decoded picture: its bytes and how many lie between rows.
pub(crate) type Raw<'a> = (&'a [u8], usize);

/// Copies the `size` pixels from `origin` on out of decoded 4:2:0 planes. `None` where the planes are too small.
pub(crate) fn copy_out(
    planes: [Raw<'_>; 3],
    origin: (usize, usize),
    size: (u32, u32),
    color: ColorSpace,
    pool: &FramePool,
) -> Option<Image> {
    for (index, (data, stride)) in planes.iter().enumerate() {
        let (row, rows) = PixelLayout::I420.plane_size(index, size.0, size.1);
        let (x, y) = if index == 0 { origin } else { (origin.0 / 2, origin.1 / 2) };
        let last = (y + rows.checked_sub(1)?).checked_mul(*stride)?;
        if x + row > *stride || last + x + row > data.len() {
            return None;
        }
    }
    let mut image = Image::new_in(pool, PixelLayout::I420, size.0, size.1, color).ok()?;
    for (index, (data, stride)) in planes.into_iter().enumerate() {
        let (row, rows) = PixelLayout::I420.plane_size(index, size.0, size.1);
        let (x, y) = if index == 0 { origin } else { (origin.0 / 2, origin.1 / 2) };
        for r in 0..rows {
            image.row_mut(index, r).copy_from_slice(&data[(y + r) * stride + x..][..row]);
        }
    }
    Some(image)
}
