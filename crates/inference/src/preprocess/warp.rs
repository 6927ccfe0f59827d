//! A small square out of the picture, turned, scaled and moved.

use passerby_cnn::Isa;
use passerby_cnn::pixels::{Source, sample};
use passerby_types::{Image, Similarity};

use super::Normalize;
use super::channels::Channels;

/// What lies outside the picture, for [`warp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    /// Black: RGB (0, 0, 0) before normalisation. Pixels at the edge of the picture fade into it, as with OpenCV's
    /// `BORDER_CONSTANT`.
    Zero,
    /// The nearest pixel of the picture, as with OpenCV's `BORDER_REPLICATE`.
    Replicate,
}

/// Samples a chip of `size` x `size` pixels into a network's input, three planes: chip pixel (x, y) is the picture's
/// value at `picture_from_chip` applied to (x, y), both in pixel-index coordinates.
///
/// Four pixels are interpolated linearly, without averaging, also where the chip is much smaller than its part of
/// the picture: so do the references of the networks (OpenCV's `warpAffine`, `INTER_LINEAR`). Chroma is
/// interpolated on its own grid, on which a sample stands in the middle of its block. Values are rounded to whole
/// numbers before normalisation, as the references do. A transform with a number that is not finite reads outside
/// the picture: the chip is black with [`Border::Zero`], and pixels of the picture's edge with
/// [`Border::Replicate`].
///
/// ```
/// use passerby_inference::{Border, Normalize, warp};
/// use passerby_types::{ColorSpace, Image, PixelLayout, Similarity};
///
/// let image = Image::from_vec(PixelLayout::Gray8, 2, 1, ColorSpace::JPEG, vec![10, 30])?;
/// let half_right = Similarity { tx: 0.5, ..Similarity::IDENTITY };
/// let mut chip = [0.0; 3 * 2 * 2];
/// warp(&image, &half_right, 2, Border::Zero, &Normalize::NONE, &mut chip);
/// assert_eq!(chip[..4], [20.0, 15.0, 0.0, 0.0]); // between the pixels, half outside, outside
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
///
/// # Panics
/// If `out` does not hold 3 * `size` * `size` numbers. With `size` 0 nothing is done.
pub fn warp(
    image: &Image,
    picture_from_chip: &Similarity,
    size: usize,
    border: Border,
    normalize: &Normalize,
    out: &mut [f32],
) {
    assert_eq!(out.len(), 3 * size * size, "the input for a chip of {size}x{size}");
    let channels = Channels::of(image);
    let Similarity { a, b, tx, ty } = *picture_from_chip;
    let source = Source {
        planes: channels.planes(),
        width: image.width() as usize,
        height: image.height() as usize,
        map: [[a, -b, tx], [b, a, ty]],
        black: border == Border::Zero,
    };
    sample(Isa::preferred(), &source, size, &channels.colors(normalize), out);
}
