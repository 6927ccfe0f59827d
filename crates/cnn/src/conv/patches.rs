//! Convolution over copies of its windows, for maps that are too small or windows that are too large for rows.

use crate::kernel::matmul::{MatmulPixels, MatmulWeights, matmul};
use crate::kernel::tile::Epilogue;
use crate::op::{Shape, Window};

/// A convolution that copies windows side by side and multiplies them as pixels.
#[derive(Debug)]
pub(crate) struct Patches {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) window: Window,
    /// The matrix of each group and its epilogue.
    pub(crate) groups: Vec<(MatmulWeights, Epilogue)>,
}

/// The number of windows that are copied at a time.
const WINDOWS_AT_ONCE: usize = 64;

impl Patches {
    /// Returns the length of the scratch memory, which holds the copies.
    pub(crate) fn scratch_len(&self) -> usize {
        let depth = self.groups.first().map_or(0, |(weights, _)| weights.depth());
        self.output.pixels().min(WINDOWS_AT_ONCE) * depth
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.groups.iter().map(|(weights, _)| weights.bytes()).sum()
    }

    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let per_group = self.input.channels / self.groups.len();
        for from in (0..self.output.pixels()).step_by(WINDOWS_AT_ONCE) {
            let count = (self.output.pixels() - from).min(WINDOWS_AT_ONCE);
            let mut first = from * self.output.channels;
            for (group, (weights, epilogue)) in self.groups.iter().enumerate() {
                let depth = weights.depth();
                let copies = &mut scratch[..count * depth];
                for (pixel, copy) in copies.chunks_exact_mut(depth).enumerate() {
                    self.copy_window(from + pixel, group * per_group, per_group, input, copy);
                }
                let pixels = MatmulPixels {
                    sources: &[copies],
                    step: depth,
                    run_len: depth,
                    count,
                    residual: residual.map(|r| &r[first..]),
                    out_step: self.output.channels,
                };
                matmul(weights, epilogue, &pixels, &mut out[first..]);
                first += weights.channels();
            }
        }
    }

    /// Copies `count` channels, from `first` on, of the window of one output pixel, tap by tap.
    fn copy_window(&self, pixel: usize, first: usize, count: usize, input: &[f32], copy: &mut [f32]) {
        let Window { kernel, stride, dilation, pads } = self.window;
        let y = pixel / self.output.width;
        let x = pixel % self.output.width;
        let taps = (0..kernel.0).flat_map(|row| (0..kernel.1).map(move |column| (row, column)));
        for ((row, column), copy) in taps.zip(copy.chunks_exact_mut(count)) {
            let from_y = (y * stride.0 + row * dilation.0).checked_sub(pads.top);
            let from_x = (x * stride.1 + column * dilation.1).checked_sub(pads.left);
            match (from_y, from_x) {
                (Some(y), Some(x)) if y < self.input.height && x < self.input.width => {
                    let at = (y * self.input.width + x) * self.input.channels + first;
                    copy.copy_from_slice(&input[at..][..count]);
                }
                _ => copy.fill(0.0),
            }
        }
    }
}
