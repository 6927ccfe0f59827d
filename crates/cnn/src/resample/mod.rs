//! SIMD kernels from the bytes of a picture to the input of a network: scaling, sampling, colours and normalization.
//!
//! A picture has three channels (luma and two of chroma, or red, green and blue), whose samples are in [`SamplePlane`]s
//! of bytes. [`vertical_pass`] and [`horizontal_pass`] scale it one row at a time; each target sample is a weighted sum
//! of a run of samples. [`sample_affine`] reads it at the positions of an affine map. Both end in the same way: a
//! [`ColorTransform`] combines the channels into three others, rounds them to integers from 0 to 255, and normalizes
//! those.
//!
//! ```
//! use passerby_cnn::Isa;
//! use passerby_cnn::resample::{ChannelRows, ColorTransform, RowTaps, SamplePlane, horizontal_pass, vertical_pass};
//!
//! // Scales a grey picture of 4 x 2 pixels to 2 x 1.
//! let isa = Isa::preferred();
//! let gray = SamplePlane::new(&[1, 3, 5, 7, 5, 7, 9, 11], 4, 4, 2);
//! let colors = ColorTransform { matrix: [[1.0, 0.0, 0.0, 0.0]; 3], mean: [1.0; 3], scale: [0.5; 3] };
//! let halves = RowTaps::new(isa, &[0, 2], &[0.5; 4]);
//! let mut rows = ChannelRows::default();
//! let mut out = [0.0; 3 * 2];
//! vertical_pass(isa, &gray, 0, &[0.5, 0.5], &mut rows);
//! horizontal_pass(&halves, None, &rows, &colors, &mut out, 0);
//! assert_eq!(out, [1.5, 3.5, 1.5, 3.5, 1.5, 3.5]);
//! ```

mod affine;
mod color;
mod plane;
mod scale;
#[cfg(test)]
mod tests;

pub use affine::{AffineSource, sample_affine};
pub use color::ColorTransform;
pub use plane::SamplePlane;
pub use scale::{ChannelRows, RowTaps, horizontal_pass, vertical_pass};
