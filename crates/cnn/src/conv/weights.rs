//! The weights of dense convolutions as matrices.

use crate::conv::strategy::for_pixels;
use crate::isa::Isa;
use crate::kernel::matmul::MatmulWeights;
use crate::kernel::tile::Epilogue;
use crate::layer::Layer;
use crate::op::Conv;

/// Returns the matrix and the epilogue of each group. A matrix has its depths tap by tap or, with `planar`, channel by
/// channel.
pub(crate) fn group_weights(
    isa: Isa,
    layer: &Layer,
    conv: &Conv,
    channels: usize,
    planar: bool,
) -> Vec<(MatmulWeights, Epilogue)> {
    let taps = conv.window.kernel.0 * conv.window.kernel.1;
    let inputs = channels / conv.groups;
    let outputs = conv.channels / conv.groups;
    let group = |group: usize| {
        let range = group * outputs..(group + 1) * outputs;
        let weights = MatmulWeights::new(isa, inputs * taps, &conv.bias(range.clone()), |k, c| {
            let (channel, tap) = if planar { (k / taps, k % taps) } else { (k % inputs, k / inputs) };
            conv.weights[((range.start + c) * inputs + channel) * taps + tap]
        });
        (for_pixels(layer.shape.pixels(), weights), layer.epilogue(isa, range))
    };
    (0..conv.groups).map(group).collect()
}
