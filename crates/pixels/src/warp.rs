//! A small square of the image, rotated, scaled and moved.

use passerby_cnn::Isa;
use passerby_cnn::resample::{AffineSource, sample_affine};
use passerby_types::{Image, Similarity};

use crate::channels::Channels;
use crate::normalize::Normalize;

/// The pixels outside the image, for [`warp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    /// Black: RGB (0, 0, 0) before normalization. Pixels at the edge of the image fade into it, as with OpenCV's
    /// `BORDER_CONSTANT`.
    Black,
    /// The nearest pixel of the image, as with OpenCV's `BORDER_REPLICATE`.
    Replicate,
}

/// Samples a chip of `size` x `size` pixels into the input of a network, three planes. Chip pixel (x, y) is the value
/// of the image at `image_from_chip` applied to (x, y). Both are pixel-index coordinates, in which an integer is the
/// centre of a pixel.
///
/// Each value is interpolated linearly between four pixels and never averaged, even if the chip is much smaller than
/// its part of the image, as the references of the networks do (OpenCV's `warpAffine`, `INTER_LINEAR`). Chroma is
/// interpolated on its own grid, on which a sample lies in the centre of its block. Values are rounded to integers
/// before normalization, as in the references. If an element of the transform is not finite, all pixels are outside the
/// image: the chip is black with [`Border::Black`] and repeats pixels of the image's edge with [`Border::Replicate`].
/// If `size` is 0, nothing happens.
///
/// ```
/// use passerby_pixels::{Border, Normalize, warp};
/// use passerby_types::{ColorSpace, Image, PixelLayout, Similarity};
///
/// let image = Image::from_vec(PixelLayout::Gray8, 2, 1, ColorSpace::JPEG, vec![10, 30])?;
/// let half_right = Similarity { tx: 0.5, ..Similarity::IDENTITY };
/// let mut chip = [0.0; 3 * 2 * 2];
/// warp(&image, &half_right, 2, Border::Black, &Normalize::NONE, &mut chip);
/// assert_eq!(chip[..4], [20.0, 15.0, 0.0, 0.0]); // between the pixels, half outside, outside
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
///
/// # Panics
/// Panics if `out` does not have 3 * `size` * `size` elements.
pub fn warp(
    image: &Image,
    image_from_chip: &Similarity,
    size: usize,
    border: Border,
    normalize: &Normalize,
    out: &mut [f32],
) {
    assert_eq!(out.len(), 3 * size * size, "the input for a chip of {size}x{size}");
    let channels = Channels::new(image);
    let Similarity { a, b, tx, ty } = *image_from_chip;
    let source = AffineSource {
        planes: channels.planes(),
        width: image.width() as usize,
        height: image.height() as usize,
        map: [[a, -b, tx], [b, a, ty]],
        black: border == Border::Black,
    };
    sample_affine(Isa::preferred(), &source, size, &channels.colors(normalize), out);
}
