//! Convolutions as stages of a chain.

use std::ops::Range;

use crate::Isa;
use crate::chain::{Kind, RUNS, Reach, Rows, Stage, Window};
use crate::graph::Op;
use crate::kernel::depthwise::Taps;
use crate::kernel::dot::{ByteWeights, Scale};
use crate::kernel::matmul::Weights;
use crate::kernel::tile::{Finish, UNBOUNDED, padded};
use crate::layer::Layer;
use crate::op::{Conv, Pads, Shape, Unary};
use crate::winograd::Winograd;

/// A map of fewer numbers is not worth running in a chain: it stays in the cache anyhow, and whole maps make larger
/// tiles. 256 KiB.
const JOIN_LEN: usize = 64 << 10;

/// Output rows narrower than this are computed from copies of the windows, many rows together.
const NARROW: usize = 10;

/// Weights for no more pixels than these, three tiles, are kept in half precision where that changes none: widening them once a
/// tile then takes less time than reading the other half would.
const FEW: usize = 36;

/// Whether the next convolution should run together with this one.
pub(crate) fn joins(layer: &Layer) -> bool {
    layer.shape.len() >= JOIN_LEN
}

/// Whether a layer reads a planar map as it is: a window of all channels.
pub(crate) fn reads_planar(layer: &Layer) -> bool {
    matches!(&layer.op, Op::Conv(conv) if conv.groups == 1 && !is_pointwise(conv))
}

/// Whether a layer is a convolution that works row by row.
pub(crate) fn fits(layer: &Layer, input: Shape, planar: bool) -> bool {
    let Op::Conv(conv) = &layer.op else { return false };
    if is_pointwise(conv) {
        return true;
    }
    if Winograd::pays(conv, input, layer.shape) {
        return false;
    }
    if is_depthwise(conv, input) {
        return conv.window.reach().0 <= RUNS;
    }
    let runs = runs(conv, input.channels, planar).0.len();
    let one = conv.window.pads == Pads::NONE && layer.shape.pixels() == 1;
    runs <= RUNS && (planar || layer.shape.width >= NARROW || one)
}

/// How many stages it makes.
pub(crate) fn count(layer: &Layer, planar: bool) -> usize {
    match &layer.op {
        Op::Conv(conv) if !is_pointwise(conv) && (conv.window.pads != Pads::NONE || planar) => 2,
        _ => 1,
    }
}

/// Whether a convolution is a matrix for each pixel.
pub(crate) fn is_pointwise(conv: &Conv) -> bool {
    let window = &conv.window;
    window.kernel == (1, 1) && window.stride == (1, 1) && window.pads == Pads::NONE && conv.groups == 1
}

fn is_depthwise(conv: &Conv, input: Shape) -> bool {
    conv.groups > 1 && conv.groups == input.channels && conv.channels == input.channels
}

/// The stages of a layer that [`fits`].
///
/// With the `scales` of its input channels a pointwise convolution multiplies bytes.
pub(crate) fn of(
    isa: Isa,
    layer: &Layer,
    input: Shape,
    planar: bool,
    scales: Option<&[Scale]>,
) -> Vec<Stage> {
    let Op::Conv(conv) = &layer.op else { return Vec::new() };
    let window = &conv.window;
    let output = Rows::all(layer.shape.height, layer.shape.width * layer.shape.channels);
    let whole = || finish(isa, layer, 0..conv.channels);
    let reach = Reach { rows: window.reach().0, stride: window.stride.0, pad: window.pads.top };
    if is_pointwise(conv) {
        let (depth, bias) = (input.channels, bias(conv, 0..conv.channels));
        let weight = |k: usize, c: usize| conv.weights[c * depth + k];
        let kind = match scales {
            Some(scales) => {
                let weights = ByteWeights::new(isa, &bias, scales, weight);
                Kind::Bytes { weights, width: input.width, given: false }
            }
            None => {
                let weights = for_pixels(input.pixels(), Weights::new(isa, depth, &bias, weight));
                Kind::Pointwise { weights, width: input.width }
            }
        };
        return vec![Stage { kind, reach, finish: whole(), output }];
    }
    if is_depthwise(conv, input) {
        let (height, width) = window.kernel;
        let kind = Kind::Depthwise {
            taps: Taps::new(isa, height, width, &conv.weights, &bias(conv, 0..conv.channels)),
            width: input.width,
            out_width: layer.shape.width,
            stride: window.stride.1,
            dilation: window.dilation,
            pad: window.pads.left,
        };
        return vec![Stage { kind, reach, finish: whole(), output }];
    }
    let mut stages = Vec::new();
    let Pads { top, left, bottom, right } = window.pads;
    let framed = Shape { height: input.height + top + bottom, width: input.width + left + right, ..input };
    if window.pads != Pads::NONE || planar {
        let (parts, numbers) = if planar { (input.channels, 1) } else { (1, input.channels) };
        stages.push(Stage {
            kind: Kind::Frame {
                parts,
                part: input.width * numbers,
                apart: input.pixels(),
                left: left * numbers,
                right: right * numbers,
            },
            reach: Reach { pad: top, ..Reach::SAME },
            finish: Finish::default(),
            output: Rows::all(framed.height, framed.width * framed.channels),
        });
    }
    let (runs, run) = runs(conv, input.channels, planar);
    let numbers = if planar { 1 } else { input.channels };
    let runs = runs.into_iter().map(|run| {
        let channel = if planar { run.channel * framed.width } else { run.channel };
        (run.row, run.column * numbers + channel)
    });
    let kind = Kind::Window(Window {
        groups: groups(isa, layer, conv, input.channels, planar),
        runs: runs.collect(),
        run,
        step: window.stride.1 * numbers,
        group_step: input.channels / conv.groups,
        out_width: layer.shape.width,
        out_channels: conv.channels,
    });
    stages.push(Stage { kind, reach: Reach { pad: 0, ..reach }, finish: Finish::default(), output });
    stages
}

