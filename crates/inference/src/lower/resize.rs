//! Maps in another size.

use passerby_cnn::{Coordinates, Graph, Interpolation, Order, Shape};
use tract_onnx::tract_core::internal::{IntoTValue, TVec, Tensor, TypedNode};

use super::axes::Axes;
use super::map::Map;
use super::{Slot, What, concrete, floats, map};

/// All ways of a graph to resize.
const WAYS: [(Interpolation, Coordinates); 6] = [
    (Interpolation::Nearest, Coordinates::Asymmetric),
    (Interpolation::Nearest, Coordinates::HalfPixel),
    (Interpolation::Nearest, Coordinates::AlignCorners),
    (Interpolation::Linear, Coordinates::HalfPixel),
    (Interpolation::Linear, Coordinates::AlignCorners),
    (Interpolation::Linear, Coordinates::Asymmetric),
];

/// How far two ways may differ and be the same, for numbers between 0 and 1.
const TOLERANCE: f32 = 1e-5;

/// ONNX has some hundreds of combinations of settings, most of which mean the same for a given pair of sizes. So the operator
/// itself is asked: it resizes a map of noise, and whatever way gives the same is the one.
pub(super) fn resize(graph: &mut Graph, node: &TypedNode, inputs: &[Slot]) -> Result<Slot, What> {
    let value = map(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let dims = concrete(&node.outputs[0].fact)?;
    let &[1, channels, height, width] = dims.as_slice() else { return Err(format!("to {dims:?}")) };
    if channels != shape.channels {
        return Err("of channels".into());
    }
    let noise: Vec<f32> = (0..shape.pixels()).map(noise).collect();
    let expected = asked(node, inputs, shape, &noise)?;
    let plane = Shape { channels: 1, ..shape };
    for (interpolation, coordinates) in WAYS {
        let made = alone(plane, (height, width), interpolation, coordinates, &noise)?;
        let same = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE;
        if made.len() == expected.len() && made.iter().zip(&expected).all(same) {
            let value = graph.resize(value, (height, width), interpolation, coordinates);
            let value = value.map_err(|e| e.to_string())?;
            return Ok(Slot::Map(Map::new(value, Axes::nchw(graph.shape(value)))));
        }
    }
    Err("with these settings".into())
}

/// What the operator makes of one channel.
fn asked(node: &TypedNode, inputs: &[Slot], shape: Shape, plane: &[f32]) -> Result<Vec<f32>, What> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let picture = Tensor::from_shape(&[1, 1, shape.height, shape.width], plane).map_err(text)?;
    let mut given: TVec<_> = [picture.into_tvalue()].into_iter().collect();
    for slot in &inputs[1..] {
        let Slot::Constant(tensor) = slot else { return Err("to a size that depends on the input".into()) };
        given.push(one_channel(tensor, shape.channels)?.into_tvalue());
    }
    let made = node.op.eval_out_of_plan(given).map_err(text)?.ok_or("with these settings")?;
    floats(made.first().ok_or("with these settings")?)
}

/// A setting as it is for one channel: scales with 1 for the batch and the channels, sizes that leave both as they are. A
/// region of interest and an empty list go through; for anything else the channels might be resized too.
fn one_channel(list: &Tensor, channels: usize) -> Result<Tensor, What> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let plain = list.try_as_plain_ram().map_err(text)?;
    match (plain.as_slice::<i64>(), plain.as_slice::<f32>()) {
        (Ok(&[1, c, height, width]), _) if usize::try_from(c) == Ok(channels) => {
            Tensor::from_shape(&[4], &[1, 1, height, width]).map_err(text)
        }
        (_, Ok([] | [1.0, 1.0, _, _] | [_, _, _, _, _, _, _, _])) | (Ok([]), _) => Ok(list.clone()),
        _ => Err("with these settings".into()),
    }
}

/// What a graph that only resizes makes of one channel.
fn alone(
    plane: Shape,
    size: (usize, usize),
    interpolation: Interpolation,
    coordinates: Coordinates,
    numbers: &[f32],
) -> Result<Vec<f32>, What> {
    let text = |e: passerby_cnn::GraphError| e.to_string();
    let (mut graph, input) = Graph::new(plane).map_err(text)?;
    let value = graph.resize(input, size, interpolation, coordinates).map_err(text)?;
    graph.output(value, Order::Planar);
    graph.evaluate(numbers).pop().ok_or_else(|| "no output".into())
}

/// Numbers from 0 to 1 without a pattern: the golden ratio's multiples, multiplied by themselves.
fn noise(i: usize) -> f32 {
    let i = i as f64;
    ((i * i * 0.618_033_988_749_895).fract()) as f32
}
