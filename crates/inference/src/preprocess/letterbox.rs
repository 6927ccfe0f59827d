//! The whole picture, scaled into a detector's input.

use passerby_types::Image;

use super::axis::Axis;
use super::channels::Channels;
use super::finish::finish;
use super::rows::{across, down};
use super::{Letterbox, Normalize};

/// The buffers and weight tables of [`letterbox`]. Keep one for each worker: a stream of pictures of one size then
/// allocates nothing and computes no weights.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Columns and rows, for channels with a sample a pixel and for subsampled ones.
    columns: [Axis; 2],
    rows: [Axis; 2],
    /// Rows of each plane, scaled down, before the columns are.
    tall: Vec<f32>,
    /// The channels of one target row.
    small: [Vec<f32>; 3],
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
    let distinct = if channels.is_gray() { 1 } else { 3 };
    let subsampled = |block: usize| usize::from(block > 1);
    let (from_width, from_height) = (image.width() as usize, image.height() as usize);
    for channel in &channels.list[..distinct] {
        let (block_x, block_y) = channel.block;
        scratch.columns[subsampled(block_x)].prepare(from_width, block_x, width);
        scratch.rows[subsampled(block_y)].prepare(from_height, block_y, height);
    }
    scratch.small.iter_mut().for_each(|row| row.resize(width, 0.0));

    for y in 0..height {
        for (c, channel) in channels.list[..distinct].iter().enumerate() {
            let rows = &scratch.rows[subsampled(channel.block.1)];
            // Channels that share a plane share its first pass.
            if channel.first == 0 {
                scratch.tall.resize(channel.plane.row_len, 0.0);
                down(&channel.plane, rows, y, &mut scratch.tall);
            }
            let columns = &scratch.columns[subsampled(channel.block.0)];
            across(&scratch.tall, channel.first, channel.step, columns, &mut scratch.small[c]);
        }
        let [first, second, third] = &scratch.small;
        let samples = if distinct == 1 { [first; 3] } else { [first, second, third] };
        finish(samples.map(Vec::as_slice), None, &channels.rgb, normalize, out, y * place.input_width);
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
