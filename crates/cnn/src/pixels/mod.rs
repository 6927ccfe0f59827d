//! From a picture's bytes to a network's input: scaling, sampling, colours and normalisation.
//!
//! A picture is three channels (luma and two of chroma, or red, green and blue) whose samples lie in [`Plane`]s of
//! bytes. [`down`] and [`across`] scale it a row at a time, each target sample a weighted sum of a run of samples;
//! [`sample`] reads it wherever an affine map says. Both end in the same way: [`Colors`] makes three other channels
//! of the three, rounds them to whole numbers from 0 to 255, and normalises those.
//!
//! ```
//! use passerby_cnn::Isa;
//! use passerby_cnn::pixels::{Colors, Lines, Plane, Taps, across, down};
//!
//! // A grey picture of 4 x 2 pixels onto 2 x 1.
//! let isa = Isa::preferred();
//! let gray = Plane { bytes: [Some(0), None, None], ..Plane::new(&[1, 3, 5, 7, 5, 7, 9, 11], 4, 4, 2) };
//! let colors = Colors { matrix: [[1.0, 0.0, 0.0, 0.0]; 3], mean: [1.0; 3], scale: [0.5; 3] };
//! let halves = Taps::new(isa, &[0, 2], &[0.5; 4]);
//! let (mut lines, mut out) = (Lines::default(), [0.0; 3 * 2]);
//! down(isa, &gray, 0, &[0.5, 0.5], &mut lines);
//! across(&halves, None, &lines, &colors, &mut out, 0);
//! assert_eq!(out, [1.5, 3.5, 1.5, 3.5, 1.5, 3.5]);
//! ```

mod finish;
mod sample;
mod scale;
#[cfg(test)]
mod tests;

pub use finish::Colors;
pub use sample::{Source, sample};
pub use scale::{Lines, Taps, across, down};

/// Bytes in which the samples of one or more of a picture's channels lie, all on the same grid.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The bytes, from the first row on.
    pub data: &'a [u8],
    /// Bytes from a row to the next.
    pub stride: usize,
    /// Samples in a row.
    pub columns: usize,
    /// Rows of samples.
    pub rows: usize,
    /// Bytes from a sample to the next, 1 to 4.
    pub step: usize,
    /// For each of the picture's channels, which byte of a sample is its; `None` where it lies in another plane.
    pub bytes: [Option<usize>; 3],
    /// The pixels that share a sample, 1 or 2 columns and rows. It stands in the middle of them.
    pub block: (usize, usize),
}

impl<'a> Plane<'a> {
    /// A plane of the first channel alone: a byte is a sample, and each pixel has one.
    #[must_use]
    pub fn new(data: &'a [u8], stride: usize, columns: usize, rows: usize) -> Self {
        Self { data, stride, columns, rows, step: 1, bytes: [Some(0), None, None], block: (1, 1) }
    }

    /// # Panics
    /// If the samples are not all in the bytes.
    fn check(&self) {
        assert!((1..=4).contains(&self.step), "samples of 1 to 4 bytes");
        assert!(self.bytes.iter().flatten().all(|byte| *byte < self.step), "channels inside their samples");
        let end = self.rows.checked_sub(1).and_then(|before| before.checked_mul(self.stride));
        let end = end.and_then(|end| end.checked_add(self.columns.checked_mul(self.step)?));
        assert!(end.is_some_and(|end| end <= self.data.len()), "samples inside the bytes");
    }
}
