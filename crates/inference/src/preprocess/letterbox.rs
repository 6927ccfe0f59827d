//! The whole picture, scaled into a detector's input.

use passerby_cnn::Isa;
use passerby_cnn::pixels::{Lines, across, down};
use passerby_types::Image;

use super::axis::{Axis, Columns};
use super::channels::Channels;
use super::{Letterbox, Normalize};

/// The buffers and weight tables of [`letterbox`]. Keep one for each worker: a stream of pictures of one size then
/// allocates nothing and computes no weights.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Columns and rows, for channels with a sample a pixel and for subsampled ones.
    columns: [Columns; 2],
    rows: [Axis; 2],
    /// The channels of one target row, before the columns are scaled.
    lines: Lines,
}

/// Scales the whole picture into a network's input: three planes of `place.input_height` rows of
/// `place.input_width` numbers, the picture at the top left, the rest black (RGB 0 before normalisation).
///
/// Each axis on its own averages the pixels that a target pixel covers where it shrinks, and interpolates linearly
/// where it does not, as OpenCV's `INTER_AREA` and `INTER_LINEAR` do. Subsampled chroma counts for each pixel of
/// its block when averaged, and stands in the middle of its block when interpolated. The planes are scaled as they
/// are and become RGB at the small size, which differs from converting first only where colours leave 0..=255.
/// Values are rounded to whole numbers before normalisation: the networks' references scale pictures of bytes.
///
/// ```
/// use passerby_inference::{Letterbox, Normalize, Scratch, letterbox};
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// let bytes = vec![100; PixelLayout::Rgb8.tight_len(64, 32)];
/// let image = Image::from_vec(PixelLayout::Rgb8, 64, 32, ColorSpace::JPEG, bytes)?;
/// let place = Letterbox::new(64, 32, 32, 32);
/// let mut input = vec![0.0; 3 * 32 * 32];
/// letterbox(&image, &place, &Normalize::NONE, &mut Scratch::default(), &mut input);
/// assert_eq!((input[15 * 32], input[16 * 32]), (100.0, 0.0)); // 16 rows of picture, then black
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
///
/// # Panics
/// If `out` is not as long as the product of [`Letterbox::item`], or the content is larger than the input.
pub fn letterbox(
    image: &Image,
    place: &Letterbox,
    normalize: &Normalize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let (width, height) = (place.content_width, place.content_height);
    assert!(
        width <= place.input_width && height <= place.input_height,
        "the content is larger than the input: {place:?}"
    );
    assert_eq!(out.len(), place.item().iter().product::<usize>(), "the input of {place:?}");
    if out.is_empty() {
        return;
    }
    let channels = Channels::of(image);
    let isa = Isa::preferred();
    let Scratch { columns, rows, lines } = scratch;
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
            down(isa, plane, first, weights, lines);
        }
        across(first, others, lines, &colors, out, y * place.input_width);
    }
    black_around(place, normalize, out);
}

/// Fills what the picture leaves of each plane.
fn black_around(place: &Letterbox, normalize: &Normalize, out: &mut [f32]) {
    let plane = place.input_width * place.input_height;
    for (c, out) in out.chunks_exact_mut(plane).enumerate() {
        let black = (0.0 - normalize.mean[c]) * normalize.scale[c];
        let (picture, below) = out.split_at_mut(place.content_height * place.input_width);
        for row in picture.chunks_exact_mut(place.input_width) {
            row[place.content_width..].fill(black);
        }
        below.fill(black);
    }
}
