//! Convolutions and transposed convolutions.

use passerby_cnn::{Conv, Graph, Pads, Window};
use tract_onnx::tract_core::internal::Tensor;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::cnn::{KernelFormat, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::axes::Axes;
use super::mapped::MappedTensor;
use super::slot::{Slot, constant_input, mapped_input};
use super::tensor::{Reason, floats};

pub(crate) fn conv(graph: &mut Graph, op: &ops::cnn::Conv, inputs: &[Slot]) -> Result<Slot, Reason> {
    if op.q_params.is_some() || op.kernel_fmt != KernelFormat::OIHW {
        return Err("integers, or weights that are not in the order OIHW".into());
    }
    let value = mapped_input(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let padding = op.pool_spec.computed_padding(&[shape.height, shape.width]);
    let pads = padding.iter().map(|side| (side.pad_before, side.pad_after));
    let conv = Conv {
        channels: op.output_channels(),
        groups: op.group,
        window: window(&op.pool_spec, pads)?,
        weights: floats(constant_input(inputs, 1)?)?,
        bias: bias(inputs, op.output_channels())?,
    };
    let value = graph.conv(value, conv).map_err(|e| e.to_string())?;
    Ok(Slot::Mapped(MappedTensor::new(value, Axes::nchw(graph.shape(value)))))
}

pub(crate) fn deconv(graph: &mut Graph, op: &ops::cnn::Deconv, inputs: &[Slot]) -> Result<Slot, Reason> {
    if op.kernel_format != KernelFormat::OIHW {
        return Err("weights that are not in the order OIHW".into());
    }
    let (rows, columns) = pair(&op.adjustments)?;
    let value = mapped_input(inputs, 0)?.picture(graph)?;
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
    let weights = by_input(constant_input(inputs, 1)?, channels, shape.channels)?;
    let conv = Conv { channels, groups: op.group, window, weights, bias: bias(inputs, channels)? };
    let value = graph.conv_transpose(value, conv, (rows, columns)).map_err(|e| e.to_string())?;
    Ok(Slot::Mapped(MappedTensor::new(value, Axes::nchw(graph.shape(value)))))
}

/// Returns a window over `[1, channels, rows, columns]`, from the pads before and after each side.
pub(crate) fn window(spec: &PoolSpec, pads: impl Iterator<Item = (usize, usize)>) -> Result<Window, Reason> {
    if spec.data_format != DataFormat::NCHW {
        return Err(format!("the axes are in the order {:?}", spec.data_format));
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

fn pair(list: &[usize]) -> Result<(usize, usize), Reason> {
    match list {
        &[rows, columns] => Ok((rows, columns)),
        list => Err(format!("a window over {} axes", list.len())),
    }
}

/// Returns one value for each channel. A single value is repeated.
fn bias(inputs: &[Slot], channels: usize) -> Result<Vec<f32>, Reason> {
    if inputs.len() < 3 {
        return Ok(vec![]);
    }
    let numbers = floats(constant_input(inputs, 2)?)?;
    Ok(match numbers.as_slice() {
        [0.0] => vec![],
        [number] => vec![*number; channels],
        _ => numbers,
    })
}

/// Reorders weights from output channels first to input channels first.
fn by_input(weights: &Tensor, outputs: usize, inputs: usize) -> Result<Vec<f32>, Reason> {
    let dims = weights.shape();
    if dims.first() != Some(&outputs) || dims.get(1) != Some(&inputs) || weights.len() == 0 {
        return Err(format!("the weights have the shape {dims:?}"));
    }
    let numbers = floats(weights)?;
    let taps = numbers.len() / outputs / inputs;
    let pairs = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (o, i)));
    Ok(pairs.flat_map(|(o, i)| &numbers[(o * inputs + i) * taps..][..taps]).copied().collect())
}
