//! Cuts portraits out of their background.

use passerby_types::{ColorSpace, Matrix, Range};

use super::error::SceneError;
use super::portrait::Portrait;

/// The weight of an opaque pixel: 255 * 255, so that a weighted 8-bit number fits into 16 bits.
pub(super) const OPAQUE: i32 = 255 * 255;

/// A person without background, as planes weighted by alpha. All planes have the portrait's size.
pub(super) struct Cutout {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Y', Cb and Cr, each times alpha (0 to 255).
    pub(super) planes: [Vec<u16>; 3],
    /// Alpha times 255: 0 to [`OPAQUE`].
    pub(super) alpha: Vec<u16>,
}

impl Cutout {
    pub(super) fn new(portrait: Portrait, color: ColorSpace) -> Result<Self, SceneError> {
        let broken = |what: String| SceneError::Portrait { portrait, what };
        let picture = image::load_from_memory_with_format(portrait.jpeg(), image::ImageFormat::Jpeg)
            .map_err(|e| broken(e.to_string()))?
            .into_rgb8();
        if picture.dimensions() != portrait.size() {
            return Err(broken(format!("a size of {:?}", picture.dimensions())));
        }
        let width = picture.width() as usize;
        let height = picture.height() as usize;
        let mask = feather(&coverage(portrait.outline(), width, height), width, height);
        let convert = Converter::new(color);
        let mut planes = [(); 3].map(|()| Vec::with_capacity(mask.len()));
        for (pixel, &a) in picture.pixels().zip(&mask) {
            for (plane, value) in planes.iter_mut().zip(convert.ycbcr(pixel.0)) {
                plane.push(u16::from(value) * u16::from(a));
            }
        }
        let alpha = mask.iter().map(|&a| u16::from(a) * 255).collect();
        Ok(Self { width, height, planes, alpha })
    }

    /// Returns the alpha (0 to 1) at a point in pixels of the portrait. Below the portrait the last row continues, as when it is
    /// drawn.
    pub(super) fn alpha_at(&self, x: f64, y: f64) -> f32 {
        let x = (x + 0.5).floor();
        let y = (y + 0.5).floor().min(self.height as f64 - 1.0);
        if !(x >= 0.0 && y >= 0.0 && x < self.width as f64) {
            return 0.0;
        }
        f32::from(self.alpha[y as usize * self.width + x as usize]) / OPAQUE as f32
    }
}

/// Converts R'G'B' to Y'CbCr, as the inverse of [`ColorSpace::rgb`].
pub(super) struct Converter {
    kr: f32,
    kb: f32,
    y_offset: f32,
    y_gain: f32,
    c_gain: f32,
}

impl Converter {
    pub(super) fn new(color: ColorSpace) -> Self {
        let (kr, kb) = match color.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let (y_offset, y_gain, c_gain) = match color.range {
            Range::Limited => (16.0, 219.0 / 255.0, 224.0 / 255.0),
            Range::Full => (0.0, 1.0, 1.0),
        };
        Self { kr, kb, y_offset, y_gain, c_gain }
    }

    pub(super) fn ycbcr(&self, rgb: [u8; 3]) -> [u8; 3] {
        let [r, g, b] = rgb.map(f32::from);
        let y = self.kr * r + (1.0 - self.kr - self.kb) * g + self.kb * b;
        let cb = (b - y) / (2.0 * (1.0 - self.kb));
        let cr = (r - y) / (2.0 * (1.0 - self.kr));
        [self.y_offset + y * self.y_gain, 128.0 + cb * self.c_gain, 128.0 + cr * self.c_gain]
            .map(|v| (v + 0.5).clamp(0.0, 255.0) as u8)
    }
}

