//! From pixels in any layout to the numbers that a network takes.

mod normalize;
mod place;

pub use normalize::{ChannelOrder, Normalize};
use passerby_types::{Image, Similarity};
pub use place::Letterbox;

/// Row buffers.
#[derive(Debug, Default)]
pub struct Scratch {}

/// What lies outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    /// Black, RGB (0, 0, 0) before normalisation.
    Zero,
    /// The nearest pixel of the picture.
    Replicate,
}

/// Scales the whole picture.
pub fn letterbox(
    image: &Image,
    place: &Letterbox,
    normalize: &Normalize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let _ = (image, place, normalize, scratch, out);
}
/// Samples a chip.
pub fn warp(
    image: &Image,
    picture_from_chip: &Similarity,
    size: usize,
    border: Border,
    normalize: &Normalize,
    out: &mut [f32],
) {
    let _ = (image, picture_from_chip, size, border, normalize, out);
}
/// The whole picture as RGB8.
#[must_use]
pub fn to_rgb(image: &Image) -> Image {
    let _ = image;
    unreachable!()
}
