//! The layouts of pixels in memory.

/// The layout of the pixels of an [`Image`](crate::Image) in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelLayout {
    /// Three planes: Y', Cb, Cr; Cb and Cr at half the width and height, rounded up (4:2:0).
    I420,
    /// Two planes: Y', and Cb and Cr interleaved at half the width and height, rounded up (4:2:0).
    Nv12,
    /// One plane: Y'0 Cb Y'1 Cr for each two pixels of a row, the last pixel of an odd row padded (4:2:2).
    Yuyv,
    /// One plane: R, G, B for each pixel.
    Rgb8,
    /// One plane: one grey value for each pixel.
    Gray8,
}

impl PixelLayout {
    /// Returns the number of planes of a picture.
    #[must_use]
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Yuyv | Self::Rgb8 | Self::Gray8 => 1,
        }
    }

    /// Returns the bytes of one row, and the number of rows, of a plane of a picture of this size.
    #[must_use]
    pub const fn plane_size(self, plane: usize, width: u32, height: u32) -> (usize, usize) {
        let w = width as usize;
        let h = height as usize;
        match (self, plane) {
            (Self::I420, 1 | 2) => (w.div_ceil(2), h.div_ceil(2)),
            (Self::Nv12, 1) => (w.div_ceil(2) * 2, h.div_ceil(2)),
            (Self::I420 | Self::Nv12 | Self::Gray8, _) => (w, h),
            (Self::Yuyv, _) => (w.div_ceil(2) * 4, h),
            (Self::Rgb8, _) => (w * 3, h),
        }
    }

    /// Returns the bytes of a whole picture of this size without padding.
    ///
    /// ```
    /// use passerby_types::PixelLayout;
    ///
    /// assert_eq!(PixelLayout::Rgb8.tight_len(640, 480), 640 * 480 * 3);
    /// assert_eq!(PixelLayout::I420.tight_len(640, 480), 640 * 480 * 3 / 2);
    /// ```
    #[must_use]
    pub const fn tight_len(self, width: u32, height: u32) -> usize {
        self.tight(width, height).2
    }

    /// Returns the offsets of the planes of a picture without padding, the bytes of their rows, and the bytes in all.
    pub(super) const fn tight(self, width: u32, height: u32) -> ([usize; 3], [usize; 3], usize) {
        let mut offsets = [0; 3];
        let mut strides = [0; 3];
        let mut len = 0;
        let mut plane = 0;
        while plane < self.planes() {
            let (row, rows) = self.plane_size(plane, width, height);
            offsets[plane] = len;
            strides[plane] = row;
            len += row * rows;
            plane += 1;
        }
        (offsets, strides, len)
    }
}
