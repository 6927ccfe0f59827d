//! Transposed convolution: a plain one for each place of the output within a stride.
//!
//! An output pixel (y, x) is reached by the taps whose place is congruent to it modulo the stride. All pixels of one
//! remainder see the same taps, so that each remainder is a convolution of its own whose outputs lie a stride apart.

use crate::chain::{RUNS, frame};
use crate::kernel::matmul::{Pixels, Weights, matmul};
use crate::kernel::tile::Finish;
use crate::op::{Conv, Shape};
use crate::stage::bias;
use crate::{GraphError, Isa};

/// A transposed convolution of one input shape.
#[derive(Debug)]
pub(crate) struct Deconv {
    input: Shape,
    output: Shape,
    stride: (usize, usize),
    /// Zeros around the map: above, left, below, right.
    border: [usize; 4],
    /// By remainder, row by row.
    phases: Vec<Phase>,
    finish: Finish,
}

#[derive(Debug)]
struct Phase {
    weights: Weights,
    /// Where the taps see the framed map for the remainder's first pixel.
    taps: Vec<(usize, usize)>,
}

/// For each remainder that an axis of `longest` pixels has, the taps that reach it: (tap, input place for the remainder's first
/// output place).
fn axis(
    stride: usize,
    pad: usize,
    dilation: usize,
    kernel: usize,
    longest: usize,
) -> Vec<Vec<(usize, isize)>> {
    let reached = |first: usize| {
        let tap = move |tap: usize| {
            let from = (first + pad) as isize - (tap * dilation) as isize;
            (from.rem_euclid(stride as isize) == 0).then_some((tap, from.div_euclid(stride as isize)))
        };
        (0..kernel).filter_map(tap).collect()
    };
    (0..stride.min(longest)).map(reached).collect()
}

impl Deconv {
    pub(crate) fn new(
        isa: Isa,
        conv: &Conv,
        input: Shape,
        output: Shape,
        finish: Finish,
    ) -> Result<Self, GraphError> {
        let window = &conv.window;
        let rows = axis(window.stride.0, window.pads.top, window.dilation.0, window.kernel.0, output.height);
        let columns =
            axis(window.stride.1, window.pads.left, window.dilation.1, window.kernel.1, output.width);
        let most = |axis: &[Vec<(usize, isize)>]| axis.iter().map(Vec::len).max().unwrap_or(0);
        if most(&rows) * most(&columns) > RUNS {
            let what = format!("more than {RUNS} taps reach a pixel");
            return Err(GraphError::Setting { op: "deconv", what });
        }
        // How far the taps reach beyond the map on either side.
        let beyond = |axis: &[Vec<(usize, isize)>], stride: usize, len: usize, out: usize| {
            let (mut low, mut high) = (0, 0);
            for (first, taps) in axis.iter().enumerate() {
                let last = ((out - 1 - first) / stride) as isize;
                for (_, at) in taps {
                    low = low.max(-at);
                    high = high.max(at + last + 1 - len as isize);
                }
            }
            (low.max(0) as usize, high.max(0) as usize)
        };
        let (top, below) = beyond(&rows, window.stride.0, input.height, output.height);
        let (left, right) = beyond(&columns, window.stride.1, input.width, output.width);
        let bias = bias(conv, 0..conv.channels);
        let (taps_high, taps_wide) = window.kernel;
        let mut phases = Vec::new();
        for row_taps in &rows {
            for column_taps in &columns {
                let pairs: Vec<_> = row_taps
                    .iter()
                    .flat_map(|row| column_taps.iter().map(move |column| (row, column)))
                    .collect();
                let weights = Weights::new(isa, pairs.len() * input.channels, &bias, |k, c| {
                    let ((row, _), (column, _)) = pairs[k / input.channels];
                    let i = k % input.channels;
                    conv.weights[((i * conv.channels + c) * taps_high + row) * taps_wide + column]
                });
                let place = |at: isize, border: usize| (at + border as isize).max(0) as usize;
                let taps = pairs.iter().map(|((_, y), (_, x))| (place(*y, top), place(*x, left))).collect();
                phases.push(Phase { weights, taps });
            }
        }
        let border = [top, left, below, right];
        Ok(Self { input, output, stride: window.stride, border, phases, finish })
    }

    /// Numbers needed beside input and output: the framed map, where there is a frame.
    pub(crate) fn scratch(&self) -> usize {
        if self.border == [0; 4] { 0 } else { self.framed().len() }
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        self.phases.iter().map(|phase| phase.weights.bytes()).sum()
    }

    fn framed(&self) -> Shape {
        let [top, left, below, right] = self.border;
        Shape {
            height: self.input.height + top + below,
            width: self.input.width + left + right,
            ..self.input
        }
    }

    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let channels = self.input.channels;
        let framed = self.framed();
        let row = framed.width * channels;
        let map: &[f32] = if scratch.is_empty() {
            input
        } else {
            let [top, left, _, right] = self.border;
            let len = self.input.width * channels;
            for (y, out) in scratch.chunks_exact_mut(row).enumerate() {
                let from = y.checked_sub(top).filter(|y| *y < self.input.height);
                frame(from.map(|y| &input[y * len..][..len]), left * channels, right * channels, out);
            }
            scratch
        };
        for y in 0..self.output.height {
            for first in 0..self.stride.1.min(self.output.width) {
                let phase = &self.phases[y % self.stride.0 * self.stride.1.min(self.output.width) + first];
                let mut sources: [&[f32]; RUNS] = [&[]; RUNS];
                for (source, (top, left)) in sources.iter_mut().zip(&phase.taps) {
                    *source = &map[(top + y / self.stride.0) * row + left * channels..];
                }
                let at = (y * self.output.width + first) * self.output.channels;
                let pixels = Pixels {
                    sources: &sources[..phase.taps.len()],
                    step: channels,
                    run: channels,
                    count: (self.output.width - first).div_ceil(self.stride.1),
                    residual: residual.map(|r| &r[at..]),
                    out_step: self.stride.1 * self.output.channels,
                };
                matmul(&phase.weights, &self.finish, &pixels, &mut out[at..]);
            }
        }
    }
}
