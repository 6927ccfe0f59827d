//! Resizing of maps.

use passerby_cnn::{CoordinateMode, Graph, Interpolation, Shape, TensorLayout};
use tract_onnx::tract_core::internal::{IntoTValue, TVec, Tensor, TypedNode};

use super::axes::Axes;
use super::mapped::MappedTensor;
use super::slot::{Slot, mapped_input};
use super::tensor::{Reason, concrete, floats};

/// All modes of resizing that a graph has.
const MODES: [(Interpolation, CoordinateMode); 6] = [
    (Interpolation::Nearest, CoordinateMode::Asymmetric),
    (Interpolation::Nearest, CoordinateMode::HalfPixel),
    (Interpolation::Nearest, CoordinateMode::AlignCorners),
    (Interpolation::Linear, CoordinateMode::HalfPixel),
    (Interpolation::Linear, CoordinateMode::AlignCorners),
    (Interpolation::Linear, CoordinateMode::Asymmetric),
];

/// The largest difference between two modes that count as the same, for values between 0 and 1.
const TOLERANCE: f32 = 1e-5;

/// Translates a resize. ONNX has some hundreds of combinations of settings, most of which mean the same for a given
/// pair of sizes. The operator therefore resizes a map of noise, and the mode with the same result is chosen.
pub(crate) fn resize(graph: &mut Graph, node: &TypedNode, inputs: &[Slot]) -> Result<Slot, Reason> {
    let value = mapped_input(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let dims = concrete(&node.outputs[0].fact)?;
    let &[1, channels, height, width] = dims.as_slice() else { return Err(format!("to the shape {dims:?}")) };
    if channels != shape.channels {
        return Err("the channels change".into());
    }
    let noise: Vec<f32> = (0..shape.pixels()).map(noise).collect();
    let expected = tract_result(node, inputs, shape, &noise)?;
    let plane = Shape { channels: 1, ..shape };
    for (interpolation, coordinates) in MODES {
        let made = graph_result(plane, (height, width), interpolation, coordinates, &noise)?;
        let same = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE;
        if made.len() == expected.len() && made.iter().zip(&expected).all(same) {
            let value = graph.resize(value, (height, width), interpolation, coordinates);
            let value = value.map_err(|e| e.to_string())?;
            return Ok(Slot::Mapped(MappedTensor::new(value, Axes::nchw(graph.shape(value)))));
        }
    }
    Err("unsupported settings".into())
}

/// Returns the result of tract's operator for one channel.
fn tract_result(node: &TypedNode, inputs: &[Slot], shape: Shape, plane: &[f32]) -> Result<Vec<f32>, Reason> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let picture = Tensor::from_shape(&[1, 1, shape.height, shape.width], plane).map_err(text)?;
    let mut given: TVec<_> = [picture.into_tvalue()].into_iter().collect();
    for slot in &inputs[1..] {
        let Slot::Constant(tensor) = slot else { return Err("the size depends on the input".into()) };
        given.push(one_channel(tensor, shape.channels)?.into_tvalue());
    }
    let made = node.op.eval_out_of_plan(given).map_err(text)?.ok_or("unsupported settings")?;
    floats(made.first().ok_or("unsupported settings")?)
}

/// Returns a setting for one channel: scales with 1 for the batch and the channels, or sizes that change neither. A
/// region of interest and an empty list stay unchanged. Other settings might resize the channels, too, and are not
/// supported.
fn one_channel(list: &Tensor, channels: usize) -> Result<Tensor, Reason> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let plain = list.try_as_plain_ram().map_err(text)?;
    match (plain.as_slice::<i64>(), plain.as_slice::<f32>()) {
        (Ok(&[1, c, height, width]), _) if usize::try_from(c) == Ok(channels) => {
            Tensor::from_shape(&[4], &[1, 1, height, width]).map_err(text)
        }
        (_, Ok([] | [1.0, 1.0, _, _] | [_, _, _, _, _, _, _, _])) | (Ok([]), _) => Ok(list.clone()),
        _ => Err("unsupported settings".into()),
    }
}

/// Returns the result of a graph that only resizes, for one channel.
fn graph_result(
    plane: Shape,
    size: (usize, usize),
    interpolation: Interpolation,
    coordinates: CoordinateMode,
    numbers: &[f32],
) -> Result<Vec<f32>, Reason> {
    let text = |e: passerby_cnn::GraphError| e.to_string();
    let (mut graph, input) = Graph::new(plane).map_err(text)?;
    let value = graph.resize(input, size, interpolation, coordinates).map_err(text)?;
    graph.output(value, TensorLayout::Nchw);
    graph.evaluate(numbers).pop().ok_or_else(|| "no output".into())
}

/// Returns values from 0 to 1 without a pattern: the fractions of squares times the golden ratio.
fn noise(i: usize) -> f32 {
    let i = i as f64;
    ((i * i * 0.618_033_988_749_895).fract()) as f32
}
