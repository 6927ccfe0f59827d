//! A small square out of the picture, turned, scaled and moved.

use passerby_types::{Image, Point, Similarity};

use super::Normalize;
use super::channels::{Channel, Channels};
use super::finish::finish;

/// What lies outside the picture, for [`warp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    /// Black: RGB (0, 0, 0) before normalisation. Pixels at the edge of the picture fade into it, as with OpenCV's
    /// `BORDER_CONSTANT`.
    Zero,
    /// The nearest pixel of the picture, as with OpenCV's `BORDER_REPLICATE`.
    Replicate,
}

/// How many pixels are sampled before they are finished: their samples stay in the first-level cache.
const RUN: usize = 64;

/// Where target pixels lie on a grid of samples: for each, the sample at its upper left and how far it is from that
/// one towards the next, 0 to 1. That sample is never the last of a row or column that has two, so that the next
/// one is always there.
struct Spots {
    x: [i32; RUN],
    y: [i32; RUN],
    part_x: [f32; RUN],
    part_y: [f32; RUN],
}

impl Spots {
    const NONE: Self = Self { x: [0; RUN], y: [0; RUN], part_x: [0.0; RUN], part_y: [0.0; RUN] };

    /// Finds the places of the points (`x`, `y`) on the grid of a picture of `width` x `height` pixels.
    fn find(&mut self, x: &[f32; RUN], y: &[f32; RUN], block: (usize, usize), width: usize, height: usize) {
        along(x, block.0, width, &mut self.x, &mut self.part_x);
        along(y, block.1, height, &mut self.y, &mut self.part_y);
    }
}

/// One axis of [`Spots::find`]. Outside the axis it is the outermost sample; NaN is the first.
#[inline]
fn along(at: &[f32; RUN], block: usize, len: usize, index: &mut [i32; RUN], part: &mut [f32; RUN]) {
    let last = (len.div_ceil(block) - 1) as f32;
    let before_last = (last - 1.0).max(0.0);
    let (scale, shift) = if block == 1 { (1.0, 0.0) } else { (0.5, -0.25) };
    for i in 0..RUN {
        let at = at[i] * scale + shift;
        let at = if at > 0.0 { at } else { 0.0 };
        let at = if at < last { at } else { last };
        // Sides are below 2^15: the number is far inside an `i32`.
        let whole = if at < before_last { at } else { before_last } as i32;
        index[i] = whole;
        part[i] = at - whole as f32;
    }
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
    let distinct = if channels.is_gray() { 1 } else { 3 };
    let chroma = channels.list[1].block;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut spots = [Spots::NONE, Spots::NONE];
    let mut samples = [[0.0_f32; RUN]; 3];
    let (mut at_x, mut at_y, mut cover) = ([0.0_f32; RUN], [0.0_f32; RUN], [0.0_f32; RUN]);

    for y in 0..size {
        for left in (0..size).step_by(RUN) {
            let len = RUN.min(size - left);
            for i in 0..RUN {
                let at = picture_from_chip.apply(Point::new((left + i) as f32, y as f32));
                (at_x[i], at_y[i]) = (at.x, at.y);
                cover[i] = inside(at.x, width) * inside(at.y, height);
            }
            spots[0].find(&at_x, &at_y, (1, 1), width, height);
            if chroma != (1, 1) {
                spots[1].find(&at_x, &at_y, chroma, width, height);
            }
            for (channel, samples) in channels.list[..distinct].iter().zip(&mut samples) {
                read(channel, &spots[usize::from(channel.block != (1, 1))], len, samples);
            }
            let [first, second, third] = &samples;
            let rows = if distinct == 1 { [first; 3] } else { [first, second, third] };
            let cover = (border == Border::Zero).then_some(&cover[..len]);
            finish(rows.map(|row| &row[..len]), cover, &channels.rgb, normalize, out, y * size + left);
        }
    }
}

/// How much of a pixel-wide span at `at` lies on an axis of `len` pixels, 0 to 1; 0 for NaN.
#[inline]
fn inside(at: f32, len: usize) -> f32 {
    let reach = if at + 1.0 < len as f32 - at { at + 1.0 } else { len as f32 - at };
    let reach = if reach > 0.0 { reach } else { 0.0 };
    if reach < 1.0 { reach } else { 1.0 }
}

/// Interpolates the channel at the first `len` spots.
fn read(channel: &Channel<'_>, spots: &Spots, len: usize, out: &mut [f32; RUN]) {
    // A grid of one column or row has no next sample: its only one stands in, with a part of 0.
    let columns = (channel.plane.row_len - channel.first).div_ceil(channel.step);
    let below = if channel.plane.rows > 1 { channel.plane.stride } else { 0 };
    match (columns, channel.step) {
        (1, _) => read_by::<0>(channel, below, spots, len, out),
        (_, 1) => read_by::<1>(channel, below, spots, len, out),
        (_, 2) => read_by::<2>(channel, below, spots, len, out),
        (_, 3) => read_by::<3>(channel, below, spots, len, out),
        _ => read_by::<4>(channel, below, spots, len, out),
    }
}

fn read_by<const STEP: usize>(
    channel: &Channel<'_>,
    below: usize,
    spots: &Spots,
    len: usize,
    out: &mut [f32; RUN],
) {
    let (data, stride) = (&channel.plane.data[channel.first..], channel.plane.stride);
    let mut corners = [[0_u8; RUN]; 4];
    let [a, b, c, d] = &mut corners;
    for i in 0..len {
        let at = spots.y[i] as usize * stride + spots.x[i] as usize * STEP;
        let (upper, lower) = (&data[at..][..=STEP], &data[at + below..][..=STEP]);
        (a[i], b[i], c[i], d[i]) = (upper[0], upper[STEP], lower[0], lower[STEP]);
    }
    for i in 0..RUN {
        let mix = |a: f32, b: f32, part: f32| a + (b - a) * part;
        let upper = mix(f32::from(a[i]), f32::from(b[i]), spots.part_x[i]);
        let lower = mix(f32::from(c[i]), f32::from(d[i]), spots.part_x[i]);
        out[i] = mix(upper, lower, spots.part_y[i]);
    }
}
