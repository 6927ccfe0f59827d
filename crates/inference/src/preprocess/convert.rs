//! A whole picture as RGB.

use passerby_types::{ColorSpace, Image, PixelLayout};

use super::channels::Channels;

/// The whole picture as `Rgb8`, without padding: what [`Image::rgb_at`] says of every pixel. Networks need no such
/// copy ([`letterbox`](crate::letterbox) and [`warp`](crate::warp) read every layout); it is for callers who show
/// or save pictures.
#[must_use]
pub fn to_rgb(image: &Image) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut bytes = vec![0; 3 * width * height];
    let channels = Channels::of(image);
    let color = image.color().coefficients();
    let mut samples = [const { Vec::new() }; 3].map(|mut row: Vec<f32>| {
        row.resize(width, 128.0);
        row
    });
    let distinct = if channels.is_gray() { 1 } else { 3 };
    for (y, out) in bytes.chunks_exact_mut(3 * width).enumerate() {
        if image.layout() == PixelLayout::Rgb8 {
            out.copy_from_slice(image.plane(0).row(y));
            continue;
        }
        for (channel, samples) in channels.list[..distinct].iter().zip(&mut samples) {
            let row = &channel.plane.row(y / channel.block.1)[channel.first..];
            for (pixels, sample) in samples.chunks_mut(channel.block.0).zip(row.iter().step_by(channel.step))
            {
                pixels.fill(f32::from(*sample));
            }
        }
        let [y, u, v] = &samples;
        convert(y, u, v, color, out);
    }
    Image::from_vec(PixelLayout::Rgb8, width as u32, height as u32, ColorSpace::JPEG, bytes)
        .expect("the size is that of a picture, and the bytes were made for it")
}

/// One row. The same arithmetic as [`ColorSpace::rgb`], term by term, so that the results are equal; by way of
/// `i32`, to which a vector of floats converts in one instruction.
fn convert(y: &[f32], u: &[f32], v: &[f32], [offset, y_gain, r_v, g_u, g_v, b_u]: [f32; 6], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<3>();
    let (y, u, v) = (&y[..out.len()], &u[..out.len()], &v[..out.len()]);
    let byte = |c: f32| {
        let c = c + 0.5;
        let c = if c > 0.0 { c } else { 0.0 };
        (if c < 255.0 { c } else { 255.0 }) as i32 as u8
    };
    for x in 0..out.len() {
        let (y, u, v) = ((y[x] - offset) * y_gain, u[x] - 128.0, v[x] - 128.0);
        out[x] = [byte(y + r_v * v), byte(y + g_u * u + g_v * v), byte(y + b_u * u)];
    }
}
