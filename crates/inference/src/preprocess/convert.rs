//! A whole picture as RGB.

use passerby_cnn::pixels::Plane;
use passerby_types::{ColorSpace, Image, PixelLayout};

use super::channels::Channels;

/// How many pixels are converted at a time: their samples stay in the first-level cache. Even, so that a chroma
/// sample is never split.
const RUN: usize = 64;

/// The whole picture as `Rgb8`, without padding: what [`Image::rgb_at`] says of every pixel. Networks need no such
/// copy ([`letterbox`](crate::letterbox) and [`warp`](crate::warp) read every layout); it is for callers who show
/// or save pictures.
#[must_use]
pub fn to_rgb(image: &Image) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut bytes = vec![0; 3 * width * height];
    let channels = Channels::of(image);
    let color = image.color().coefficients();
    let mut samples = [[128.0; RUN]; 3];
    for (y, out) in bytes.chunks_exact_mut(3 * width).enumerate() {
        if image.layout() == PixelLayout::Rgb8 {
            out.copy_from_slice(image.plane(0).row(y));
            continue;
        }
        for (run, out) in out.chunks_mut(3 * RUN).enumerate() {
            for ((c, plane), samples) in channels.by_channel().enumerate().zip(&mut samples) {
                read(plane, c, run * RUN, y, &mut samples[..out.len() / 3]);
            }
            convert(&samples, color, out);
        }
    }
    Image::from_vec(PixelLayout::Rgb8, width as u32, height as u32, ColorSpace::JPEG, bytes)
        .expect("the size is that of a picture, and the bytes were made for it")
}

/// The samples of channel `c` for the pixels of row `y` from `x` on, which is even.
fn read(plane: &Plane<'_>, c: usize, x: usize, y: usize, out: &mut [f32]) {
    let Some(byte) = plane.bytes[c] else { return };
    let (block_x, block_y) = plane.block;
    let row = &plane.data[y / block_y * plane.stride + x / block_x * plane.step + byte..];
    let row = row.iter().step_by(plane.step).map(|sample| f32::from(*sample));
    if block_x == 1 {
        out.iter_mut().zip(row).for_each(|(out, sample)| *out = sample);
    } else {
        for (pair, sample) in out.chunks_mut(2).zip(row) {
            pair[0] = sample;
            if let Some(second) = pair.get_mut(1) {
                *second = sample;
            }
        }
    }
}

/// Added to a number from 0 to 255, this leaves it rounded in the lowest byte of the sum's bits: 2^23.
const SHIFTER: f32 = 8_388_608.0;

/// The same arithmetic as [`ColorSpace::rgb`], term by term, so that the results are equal. Rust's conversion of a
/// float to an integer checks for what an integer cannot hold, which costs more than all the rest; so the integer
/// part is taken from the bits of a sum.
fn convert(samples: &[[f32; RUN]; 3], [offset, y_gain, r_v, g_u, g_v, b_u]: [f32; 6], out: &mut [u8]) {
    let byte = |c: f32| {
        let c = c + 0.5;
        let c = if c > 0.0 { c } else { 0.0 };
        let c = if c < 255.0 { c } else { 255.0 };
        let rounded = (c + SHIFTER) - SHIFTER;
        let floor = if rounded > c { rounded - 1.0 } else { rounded };
        (floor + SHIFTER).to_bits()
    };
    let mut colors = [[0; RUN]; 3];
    let [red, green, blue] = &mut colors;
    let [y, u, v] = samples;
    for x in 0..RUN {
        let (y, u, v) = ((y[x] - offset) * y_gain, u[x] - 128.0, v[x] - 128.0);
        red[x] = byte(y + r_v * v);
        green[x] = byte(y + g_u * u + g_v * v);
        blue[x] = byte(y + b_u * u);
    }
    for (x, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate().take(RUN) {
        *out = [red[x] as u8, green[x] as u8, blue[x] as u8];
    }
}
