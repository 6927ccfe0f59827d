//! Convolutions as links of a chain.

use crate::conv::chain::link::{DenseWindow, DepthwiseRows, Link, LinkKind, PadRows, Reach, RowRing};
use crate::conv::chain::runs::runs;
use crate::conv::strategy::for_pixels;
use crate::conv::weights::group_weights;
use crate::graph::Op;
use crate::isa::Isa;
use crate::kernel::byte_matmul::{ByteWeights, InputScale};
use crate::kernel::depthwise::DepthwiseTaps;
use crate::kernel::matmul::MatmulWeights;
use crate::kernel::pool::MaxWindow;
use crate::kernel::tile::Epilogue;
use crate::layer::Layer;
use crate::op::{Conv, Pads, Shape};

/// Returns the number of links that a layer becomes.
pub(crate) fn link_count(layer: &Layer, planar: bool) -> usize {
    match &layer.op {
        Op::Conv(conv) if !conv.is_pointwise() && (conv.window.pads != Pads::NONE || planar) => 2,
        _ => 1,
    }
}

/// Returns the links of a layer that runs [row by row](crate::conv::strategy::Strategy::Rows). With `planar`, its map
/// is in NCHW order. A pointwise convolution that has the `scales` of its input channels multiplies bytes.
pub(crate) fn links(
    isa: Isa,
    layer: &Layer,
    input: Shape,
    planar: bool,
    scales: Option<&[InputScale]>,
) -> Vec<Link> {
    let output = RowRing::whole(layer.shape.height, layer.shape.width * layer.shape.channels);
    let conv = match &layer.op {
        Op::Conv(conv) => conv,
        Op::Pool(_, window) => {
            let max =
                MaxWindow { channels: input.channels, columns: window.kernel.1, stride: window.stride.1 };
            let kind = LinkKind::Max { isa, window: max };
            let reach = Reach { rows: window.kernel.0, stride: window.stride.0, pad: 0 };
            return vec![Link { kind, reach, epilogue: Epilogue::default(), output }];
        }
        _ => return Vec::new(),
    };
    let window = &conv.window;
    let epilogue = || layer.epilogue(isa, 0..conv.channels);
    let reach = Reach { rows: window.reach().0, stride: window.stride.0, pad: window.pads.top };
    if conv.is_pointwise() {
        let kind = pointwise(isa, conv, input, scales);
        return vec![Link { kind, reach, epilogue: epilogue(), output }];
    }
    if conv.is_depthwise(input.channels) {
        let (height, width) = window.kernel;
        let kind = LinkKind::Depthwise(DepthwiseRows {
            taps: DepthwiseTaps::new(isa, height, width, &conv.weights, &conv.bias(0..conv.channels)),
            width: input.width,
            out_width: layer.shape.width,
            stride: window.stride.1,
            dilation: window.dilation,
            pad: window.pads.left,
        });
        return vec![Link { kind, reach, epilogue: epilogue(), output }];
    }
    let mut links = Vec::new();
    let Pads { top, left, bottom, right } = window.pads;
    let padded = Shape { height: input.height + top + bottom, width: input.width + left + right, ..input };
    if window.pads != Pads::NONE || planar {
        let (parts, elements) = if planar { (input.channels, 1) } else { (1, input.channels) };
        links.push(Link {
            kind: LinkKind::Pad(PadRows {
                parts,
                part_len: input.width * elements,
                part_distance: input.pixels(),
                left: left * elements,
                right: right * elements,
            }),
            reach: Reach { pad: top, ..Reach::SAME },
            epilogue: Epilogue::default(),
            output: RowRing::whole(padded.height, padded.width * padded.channels),
        });
    }
    let (runs, run_len) = runs(conv, input.channels, planar);
    let elements = if planar { 1 } else { input.channels };
    let runs = runs.into_iter().map(|run| {
        let channel = if planar { run.channel * padded.width } else { run.channel };
        (run.row, run.column * elements + channel)
    });
    let kind = LinkKind::Window(DenseWindow {
        groups: group_weights(isa, layer, conv, input.channels, planar),
        runs: runs.collect(),
        run_len,
        step: window.stride.1 * elements,
        group_step: input.channels / conv.groups,
        out_width: layer.shape.width,
        out_channels: conv.channels,
    });
    links.push(Link { kind, reach: Reach { pad: 0, ..reach }, epilogue: Epilogue::default(), output });
    links
}

fn pointwise(isa: Isa, conv: &Conv, input: Shape, scales: Option<&[InputScale]>) -> LinkKind {
    let depth = input.channels;
    let bias = conv.bias(0..conv.channels);
    let weight = |k: usize, c: usize| conv.weights[c * depth + k];
    match scales {
        Some(scales) => {
            let weights = ByteWeights::new(isa, &bias, scales, weight);
            LinkKind::Bytes { weights, width: input.width, quantized: false }
        }
        None => {
            let weights = for_pixels(input.pixels(), MatmulWeights::new(isa, depth, &bias, weight));
            LinkKind::Pointwise { weights, width: input.width }
        }
    }
}
