//! How the pixels of a picture lie in memory.

/// How the pixels of an [`Image`] lie in memory.
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
    /// One plane: one number for each pixel.
    Gray8,
}

impl PixelLayout {
    /// How many planes an image of this layout has.
    #[must_use]
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Yuyv | Self::Rgb8 | Self::Gray8 => 1,
        }
    }

    /// The bytes of one row and the number of rows of a plane, for a picture of this size.
    #[must_use]
    pub const fn plane_size(self, plane: usize, width: u32, height: u32) -> (usize, usize) {
        let (w, h) = (width as usize, height as usize);
        match (self, plane) {
            (Self::I420, 1 | 2) => (w.div_ceil(2), h.div_ceil(2)),
            (Self::Nv12, 1) => (w.div_ceil(2) * 2, h.div_ceil(2)),
            (Self::I420 | Self::Nv12 | Self::Gray8, _) => (w, h),
            (Self::Yuyv, _) => (w.div_ceil(2) * 4, h),
            (Self::Rgb8, _) => (w * 3, h),
        }
    }

    /// The bytes of a whole picture of this size without padding.
    #[must_use]
    pub const fn tight_len(self, width: u32, height: u32) -> usize {
        self.tight(width, height).2
    }

    /// Where the planes of a picture without padding start, the bytes of their rows, and the bytes in all.
    pub(super) const fn tight(self, width: u32, height: u32) -> ([usize; 3], [usize; 3], usize) {
        let (mut offsets, mut strides) = ([0; 3], [0; 3]);
        let (mut len, mut plane) = (0, 0);
        while plane < self.planes() {
            let (row, rows) = self.plane_size(plane, width, height);
            (offsets[plane], strides[plane]) = (len, row);
            len += row * rows;
            plane += 1;
        }
        (offsets, strides, len)
    }
}
