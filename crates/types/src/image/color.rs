//! How the numbers of a Y'CbCr picture stand for colours.

/// The luma coefficients of a Y'CbCr picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: Kr = 0.299, Kb = 0.114. Standard definition, JPEG, and every stream that says nothing
    /// (ffmpeg's rule too).
    #[default]
    Bt601,
    /// ITU-R BT.709: Kr = 0.2126, Kb = 0.0722. High definition.
    Bt709,
}

/// The range of the numbers of a Y'CbCr picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Range {
    /// Y' 16 to 235, Cb and Cr 16 to 240: video.
    #[default]
    Limited,
    /// 0 to 255 in all three: JPEG, most webcams.
    Full,
}

/// The colour space of a Y'CbCr picture. Means nothing for `Rgb8`; for `Gray8` the range alone counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColorSpace {
    /// The luma coefficients.
    pub matrix: Matrix,
    /// The range of the numbers.
    pub range: Range,
}

impl ColorSpace {
    /// BT.601, full range: JPEG (JFIF), and grey pictures whose 0 is black and 255 white.
    pub const JPEG: Self = Self { matrix: Matrix::Bt601, range: Range::Full };

    /// The numbers `[y_offset, y_gain, r_v, g_u, g_v, b_u]` with which, for Y', Cb and Cr from 0 to 255,
    /// `y = (Y' - y_offset) * y_gain`, `R = y + r_v (Cr-128)`, `G = y + g_u (Cb-128) + g_v (Cr-128)` and
    /// `B = y + b_u (Cb-128)`, each then clamped to 0..=255.
    ///
    /// Derived from Kr and Kb as ITU-R BT.601-7 section 2.5 and BT.709-6 section 3 define them.
    #[must_use]
    pub fn coefficients(self) -> [f32; 6] {
        let (kr, kb) = match self.matrix {
            Matrix::Bt601 => (0.299_f32, 0.114_f32),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let kg = 1.0 - kr - kb;
        let (offset, y_gain, c_gain) = match self.range {
            Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
            Range::Full => (0.0, 1.0, 1.0),
        };
        let (r_v, b_u) = (2.0 * (1.0 - kr) * c_gain, 2.0 * (1.0 - kb) * c_gain);
        [offset, y_gain, r_v, -b_u * kb / kg, -r_v * kr / kg, b_u]
    }

    /// One pixel as RGB, rounded: the plain definition that every fast kernel is tested against.
    #[must_use]
    pub fn rgb(self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let [offset, y_gain, r_v, g_u, g_v, b_u] = self.coefficients();
        let (u, v) = (f32::from(cb) - 128.0, f32::from(cr) - 128.0);
        let y = (f32::from(y) - offset) * y_gain;
        [y + r_v * v, y + g_u * u + g_v * v, y + b_u * u].map(|c| (c + 0.5).clamp(0.0, 255.0) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_the_primaries_come_out_right() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            let limited = ColorSpace { matrix, range: Range::Limited };
            let full = ColorSpace { matrix, range: Range::Full };
            assert_eq!(limited.rgb(16, 128, 128), [0; 3]);
            assert_eq!(limited.rgb(235, 128, 128), [255; 3]);
            assert_eq!(full.rgb(0, 128, 128), [0; 3]);
            assert_eq!(full.rgb(255, 128, 128), [255; 3]);
        }
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
