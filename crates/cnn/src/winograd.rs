//! Dense 3 x 3 convolution by F(4x4, 3x3): fewer multiplications where there are channels enough to pay for the transforms.
//!
//! A band of tile rows at a time: the tiles are transformed, each of the 36 places is a matrix product of its own over all
//! tiles of the band, and the products are turned back into rows of output.

use crate::Isa;
use crate::chain::frame;
use crate::kernel::matmul::{Pixels, Weights, matmul};
use crate::kernel::tile::Finish;
use crate::kernel::winograd::{Closing, PLACES, TILE, Tiles, gather, spread, window};
use crate::op::{Conv, Pads, Shape};
use crate::stage::bias;

/// A 3 x 3 convolution of one input shape.
#[derive(Debug)]
pub(crate) struct Winograd {
    isa: Isa,
    input: Shape,
    output: Shape,
    pads: Pads,
    places: Vec<Weights>,
    closing: Closing,
    /// Rows of tiles in a band.
    band: usize,
}

/// Bytes that transformed tiles and products of a band should have: a part of a usual second-level cache.
const BAND_BYTES: usize = 320 << 10;

/// Bytes of transformed weights, four times the plain ones, beyond which reading them from the third-level cache costs more
/// than multiplications save.
const WEIGHT_BYTES: usize = 3 << 20;

/// Multiplications in the time in which one weight comes from the third-level cache.
const READ: usize = 4;

impl Winograd {
    /// Whether it is the faster way for a convolution.
    pub(crate) fn pays(conv: &Conv, input: Shape, output: Shape) -> bool {
        let window = &conv.window;
        let suits = window.kernel == (3, 3)
            && window.stride == (1, 1)
            && window.dilation == (1, 1)
            && conv.groups == 1;
        let weights = PLACES * input.channels * conv.channels * size_of::<f32>();
        // Products of whole tiles against those of a plain window, and of the transforms about 16 a number of either side; with
        // each, what it costs to have the weights, of which the transformed ones are four times as many.
        let tiles = output.height.div_ceil(TILE) * output.width.div_ceil(TILE);
        let product = input.channels * conv.channels;
        let here = (tiles + READ) * PLACES * product + 250 * tiles * (input.channels + conv.channels);
        let plain = (output.pixels() + READ) * 9 * product;
        suits && weights <= WEIGHT_BYTES && here * 4 < plain * 3
    }

    pub(crate) fn new(isa: Isa, conv: &Conv, input: Shape, output: Shape, finish: Finish) -> Self {
        let windows: Vec<[f32; PLACES]> =
            conv.weights.chunks_exact(9).map(|taps| window(&std::array::from_fn(|i| taps[i]))).collect();
        let nothing = vec![0.0; conv.channels];
        let place = |place: usize| {
            Weights::new(isa, input.channels, &nothing, |k, c| windows[c * input.channels + k][place])
        };
        let places = (0..PLACES).map(place).collect();
        let closing = Closing::new(isa, &bias(conv, 0..conv.channels), finish);
        let across = output.width.div_ceil(TILE);
        let row = PLACES * across * (input.channels + closing.step()) * size_of::<f32>();
        let band = (BAND_BYTES / row).clamp(1, output.height.div_ceil(TILE));
        Self { isa, input, output, pads: conv.window.pads, places, closing, band }
    }

    /// Tiles in a row, and in a band.
    fn tiles(&self) -> (usize, usize) {
        let across = self.output.width.div_ceil(TILE);
        (across, across * self.band)
    }

    /// Numbers of the band's framed rows, transformed tiles and products.
    fn parts(&self) -> [usize; 3] {
        let (across, tiles) = self.tiles();
        let framed = (self.band * TILE + 2) * (across * TILE + 2) * self.input.channels;
        [framed, PLACES * tiles * self.input.channels, PLACES * tiles * self.closing.step()]
    }

    /// Numbers needed beside input and output.
    pub(crate) fn scratch(&self) -> usize {
        self.parts().iter().map(|part| part.next_multiple_of(16)).sum()
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        self.places.iter().map(Weights::bytes).sum()
    }

    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let channels = self.input.channels;
        let (across, tiles) = self.tiles();
        let [framed, spreads, products] = self.parts();
        let (frames, scratch) = scratch.split_at_mut(framed.next_multiple_of(16));
        let (spread_tiles, product_tiles) = scratch.split_at_mut(spreads.next_multiple_of(16));
        let (spread_tiles, product_tiles) = (&mut spread_tiles[..spreads], &mut product_tiles[..products]);
        let (row, len) = ((across * TILE + 2) * channels, self.input.width * channels);
        let (left, right) = (self.pads.left * channels, row - self.pads.left * channels - len);
        let out_row = self.output.width * self.output.channels;
        for first in (0..self.output.height).step_by(self.band * TILE) {
            let rows = (self.output.height - first).min(self.band * TILE);
            for (i, frame_row) in
                frames.chunks_exact_mut(row).enumerate().take(rows.next_multiple_of(TILE) + 2)
            {
                let y = (first + i).checked_sub(self.pads.top).filter(|y| *y < self.input.height);
                frame(y.map(|y| &input[y * len..][..len]), left, right, frame_row);
            }
            for (band, top) in (0..rows).step_by(TILE).enumerate() {
                let rows = std::array::from_fn(|i| &frames[(top + i) * row..][..row]);
                spread(self.isa, &rows, channels, (band * across, across, tiles), spread_tiles);
            }
            let count = rows.div_ceil(TILE) * across;
            let step = self.closing.step();
            for (place, weights) in self.places.iter().enumerate() {
                let pixels = Pixels {
                    sources: &[&spread_tiles[place * tiles * channels..]],
                    step: channels,
                    run: channels,
                    count,
                    residual: None,
                    out_step: step,
                };
                let to = &mut product_tiles[place * tiles * step..];
                matmul(weights, &Finish::default(), &pixels, to);
            }
            for (band, top) in (0..rows).step_by(TILE).enumerate() {
                let at = (first + top) * out_row;
                let tiles = Tiles {
                    tiles: (band * across, across, tiles),
                    rows: (rows - top).min(TILE),
                    width: self.output.width,
                    residual: residual.map(|r| &r[at..]),
                };
                gather(&self.closing, product_tiles, &tiles, &mut out[at..]);
            }
        }
    }
}
