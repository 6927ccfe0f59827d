//! Converts a whole picture to RGB.

use super::Image;
use super::layout::PixelLayout;

/// The number of pixels converted at a time: their samples stay in the first-level cache. It is even, so that a run
/// never splits a chroma sample.
const RUN: usize = 64;

/// The samples of one run: Y', Cb and Cr.
type Samples = [[f32; RUN]; 3];

impl Image {
    /// Returns the picture as RGB: three bytes for each pixel, row by row from the top left, without padding.
    ///
    /// Works for every [`PixelLayout`] and equals [`Image::rgb_at`] for every pixel. Networks need no such copy: they
    /// read every layout as it is. Use it to show or to save a picture.
    ///
    /// ```
    /// use passerby_types::{ColorSpace, Image, PixelLayout};
    ///
    /// let grey = Image::from_vec(PixelLayout::Gray8, 2, 1, ColorSpace::JPEG, vec![0, 255])?;
    /// assert_eq!(grey.to_rgb(), [0, 0, 0, 255, 255, 255]);
    /// # Ok::<(), passerby_types::ImageError>(())
    /// ```
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        let width = self.width() as usize;
        let mut bytes = vec![0; 3 * width * self.height() as usize];
        let coefficients = self.color().coefficients();
        let mut samples = [[128.0; RUN]; 3];
        for (y, row) in bytes.chunks_exact_mut(3 * width).enumerate() {
            if self.layout() == PixelLayout::Rgb8 {
                row.copy_from_slice(self.plane(0).row(y));
                continue;
            }
            for (run, out) in row.chunks_mut(3 * RUN).enumerate() {
                self.read_samples(run * RUN, y, out.len() / 3, &mut samples);
                convert(&samples, coefficients, out);
            }
        }
        bytes
    }

    /// Reads the samples of `len` pixels of row `y` from column `x` on, which is even. Leaves the chroma of a grey
    /// picture as it is.
    fn read_samples(&self, x: usize, y: usize, len: usize, samples: &mut Samples) {
        let luma = &self.plane(0).row(y);
        let [ys, us, vs] = samples;
        match self.layout() {
            PixelLayout::I420 => {
                copy_each(&mut ys[..len], luma[x..].iter());
                copy_twice(&mut us[..len], self.plane(1).row(y / 2)[x / 2..].iter());
                copy_twice(&mut vs[..len], self.plane(2).row(y / 2)[x / 2..].iter());
            }
            PixelLayout::Nv12 => {
                let chroma = &self.plane(1).row(y / 2)[x..];
                copy_each(&mut ys[..len], luma[x..].iter());
                copy_twice(&mut us[..len], chroma.iter().step_by(2));
                copy_twice(&mut vs[..len], chroma[1..].iter().step_by(2));
            }
            PixelLayout::Yuyv => {
                let pairs = &luma[2 * x..];
                copy_each(&mut ys[..len], pairs.iter().step_by(2));
                copy_twice(&mut us[..len], pairs[1..].iter().step_by(4));
                copy_twice(&mut vs[..len], pairs[3..].iter().step_by(4));
            }
            PixelLayout::Gray8 | PixelLayout::Rgb8 => copy_each(&mut ys[..len], luma[x..].iter()),
        }
    }
}

/// Writes one sample to each place.
fn copy_each<'a>(out: &mut [f32], samples: impl Iterator<Item = &'a u8>) {
    out.iter_mut().zip(samples).for_each(|(out, sample)| *out = f32::from(*sample));
}

/// Writes one sample to each pair of places.
fn copy_twice<'a>(out: &mut [f32], samples: impl Iterator<Item = &'a u8>) {
    for (pair, sample) in out.chunks_mut(2).zip(samples) {
        pair.fill(f32::from(*sample));
    }
}

/// Added to a number from 0 to 255, this leaves the number rounded in the lowest byte of the sum's bits: 2^23.
const SHIFTER: f32 = 8_388_608.0;

/// Converts a run with the same arithmetic as [`ColorSpace::rgb`](crate::ColorSpace::rgb), term by term, so that the
/// results are equal.
///
/// Rust's conversion of a float to an integer checks for values that the integer cannot hold, which costs more than
/// all the rest. So the integer part is taken from the bits of a sum.
fn convert(samples: &Samples, [offset, y_gain, r_v, g_u, g_v, b_u]: [f32; 6], out: &mut [u8]) {
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
    let [ys, us, vs] = samples;
    for x in 0..RUN {
        let y = (ys[x] - offset) * y_gain;
        let u = us[x] - 128.0;
        let v = vs[x] - 128.0;
        red[x] = byte(y + r_v * v);
        green[x] = byte(y + g_u * u + g_v * v);
        blue[x] = byte(y + b_u * u);
    }
    for (x, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate().take(RUN) {
        *out = [red[x] as u8, green[x] as u8, blue[x] as u8];
    }
}