/// Returns the share of each pixel inside the outline (even-odd rule), 0 to 1. It samples four lines per row of pixels, and is
/// exact along x.
fn coverage(outline: &[(i16, i16)], width: usize, height: usize) -> Vec<f32> {
    const LINES: usize = 4;
    let mut cover = vec![0.0; width * height];
    let mut crossings: Vec<f32> = Vec::new();
    for (row, line) in cover
        .chunks_exact_mut(width)
        .enumerate()
        .flat_map(|(y, _)| (0..LINES).map(move |i| (y, i)))
        .collect::<Vec<_>>()
    {
        let y = row as f32 - 0.5 + (line as f32 + 0.5) / LINES as f32;
        crossings.clear();
        for (i, &(x1, y1)) in outline.iter().enumerate() {
            let (x2, y2) = outline[(i + 1) % outline.len()];
            let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(f32::from);
            if (y1 <= y) != (y2 <= y) {
                crossings.push(x1 + (y - y1) / (y2 - y1) * (x2 - x1));
            }
        }
        crossings.sort_by(f32::total_cmp);
        for span in crossings.chunks_exact(2) {
            // Pixel x spans x - 0.5 to x + 0.5.
            let from = span[0] + 0.5;
            let to = span[1] + 0.5;
            let first = from.max(0.0) as usize;
            let end = (to.max(0.0).ceil() as usize).min(width);
            for x in first..end {
                let part = to.min(x as f32 + 1.0) - from.max(x as f32);
                cover[row * width + x] += part.max(0.0) / LINES as f32;
            }
        }
    }
    cover
}

/// Softens the edge and moves it inwards by about a pixel, so that no fringe of the old background stays. Beyond the left and
/// right edge alpha is 0. Above and below, the edge row continues.
fn feather(cover: &[f32], width: usize, height: usize) -> Vec<u8> {
    let mut soft = cover.to_vec();
    // Binomial kernel (1 4 6 4 1) / 16 in both directions, twice: standard deviation 1.4 pixels.
    const KERNEL: [f32; 5] = [0.0625, 0.25, 0.375, 0.25, 0.0625];
    for _ in 0..2 {
        let across = soft.clone();
        for (i, out) in soft.iter_mut().enumerate() {
            let row = i / width * width;
            let x = i % width;
            *out = (0..5)
                .filter_map(|k| {
                    (x + k).checked_sub(2).filter(|&x| x < width).map(|x| KERNEL[k] * across[row + x])
                })
                .sum();
        }
        let down = soft.clone();
        for (i, out) in soft.iter_mut().enumerate() {
            let y = i / width;
            let x = i % width;
            *out =
                (0..5).map(|k| KERNEL[k] * down[(y + k).saturating_sub(2).min(height - 1) * width + x]).sum();
        }
    }
    soft.iter().map(|&c| (((c - 0.4) / 0.55).clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_survive_the_conversion_to_ycbcr_and_back() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for range in [Range::Limited, Range::Full] {
                let color = ColorSpace { matrix, range };
                let convert = Converter::new(color);
                for rgb in [[0, 0, 0], [255, 255, 255], [200, 30, 90], [12, 250, 128]] {
                    let [y, cb, cr] = convert.ycbcr(rgb);
                    let back = color.rgb(y, cb, cr);
                    for (a, b) in rgb.iter().zip(back) {
                        assert!(a.abs_diff(b) <= 3, "{color:?} {rgb:?} {back:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_square_covers_only_its_pixels() {
        let cover = coverage(&[(2, 2), (6, 2), (6, 6), (2, 6)], 9, 9);
        assert!((cover[4 * 9 + 4] - 1.0).abs() < 1e-6);
        assert!((cover[4 * 9 + 2] - 0.5).abs() < 1e-6);
        assert_eq!(cover[4 * 9 + 8], 0.0);
        assert!((cover.iter().sum::<f32>() - 16.0).abs() < 1e-4);
    }

    #[test]
    fn every_portrait_has_its_face_inside_its_outline() {
        for portrait in Portrait::ALL {
            let cutout = Cutout::new(portrait, ColorSpace::default()).unwrap();
            for p in portrait.landmarks().0 {
                assert_eq!(cutout.alpha_at(p.x.into(), p.y.into()), 1.0, "{portrait:?} {p:?}");
            }
            assert_eq!(cutout.alpha_at(3.0, 3.0), 0.0, "{portrait:?}");
            let below = (0..portrait.size().0).filter(|&x| cutout.alpha_at(x.into(), 1e4) > 0.9);
            assert!(below.count() as f32 > 1.5 * portrait.bbox().width(), "{portrait:?}");
        }
    }
}
