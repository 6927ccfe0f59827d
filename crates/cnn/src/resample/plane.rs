//! The bytes of a picture.

/// The samples of one or more channels of a picture, all on the same grid.
#[derive(Clone, Copy)]
pub struct SamplePlane<'a> {
    /// The bytes, from the first row on.
    pub data: &'a [u8],
    /// The bytes from a row to the next.
    pub stride: usize,
    /// The samples in a row.
    pub columns: usize,
    /// The rows of samples.
    pub rows: usize,
    /// The bytes from a sample to the next, 1 to 4.
    pub step: usize,
    /// For each channel of the picture, the byte of a sample that holds it, or `None` if the channel is in another
    /// plane.
    pub bytes: [Option<usize>; 3],
    /// The columns and rows of pixels that share a sample, each 1 or 2. The sample lies in their centre.
    pub block: (usize, usize),
}

impl<'a> SamplePlane<'a> {
    /// Returns a plane of the first channel alone, with one byte for each pixel.
    #[must_use]
    pub fn new(data: &'a [u8], stride: usize, columns: usize, rows: usize) -> Self {
        Self { data, stride, columns, rows, step: 1, bytes: [Some(0), None, None], block: (1, 1) }
    }

    /// Checks that all samples are inside the bytes.
    ///
    /// # Panics
    /// Panics if a sample is not.
    pub(super) fn check(&self) {
        assert!((1..=4).contains(&self.step), "samples of 1 to 4 bytes");
        assert!(self.bytes.iter().flatten().all(|byte| *byte < self.step), "channels inside their samples");
        let end = self.rows.checked_sub(1).and_then(|before| before.checked_mul(self.stride));
        let end = end.and_then(|end| end.checked_add(self.columns.checked_mul(self.step)?));
        assert!(end.is_some_and(|end| end <= self.data.len()), "samples inside the bytes");
    }
}
