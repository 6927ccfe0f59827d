//! Convolutions and transposed ones.

use passerby_cnn::{Conv, Graph, Pads, Window};
use tract_onnx::tract_core::internal::Tensor;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::cnn::{KernelFormat, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::axes::Axes;
use super::map::Map;
use super::{Slot, What, constant, floats, map};

pub(super) fn conv(graph: &mut Graph, op: &ops::cnn::Conv, inputs: &[Slot]) -> Result<Slot, What> {
    if op.q_params.is_some() || op.kernel_fmt != KernelFormat::OIHW {
        return Err("whole numbers or weights in another order".into());
    }
    let value = map(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let padding = op.pool_spec.computed_padding(&[shape.height, shape.width]);
    let pads = padding.iter().map(|side| (side.pad_before, side.pad_after));
    let conv = Conv {
        channels: op.output_channels(),
        groups: op.group,
        window: window(&op.pool_spec, pads)?,
        weights: floats(constant(inputs, 1)?)?,
        bias: bias(inputs, op.output_channels())?,
    };
    let value = graph.conv(value, conv).map_err(|e| e.to_string())?;
    Ok(Slot::Map(Map::new(value, Axes::nchw(graph.shape(value)))))
}

pub(super) fn deconv(graph: &mut Graph, op: &ops::cnn::Deconv, inputs: &[Slot]) -> Result<Slot, What> {
    if op.kernel_format != KernelFormat::OIHW {
        return Err("weights in another order".into());
    }
    let (rows, columns) = pair(&op.adjustments)?;
    let value = map(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let spec = &op.pool_spec;
    let padding = spec
        .padding
        .compute_for_deconv(
            &[shape.height, shape.width],
            &spec.kernel_shape,
            &spec.dilations(),
            &spec.strides(),
            &op.adjustments,
        )
        .map_err(|e| format!("{e:#}"))?;
    let window = window(spec, padding.iter().map(|side| (side.pad_before, side.pad_after)))?;
    let channels = spec.output_channels;
    let weights = by_input(constant(inputs, 1)?, channels, shape.channels)?;
    let conv = Conv { channels, groups: op.group, window, weights, bias: bias(inputs, channels)? };
    let value = graph.deconv(value, conv, (rows, columns)).map_err(|e| e.to_string())?;
    Ok(Slot::Map(Map::new(value, Axes::nchw(graph.shape(value)))))
}

/// A window over `[1, channels, rows, columns]`, with the pads before and after each side.
pub(super) fn window(spec: &PoolSpec, pads: impl Iterator<Item = (usize, usize)>) -> Result<Window, What> {
    if spec.data_format != DataFormat::NCHW {
        return Err(format!("axes in the order {:?}", spec.data_format));
    }
    let pads: Vec<(usize, usize)> = pads.collect();
    let &[(top, bottom), (left, right)] = pads.as_slice() else {
        return Err(format!("a window over {} axes", spec.rank()));
    };
    Ok(Window {
        kernel: pair(&spec.kernel_shape)?,
        stride: pair(&spec.strides())?,
        dilation: pair(&spec.dilations())?,
        pads: Pads { top, left, bottom, right },
    })
}

fn pair(list: &[usize]) -> Result<(usize, usize), What> {
    match list {
        &[rows, columns] => Ok((rows, columns)),
        list => Err(format!("a window over {} axes", list.len())),
    }
}

/// One number a channel; a single one stands for all.
fn bias(inputs: &[Slot], channels: usize) -> Result<Vec<f32>, What> {
    if inputs.len() < 3 {
        return Ok(vec![]);
    }
    let numbers = floats(constant(inputs, 2)?)?;
    Ok(match numbers.as_slice() {
        [0.0] => vec![],
        [number] => vec![*number; channels],
        _ => numbers,
    })
}

/// Weights by output channel first as weights by input channel first.
fn by_input(weights: &Tensor, outputs: usize, inputs: usize) -> Result<Vec<f32>, What> {
    let dims = weights.shape();
    if dims.first() != Some(&outputs) || dims.get(1) != Some(&inputs) || weights.len() == 0 {
        return Err(format!("weights of {dims:?}"));
    }
    let numbers = floats(weights)?;
    let taps = numbers.len() / outputs / inputs;
    let pairs = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (o, i)));
    Ok(pairs.flat_map(|(o, i)| &numbers[(o * inputs + i) * taps..][..taps]).copied().collect())
}
