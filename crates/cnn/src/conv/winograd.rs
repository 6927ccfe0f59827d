//! Dense 3 x 3 convolution by F(4x4, 3x3), which multiplies less if there are enough channels to pay for the
//! transforms.
//!
//! One band of tile rows at a time, [`Winograd::run`] transforms the tiles, computes for each of the 36 points of a
//! tile one matrix product over all tiles of the band, and transforms the products back into rows of output.

use crate::isa::Isa;
use crate::kernel::layout::pad_row;
use crate::kernel::matmul::{MatmulPixels, MatmulWeights, matmul};
use crate::kernel::tile::Epilogue;
use crate::kernel::winograd::{
    OUTPUT_TILE, OutputTiles, OutputTransform, TILE_POINTS, transform_input, transform_output,
    transform_weights,
};
use crate::op::{Conv, Pads, Shape};

/// A 3 x 3 convolution of one input shape.
#[derive(Debug)]
pub(crate) struct Winograd {
    isa: Isa,
    input: Shape,
    output: Shape,
    pads: Pads,
    /// The matrix of each point of a transformed tile.
    points: Vec<MatmulWeights>,
    output_transform: OutputTransform,
    /// The rows of tiles in a band.
    band: usize,
}

/// The size of a band's transformed tiles and products: a part of a typical second-level cache.
const BAND_BYTES: usize = 320 << 10;

/// The f32 elements of a cache line, to which the parts of the scratch memory are rounded.
const LINE_LEN: usize = 16;

impl Winograd {
    pub(crate) fn new(isa: Isa, conv: &Conv, input: Shape, output: Shape, epilogue: Epilogue) -> Self {
        let windows: Vec<[f32; TILE_POINTS]> = conv
            .weights
            .chunks_exact(9)
            .map(|taps| transform_weights(&std::array::from_fn(|i| taps[i])))
            .collect();
        let no_bias = vec![0.0; conv.channels];
        let point = |point: usize| {
            MatmulWeights::new(isa, input.channels, &no_bias, |k, c| windows[c * input.channels + k][point])
        };
        let points = (0..TILE_POINTS).map(point).collect();
        let output_transform = OutputTransform::new(isa, &conv.bias(0..conv.channels), epilogue);
        let across = output.width.div_ceil(OUTPUT_TILE);
        let row = TILE_POINTS * across * (input.channels + output_transform.step()) * size_of::<f32>();
        let band = (BAND_BYTES / row).clamp(1, output.height.div_ceil(OUTPUT_TILE));
        Self { isa, input, output, pads: conv.window.pads, points, output_transform, band }
    }

    /// Returns the number of tiles in a row and in a band.
    fn tiles(&self) -> (usize, usize) {
        let across = self.output.width.div_ceil(OUTPUT_TILE);
        (across, across * self.band)
    }

    /// Returns the lengths of the band's padded rows, transformed tiles and products.
    fn parts(&self) -> [usize; 3] {
        let (across, tiles) = self.tiles();
        let padded = (self.band * OUTPUT_TILE + 2) * (across * OUTPUT_TILE + 2) * self.input.channels;
        let transformed = TILE_POINTS * tiles * self.input.channels;
        [padded, transformed, TILE_POINTS * tiles * self.output_transform.step()]
    }

    /// Returns the length of the scratch memory.
    pub(crate) fn scratch_len(&self) -> usize {
        self.parts().iter().map(|part| part.next_multiple_of(LINE_LEN)).sum()
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.points.iter().map(MatmulWeights::bytes).sum()
    }

    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let channels = self.input.channels;
        let (across, tiles) = self.tiles();
        let [padded_len, transformed_len, product_len] = self.parts();
        let (padded, scratch) = scratch.split_at_mut(padded_len.next_multiple_of(LINE_LEN));
        let (transformed, products) = scratch.split_at_mut(transformed_len.next_multiple_of(LINE_LEN));
        let transformed = &mut transformed[..transformed_len];
        let products = &mut products[..product_len];
        let row = (across * OUTPUT_TILE + 2) * channels;
        let len = self.input.width * channels;
        let left = self.pads.left * channels;
        let right = row - left - len;
        let out_row = self.output.width * self.output.channels;
        let step = self.output_transform.step();
        for first in (0..self.output.height).step_by(self.band * OUTPUT_TILE) {
            let rows = (self.output.height - first).min(self.band * OUTPUT_TILE);
            let padded_rows = rows.next_multiple_of(OUTPUT_TILE) + 2;
            for (i, padded_row) in padded.chunks_exact_mut(row).enumerate().take(padded_rows) {
                let y = (first + i).checked_sub(self.pads.top).filter(|y| *y < self.input.height);
                pad_row(y.map(|y| &input[y * len..][..len]), left, right, padded_row);
            }
            for (band, top) in (0..rows).step_by(OUTPUT_TILE).enumerate() {
                let rows = std::array::from_fn(|i| &padded[(top + i) * row..][..row]);
                transform_input(self.isa, &rows, channels, (band * across, across, tiles), transformed);
            }
            let count = rows.div_ceil(OUTPUT_TILE) * across;
            for (point, weights) in self.points.iter().enumerate() {
                let pixels = MatmulPixels {
                    sources: &[&transformed[point * tiles * channels..]],
                    step: channels,
                    run_len: channels,
                    count,
                    residual: None,
                    out_step: step,
                };
                let to = &mut products[point * tiles * step..];
                matmul(weights, &Epilogue::default(), &pixels, to);
            }
            for (band, top) in (0..rows).step_by(OUTPUT_TILE).enumerate() {
                let at = (first + top) * out_row;
                let tiles = OutputTiles {
                    tiles: (band * across, across, tiles),
                    rows: (rows - top).min(OUTPUT_TILE),
                    width: self.output.width,
                    residual: residual.map(|r| &r[at..]),
                };
                transform_output(&self.output_transform, products, &tiles, &mut out[at..]);
            }
        }
    }
}
