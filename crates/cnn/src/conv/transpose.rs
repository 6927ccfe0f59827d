//! Transposed convolution as one plain convolution for each phase of the stride.
//!
//! The taps that reach an output pixel (y, x) are those whose position is congruent to it modulo the stride. All pixels
//! of one remainder, a phase, see the same taps. Each phase is therefore a plain convolution whose outputs lie a stride
//! apart.

use crate::error::GraphError;
use crate::isa::Isa;
use crate::kernel::layout::pad_row;
use crate::kernel::matmul::{MAX_SOURCES, MatmulPixels, MatmulWeights, matmul};
use crate::kernel::tile::Epilogue;
use crate::op::{Conv, Shape};

/// A transposed convolution of one input shape.
#[derive(Debug)]
pub(crate) struct ConvTranspose {
    input: Shape,
    output: Shape,
    stride: (usize, usize),
    /// The zeros around the map: above, left, below, right.
    border: [usize; 4],
    /// The phases, row by row.
    phases: Vec<Phase>,
    epilogue: Epilogue,
}

#[derive(Debug)]
struct Phase {
    weights: MatmulWeights,
    /// For each tap, the pixel of the padded map that it sees for the first output pixel of the phase.
    taps: Vec<(usize, usize)>,
}

/// Returns, for each phase of an axis with `len` outputs, the taps that reach it. A tap comes with the input position
/// that it sees for the first output of the phase.
fn phases_of_axis(
    stride: usize,
    pad: usize,
    dilation: usize,
    kernel: usize,
    len: usize,
) -> Vec<Vec<(usize, isize)>> {
    let reached = |first: usize| {
        let tap = move |tap: usize| {
            let from = (first + pad) as isize - (tap * dilation) as isize;
            (from.rem_euclid(stride as isize) == 0).then_some((tap, from.div_euclid(stride as isize)))
        };
        (0..kernel).filter_map(tap).collect()
    };
    (0..stride.min(len)).map(reached).collect()
}

/// Returns how many positions the taps of an axis reach beyond the `len` inputs: before the first and after the last.
fn beyond(axis: &[Vec<(usize, isize)>], stride: usize, len: usize, out: usize) -> (usize, usize) {
    let mut low = 0;
    let mut high = 0;
    for (first, taps) in axis.iter().enumerate() {
        let last = ((out - 1 - first) / stride) as isize;
        for (_, at) in taps {
            low = low.max(-at);
            high = high.max(at + last + 1 - len as isize);
        }
    }
    (low.max(0) as usize, high.max(0) as usize)
}

impl ConvTranspose {
    /// Lays out the weights.
    ///
    /// # Errors
    /// Returns [`GraphError::Setting`] if too many taps reach one pixel.
    pub(crate) fn new(
        isa: Isa,
        conv: &Conv,
        input: Shape,
        output: Shape,
        epilogue: Epilogue,
    ) -> Result<Self, GraphError> {
        let window = &conv.window;
        let pads = window.pads;
        let rows =
            phases_of_axis(window.stride.0, pads.top, window.dilation.0, window.kernel.0, output.height);
        let columns =
            phases_of_axis(window.stride.1, pads.left, window.dilation.1, window.kernel.1, output.width);
        let most = |axis: &[Vec<(usize, isize)>]| axis.iter().map(Vec::len).max().unwrap_or(0);
        if most(&rows) * most(&columns) > MAX_SOURCES {
            let reason = format!("more than {MAX_SOURCES} taps reach a pixel");
            return Err(GraphError::Setting { op: "conv_transpose", reason });
        }
        let (top, below) = beyond(&rows, window.stride.0, input.height, output.height);
        let (left, right) = beyond(&columns, window.stride.1, input.width, output.width);
        let bias = conv.bias(0..conv.channels);
        let (taps_high, taps_wide) = window.kernel;
        let mut phases = Vec::new();
        for row_taps in &rows {
            for column_taps in &columns {
                let pairs: Vec<_> = row_taps
                    .iter()
                    .flat_map(|row| column_taps.iter().map(move |column| (row, column)))
                    .collect();
                let weights = MatmulWeights::new(isa, pairs.len() * input.channels, &bias, |k, c| {
                    let ((row, _), (column, _)) = pairs[k / input.channels];
                    let i = k % input.channels;
                    conv.weights[((i * conv.channels + c) * taps_high + row) * taps_wide + column]
                });
                let shifted = |at: isize, border: usize| (at + border as isize).max(0) as usize;
                let taps =
                    pairs.iter().map(|((_, y), (_, x))| (shifted(*y, top), shifted(*x, left))).collect();
                phases.push(Phase { weights, taps });
            }
        }
        let border = [top, left, below, right];
        Ok(Self { input, output, stride: window.stride, border, phases, epilogue })
    }

    /// Returns the length of the scratch memory, which holds the padded map if the map needs padding.
    pub(crate) fn scratch_len(&self) -> usize {
        if self.border == [0; 4] { 0 } else { self.padded().len() }
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.phases.iter().map(|phase| phase.weights.bytes()).sum()
    }

    fn padded(&self) -> Shape {
        let [top, left, below, right] = self.border;
        Shape {
            height: self.input.height + top + below,
            width: self.input.width + left + right,
            ..self.input
        }
    }

    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let channels = self.input.channels;
        let row = self.padded().width * channels;
        let map: &[f32] = if scratch.is_empty() {
            input
        } else {
            let [top, left, _, right] = self.border;
            let len = self.input.width * channels;
            for (y, out) in scratch.chunks_exact_mut(row).enumerate() {
                let from = y.checked_sub(top).filter(|y| *y < self.input.height);
                pad_row(from.map(|y| &input[y * len..][..len]), left * channels, right * channels, out);
            }
            scratch
        };
        for y in 0..self.output.height {
            for first in 0..self.stride.1.min(self.output.width) {
                let phase = &self.phases[y % self.stride.0 * self.stride.1.min(self.output.width) + first];
                let mut sources: [&[f32]; MAX_SOURCES] = [&[]; MAX_SOURCES];
                for (source, (top, left)) in sources.iter_mut().zip(&phase.taps) {
                    *source = &map[(top + y / self.stride.0) * row + left * channels..];
                }
                let at = (y * self.output.width + first) * self.output.channels;
                let pixels = MatmulPixels {
                    sources: &sources[..phase.taps.len()],
                    step: channels,
                    run_len: channels,
                    count: (self.output.width - first).div_ceil(self.stride.1),
                    residual: residual.map(|r| &r[at..]),
                    out_step: self.stride.1 * self.output.channels,
                };
                matmul(&phase.weights, &self.epilogue, &pixels, &mut out[at..]);
            }
        }
    }
}
