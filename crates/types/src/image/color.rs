//! Colour spaces of Y'CbCr pictures.

/// The luma coefficients of a Y'CbCr picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Matrix {
    /// ITU-R BT.601: Kr = 0.299, Kb = 0.114. For standard definition, JPEG, and every stream that does not name its
    /// coefficients (ffmpeg has the same rule).
    #[default]
    Bt601,
    /// ITU-R BT.709: Kr = 0.2126, Kb = 0.0722. For high definition.
    Bt709,
}

impl Matrix {
    /// Returns Kr and Kb.
    fn luma_weights(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
        }
    }
}

/// The range of the samples of a Y'CbCr picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Range {
    /// Y' from 16 to 235, Cb and Cr from 16 to 240. For video.
    #[default]
    Limited,
    /// All three from 0 to 255. For JPEG and most webcams.
    Full,
}

/// The colour space of a Y'CbCr picture. It has no meaning for [`PixelLayout::Rgb8`](crate::PixelLayout::Rgb8); for
/// [`PixelLayout::Gray8`](crate::PixelLayout::Gray8) only the range counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ColorSpace {
    /// The luma coefficients.
    pub matrix: Matrix,
    /// The range of the samples.
    pub range: Range,
}

impl ColorSpace {
    /// BT.601 with full range: the colour space of JPEG (JFIF) and of grey pictures in which 0 is black and 255 white.
    pub const JPEG: Self = Self { matrix: Matrix::Bt601, range: Range::Full };

    /// Returns `[y_offset, y_gain, r_v, g_u, g_v, b_u]`. For Y', Cb and Cr from 0 to 255, the colour is then
    /// `y = (Y' - y_offset) * y_gain`, `R = y + r_v (Cr-128)`, `G = y + g_u (Cb-128) + g_v (Cr-128)` and
    /// `B = y + b_u (Cb-128)`, each then clamped to 0..=255.
    ///
    /// They follow from Kr and Kb as ITU-R BT.601-7 section 2.5 and BT.709-6 section 3 define them.
    #[must_use]
    pub fn coefficients(self) -> [f32; 6] {
        let (kr, kb) = self.matrix.luma_weights();
        let kg = 1.0 - kr - kb;
        let (offset, y_gain, c_gain) = match self.range {
            Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
            Range::Full => (0.0, 1.0, 1.0),
        };
        let r_v = 2.0 * (1.0 - kr) * c_gain;
        let b_u = 2.0 * (1.0 - kb) * c_gain;
        [offset, y_gain, r_v, -b_u * kb / kg, -r_v * kr / kg, b_u]
    }

    /// Returns one pixel as RGB, rounded. This is the plain definition that tests compare every fast kernel with.
    ///
    /// ```
    /// use passerby_types::ColorSpace;
    ///
    /// assert_eq!(ColorSpace::JPEG.rgb(255, 128, 128), [255, 255, 255]);
    /// ```
    #[must_use]
    pub fn rgb(self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let [offset, y_gain, r_v, g_u, g_v, b_u] = self.coefficients();
        let u = f32::from(cb) - 128.0;
        let v = f32::from(cr) - 128.0;
        let y = (f32::from(y) - offset) * y_gain;
        [y + r_v * v, y + g_u * u + g_v * v, y + b_u * u].map(|c| (c + 0.5).clamp(0.0, 255.0) as u8)
    }

    /// Returns an RGB pixel as Y', Cb and Cr, rounded: the inverse of [`ColorSpace::rgb`].
    ///
    /// ```
    /// use passerby_types::ColorSpace;
    ///
    /// assert_eq!(ColorSpace::JPEG.ycbcr([255; 3]), [255, 128, 128]);
    /// assert_eq!(ColorSpace::default().ycbcr([0; 3]), [16, 128, 128]);
    /// ```
    #[must_use]
    pub fn ycbcr(self, rgb: [u8; 3]) -> [u8; 3] {
        let (kr, kb) = self.matrix.luma_weights();
        let [offset, y_gain, r_v, .., b_u] = self.coefficients();
        let [r, g, b] = rgb.map(f32::from);
        let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
        [offset + luma / y_gain, 128.0 + (b - luma) / b_u, 128.0 + (r - luma) / r_v]
            .map(|v| (v + 0.5).clamp(0.0, 255.0) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_exact() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            let limited = ColorSpace { matrix, range: Range::Limited };
            let full = ColorSpace { matrix, range: Range::Full };
            assert_eq!(limited.rgb(16, 128, 128), [0; 3]);
            assert_eq!(limited.rgb(235, 128, 128), [255; 3]);
            assert_eq!(full.rgb(0, 128, 128), [0; 3]);
            assert_eq!(full.rgb(255, 128, 128), [255; 3]);
        }
    }

    #[test]
    fn a_colour_comes_back_from_its_samples() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for range in [Range::Limited, Range::Full] {
                let space = ColorSpace { matrix, range };
                for rgb in [[230, 159, 0], [86, 180, 233], [0, 114, 178], [255; 3], [0; 3], [18, 20, 24]] {
                    let [y, cb, cr] = space.ycbcr(rgb);
                    let back = space.rgb(y, cb, cr);
                    assert!(
                        back.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 2),
                        "{space:?} {rgb:?} {back:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_primaries_are_within_two_steps() {
        // Red, green and blue of 8-bit limited-range BT.601 and BT.709 (ITU-R BT.601-7, BT.709-6, tables of digital values).
        let bt601 = ColorSpace::default();
        let bt709 = ColorSpace { matrix: Matrix::Bt709, range: Range::Limited };
        let close = |got: [u8; 3], want: [u8; 3]| got.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 2);
        assert!(close(bt601.rgb(81, 90, 240), [255, 0, 0]));
        assert!(close(bt601.rgb(145, 54, 34), [0, 255, 0]));
        assert!(close(bt601.rgb(41, 240, 110), [0, 0, 255]));
        assert!(close(bt709.rgb(63, 102, 240), [255, 0, 0]));
        assert!(close(bt709.rgb(173, 42, 26), [0, 255, 0]));
        assert!(close(bt709.rgb(32, 240, 118), [0, 0, 255]));
    }
}
