//! The whole image, scaled into the input of a detector.

use passerby_cnn::Isa;
use passerby_cnn::resample::{ChannelRows, horizontal_pass, vertical_pass};
use passerby_types::Image;

use crate::axis::{Axis, Columns};
use crate::channels::Channels;
use crate::normalize::Normalize;
use crate::placement::Letterbox;

/// The buffers and weight tables of [`letterbox`]. Each worker should keep one: if the images have one size, the calls
/// after the first allocate nothing and compute no weights.
#[derive(Debug, Default)]
pub struct LetterboxScratch {
    /// The columns of channels with one sample a pixel, and of subsampled channels.
    columns: [Columns; 2],
    /// The rows of the same.
    rows: [Axis; 2],
    /// The channels of one target row before they are scaled horizontally.
    channel_rows: ChannelRows,
}

/// Scales the whole image into the input of a network: three planes of `placement.input_height` rows of
/// `placement.input_width` elements. The image is at the top left, and the rest is black (RGB 0 before normalization).
///
/// Each axis is scaled on its own. A shrinking axis averages the pixels that a target pixel covers, and any other axis
/// interpolates linearly, as OpenCV's `INTER_AREA` and `INTER_LINEAR` do. A subsampled chroma sample counts for each
/// pixel of its block if the axis averages, and lies in the centre of its block if it interpolates. The planes are
/// scaled as they are and become RGB at the small size. This differs from converting first only for colours beyond 0 to
/// 255. Values are rounded to integers before normalization, because the references of the networks scale images of
/// bytes.
///
/// ```
/// use passerby_pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// let bytes = vec![100; PixelLayout::Rgb8.tight_len(64, 32)];
/// let image = Image::from_vec(PixelLayout::Rgb8, 64, 32, ColorSpace::JPEG, bytes)?;
/// let placement = Letterbox::new(64, 32, 32, 32);
/// let mut input = vec![0.0; 3 * 32 * 32];
/// letterbox(&image, &placement, &Normalize::NONE, &mut LetterboxScratch::default(), &mut input);
/// assert_eq!((input[15 * 32], input[16 * 32]), (100.0, 0.0)); // 16 rows of image, then black
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
///
/// # Panics
/// Panics if the length of `out` is not the product of [`Letterbox::item`], or if the content is larger than the input.
pub fn letterbox(
    image: &Image,
    placement: &Letterbox,
    normalize: &Normalize,
    scratch: &mut LetterboxScratch,
    out: &mut [f32],
) {
    let width = placement.content_width;
    let height = placement.content_height;
    assert!(
        width <= placement.input_width && height <= placement.input_height,
        "the content is larger than the input: {placement:?}"
    );
    assert_eq!(out.len(), placement.item().iter().product::<usize>(), "the input of {placement:?}");
    if out.is_empty() {
        return;
    }
    let channels = Channels::new(image);
    let isa = Isa::preferred();
    let LetterboxScratch { columns, rows, channel_rows } = scratch;
    let subsampled = |block: usize| usize::from(block > 1);
    for plane in channels.planes() {
        let (block_x, block_y) = plane.block;
        columns[subsampled(block_x)].prepare(isa, image.width() as usize, block_x, width);
        rows[subsampled(block_y)].prepare(image.height() as usize, block_y, height);
    }
    let first = columns[0].taps();
    let others = channels.chroma().map(|plane| columns[subsampled(plane.block.0)].taps());
    let colors = channels.colors(normalize);
    for y in 0..height {
        for plane in channels.planes() {
            let (first, weights) = rows[subsampled(plane.block.1)].run(y);
            vertical_pass(isa, plane, first, weights, channel_rows);
        }
        horizontal_pass(first, others, channel_rows, &colors, out, y * placement.input_width);
    }
    fill_border(placement, normalize, out);
}

/// Fills the rest of each plane with black.
fn fill_border(placement: &Letterbox, normalize: &Normalize, out: &mut [f32]) {
    let plane = placement.input_width * placement.input_height;
    for (c, out) in out.chunks_exact_mut(plane).enumerate() {
        let black = (0.0 - normalize.mean[c]) * normalize.scale[c];
        let (content, below) = out.split_at_mut(placement.content_height * placement.input_width);
        for row in content.chunks_exact_mut(placement.input_width) {
            row[placement.content_width..].fill(black);
        }
        below.fill(black);
    }
}