/// Where a run of a window begins.
struct Run {
    row: usize,
    column: usize,
    channel: usize,
}

/// The runs of a window, and how many numbers each has: a row of the window where its numbers stand side by side, else a tap.
fn runs(conv: &Conv, channels: usize, planar: bool) -> (Vec<Run>, usize) {
    let (rows, columns) = conv.window.kernel;
    let (down, across) = conv.window.dilation;
    let per_group = channels / conv.groups;
    let mut runs = Vec::new();
    let dense = across == 1 && conv.groups == 1;
    if planar {
        for channel in 0..channels {
            for row in 0..rows {
                for column in 0..if across == 1 { 1 } else { columns } {
                    runs.push(Run { row: row * down, column: column * across, channel });
                }
            }
        }
        return (runs, if across == 1 { columns } else { 1 });
    }
    for row in 0..rows {
        for column in 0..if dense { 1 } else { columns } {
            runs.push(Run { row: row * down, column: column * across, channel: 0 });
        }
    }
    (runs, if dense { columns * channels } else { per_group })
}

/// The matrix of each group and what happens to its outputs. Depths are ordered tap by tap, or where the map is `planar`
/// channel by channel.
pub(crate) fn groups(
    isa: Isa,
    layer: &Layer,
    conv: &Conv,
    channels: usize,
    planar: bool,
) -> Vec<(Weights, Finish)> {
    let taps = conv.window.kernel.0 * conv.window.kernel.1;
    let (inputs, outputs) = (channels / conv.groups, conv.channels / conv.groups);
    let group = |group: usize| {
        let range = group * outputs..(group + 1) * outputs;
        let weights = Weights::new(isa, inputs * taps, &bias(conv, range.clone()), |k, c| {
            let (channel, tap) = if planar { (k / taps, k % taps) } else { (k % inputs, k / inputs) };
            conv.weights[((range.start + c) * inputs + channel) * taps + tap]
        });
        (for_pixels(layer.shape.pixels(), weights), finish(isa, layer, range))
    };
    (0..conv.groups).map(group).collect()
}

/// The weights as they serve so many pixels best.
fn for_pixels(pixels: usize, weights: Weights) -> Weights {
    if pixels <= FEW { weights.compact() } else { weights }
}

/// The bias of these channels: zeros where there is none.
pub(crate) fn bias(conv: &Conv, channels: Range<usize>) -> Vec<f32> {
    if conv.bias.is_empty() { vec![0.0; channels.len()] } else { conv.bias[channels].to_vec() }
}

/// What happens to these channels of a layer's outputs.
pub(crate) fn finish(isa: Isa, layer: &Layer, channels: Range<usize>) -> Finish {
    let bounds = |unary: &Option<Unary>| match unary {
        Some(Unary::Relu) => (0.0, f32::INFINITY),
        Some(Unary::Clip(low, high)) => (*low, *high),
        _ => UNBOUNDED,
    };
    let slopes = match &layer.before {
        Some(Unary::Leaky(slope)) => Some(vec![*slope; channels.len()]),
        Some(Unary::Prelu(slopes)) => Some(slopes[channels].to_vec()),
        _ => None,
    };
    Finish {
        before: bounds(&layer.before),
        slopes: slopes.map(|slopes| padded(isa, &slopes)),
        after: bounds(&layer.after),
    }
}
