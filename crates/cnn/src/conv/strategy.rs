//! The choice of the algorithm for a convolution.
//!
//! All thresholds were measured on the networks of the workspace. They affect speed only: every algorithm computes the
//! same convolution.

use crate::conv::chain::runs::runs;
use crate::graph::Op;
use crate::kernel::byte_matmul::DEPTHS_PER_DOT;
use crate::kernel::matmul::{MAX_SOURCES, MatmulWeights};
use crate::kernel::winograd::{OUTPUT_TILE, TILE_POINTS};
use crate::layer::Layer;
use crate::op::{Conv, Pads, Pooling, Shape, Window};

/// The algorithm that computes a convolution or a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Row by row, alone or together with its neighbours: [`Chain`](crate::conv::chain::Chain).
    Rows,
    /// With transformed tiles: [`Winograd`](crate::conv::winograd::Winograd).
    Winograd,
    /// With copies of the windows: [`Patches`](crate::conv::patches::Patches).
    Patches,
}

/// The number of elements from which a map is worth keeping in the cache by chaining the next convolution. Smaller maps
/// stay in the cache anyway, and whole maps make larger tiles. 256 KiB.
const MIN_CHAINED_LEN: usize = 64 << 10;

/// The width from which output rows are computed row by row. Narrower rows are computed from copies of the windows,
/// many rows together.
const MIN_ROW_WIDTH: usize = 10;

/// The largest number of pixels, three tiles, for which weights are kept in half precision if that does not change
/// them. Widening them once for each tile then takes less time than reading the other half would.
const MAX_PIXELS_FOR_HALF_PRECISION: usize = 36;

/// The largest size of transformed Winograd weights, which are four times the plain ones. Beyond it, reading them from
/// the third-level cache costs more than the saved multiplications.
const MAX_WINOGRAD_WEIGHT_BYTES: usize = 3 << 20;

/// The number of multiplications that take as long as reading one weight from the third-level cache.
const MULTIPLICATIONS_PER_READ: usize = 4;

/// The number of output channels below which a convolution is the head of a network. A head has little work, and its
/// errors are errors of the answer, so it stays in f32.
const MIN_CHANNELS_FOR_BYTES: usize = 16;

/// Returns the algorithm for a convolution of a map of the shape `input`. With `planar`, the map is in NCHW order. A maximum
/// whose windows lie on the map runs row by row. Returns `None` for all other layers.
pub(crate) fn strategy(layer: &Layer, input: Shape, planar: bool) -> Option<Strategy> {
    let conv = match &layer.op {
        Op::Conv(conv) => conv,
        Op::Pool(Pooling::Max, window) if !planar && lies_on_map(window, input, layer.shape) => {
            return Some(Strategy::Rows);
        }
        _ => return None,
    };
    if conv.is_pointwise() {
        return Some(Strategy::Rows);
    }
    if winograd_pays(conv, input, layer.shape) {
        return Some(Strategy::Winograd);
    }
    let by_rows = if conv.is_depthwise(input.channels) {
        conv.window.reach().0 <= MAX_SOURCES
    } else {
        let single = conv.window.pads == Pads::NONE && layer.shape.pixels() == 1;
        let runs = runs(conv, input.channels, planar).0.len();
        runs <= MAX_SOURCES && (planar || layer.shape.width >= MIN_ROW_WIDTH || single)
    };
    Some(if by_rows { Strategy::Rows } else { Strategy::Patches })
}

/// Returns true if the next convolution should run in one chain with this layer.
pub(crate) fn chains_with_next(layer: &Layer) -> bool {
    layer.shape.len() >= MIN_CHAINED_LEN
}

/// Returns true if the layer reads a map in NCHW order as it is: a window over all channels.
pub(crate) fn reads_planar(layer: &Layer) -> bool {
    matches!(&layer.op, Op::Conv(conv) if conv.groups == 1 && !conv.is_pointwise())
}

/// Returns true if every position of a dense window lies on the map.
fn lies_on_map(window: &Window, input: Shape, output: Shape) -> bool {
    let fits = |output: usize, stride: usize, kernel: usize, input: usize| {
        output > 0 && (output - 1) * stride + kernel <= input
    };
    window.pads == Pads::NONE
        && window.dilation == (1, 1)
        && window.kernel.0 <= MAX_SOURCES
        && fits(output.height, window.stride.0, window.kernel.0, input.height)
        && fits(output.width, window.stride.1, window.kernel.1, input.width)
}

/// Returns true if Winograd's algorithm is the fastest for a convolution.
fn winograd_pays(conv: &Conv, input: Shape, output: Shape) -> bool {
    let window = &conv.window;
    let suits =
        window.kernel == (3, 3) && window.stride == (1, 1) && window.dilation == (1, 1) && conv.groups == 1;
    let weight_bytes = TILE_POINTS * input.channels * conv.channels * size_of::<f32>();
    // Compares the products of whole tiles, and about 16 operations of the transforms for each element of either side,
    // with the products of a plain window. Each has the cost of reading its weights, of which the transformed ones are
    // four times as many.
    let tiles = output.height.div_ceil(OUTPUT_TILE) * output.width.div_ceil(OUTPUT_TILE);
    let product = input.channels * conv.channels;
    let transformed = (tiles + MULTIPLICATIONS_PER_READ) * TILE_POINTS * product
        + 250 * tiles * (input.channels + conv.channels);
    let plain = (output.pixels() + MULTIPLICATIONS_PER_READ) * 9 * product;
    suits && weight_bytes <= MAX_WINOGRAD_WEIGHT_BYTES && transformed * 4 < plain * 3
}

/// Returns the weights in the precision that is the fastest for this number of output pixels.
pub(crate) fn for_pixels(pixels: usize, weights: MatmulWeights) -> MatmulWeights {
    if pixels <= MAX_PIXELS_FOR_HALF_PRECISION { weights.into_half_precision() } else { weights }
}

/// Returns true if a convolution can multiply bytes and gains by it.
pub(crate) fn suits_bytes(conv: &Conv) -> bool {
    let inputs = conv.weights.len() / conv.channels;
    conv.is_pointwise()
        && inputs.is_multiple_of(DEPTHS_PER_DOT)
        && inputs <= 1 << 16
        && conv.channels >= MIN_CHANNELS_FOR_BYTES
}
