//! Products with constant matrices, and softmax.

use passerby_cnn::{Conv, Graph, Window};
use tract_onnx::tract_core::internal::AxesMapping;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::nn::SoftmaxKind;

use super::axes::{Axes, Part, Side, length, position, whole};
use super::mapped::MappedTensor;
use super::slot::{Slot, constant_input, mapped_input};
use super::tensor::{Reason, floats};

/// The index of one axis of a product in the map, the matrix and the result.
struct Axis {
    map: Option<usize>,
    matrix: Option<usize>,
    result: Option<usize>,
}

pub(crate) fn einsum(graph: &mut Graph, op: &ops::einsum::EinSum, inputs: &[Slot]) -> Result<Slot, Reason> {
    let at = match inputs {
        [Slot::Mapped(_), Slot::Constant(_)] => 0,
        [Slot::Constant(_), Slot::Mapped(_)] => 1,
        _ => return Err("neither operand is a constant matrix".into()),
    };
    if op.q_params.is_some() {
        return Err("integers".into());
    }
    let axes = axes(&op.axes, at)?;
    let mut map = mapped_input(inputs, at)?;
    map.apply_pending(graph)?;
    let matrix = constant_input(inputs, 1 - at)?;
    let dims = matrix.shape();

    // The axes that are summed over: those of both operands that the result lacks.
    let summed: Vec<(usize, usize)> =
        axes.iter().filter(|a| a.result.is_none()).filter_map(|a| a.map.zip(a.matrix)).collect();
    let over = |map: &MappedTensor| {
        summed.iter().flat_map(|(m, _)| map.axes.get(*m)).copied().collect::<Vec<Part>>()
    };
    let shape = graph.shape(map.value);
    let channels_only = over(&map).iter().all(|part| part.side == Side::Channel);
    if channels_only && length(&over(&map)) < shape.channels {
        map.split_pixels(graph, length(&over(&map)))?;
    }
    let shape = graph.shape(map.value);
    let everything = length(&over(&map)) == shape.len();
    let each_pixel = channels_only && length(&over(&map)) == shape.channels;
    if !everything && !each_pixel {
        return Err("a sum over a part of the pixels".into());
    }

    // The axes of the matrix alone become the channels of the result. Those of the map alone stay.
    let mut result = vec![vec![]; op.axes.rank(tract_onnx::tract_core::internal::InOut::Out(0))];
    let mut made = Vec::new();
    for axis in &axes {
        match (axis.map, axis.matrix, axis.result) {
            (Some(_), Some(_), None) => {}
            (Some(m), None, Some(r)) => result[r] = map.axes.get(m).to_vec(),
            (None, Some(w), Some(r)) => made.push((w, r)),
            (m, w, _) => {
                let one = |dim: Option<usize>| dim.is_none_or(|dim| dim == 1);
                if !one(m.map(|m| length(map.axes.get(m)))) || !one(w.map(|w| dims[w])) {
                    return Err("a batch of matrices".into());
                }
            }
        }
    }
    made.retain(|(w, _)| dims[*w] != 1);
    let (channels, column) = match made.as_slice() {
        [] => (1, None),
        [(w, r)] => {
            result[*r] = whole(Side::Channel, dims[*w]);
            (dims[*w], Some(*w))
        }
        _ => return Err("a matrix of more than two axes".into()),
    };

    let numbers = floats(matrix)?;
    let weight = |o: usize, at: [usize; 3]| {
        let place = |axis: usize| match summed.iter().find(|(_, w)| *w == axis) {
            Some((m, _)) => position(map.axes.get(*m), at),
            None if column == Some(axis) => o,
            None => 0,
        };
        numbers[dims.iter().enumerate().fold(0, |sum, (axis, dim)| sum * dim + place(axis))]
    };
    let (height, width) = if everything { (shape.height, shape.width) } else { (1, 1) };
    let mut weights = Vec::with_capacity(channels * shape.channels * height * width);
    for o in 0..channels {
        for c in 0..shape.channels {
            for y in 0..height {
                weights.extend((0..width).map(|x| weight(o, [c, y, x])));
            }
        }
    }
    let value = if everything {
        graph.dense(map.value, weights, vec![0.0; channels])
    } else {
        let window = Window::square(1, 1, 0);
        graph.conv(map.value, Conv { channels, groups: 1, window, weights, bias: vec![] })
    };
    Ok(Slot::Mapped(MappedTensor::new(value.map_err(|e| e.to_string())?, Axes::new(result))))
}

/// Returns the axes of a product whose input `at` is the map. An axis that an operand has twice is not supported.
fn axes(mapping: &AxesMapping, at: usize) -> Result<Vec<Axis>, Reason> {
    let one = |places: &[usize]| match places {
        [] => Ok(None),
        [place] => Ok(Some(*place)),
        _ => Err("an operand has the same axis twice".to_owned()),
    };
    let axis = |axis: &tract_onnx::tract_core::internal::Axis| {
        Ok(Axis {
            map: one(&axis.inputs[at])?,
            matrix: one(&axis.inputs[1 - at])?,
            result: one(&axis.outputs[0])?,
        })
    };
    mapping.iter_all_axes().map(axis).collect()
}

pub(crate) fn softmax(graph: &mut Graph, op: &ops::nn::Softmax, inputs: &[Slot]) -> Result<Slot, Reason> {
    let &[axis] = op.axes.as_slice() else { return Err(format!("softmax over {} axes", op.axes.len())) };
    if op.kind != SoftmaxKind::Softmax || op.quant_output_dt.is_some() {
        return Err(format!("softmax of the kind {:?}", op.kind));
    }
    let mut map = mapped_input(inputs, 0)?;
    map.apply_pending(graph)?;
    map.channels_along(graph, axis)?;
    map.value = graph.softmax(map.value).map_err(|e| e.to_string())?;
    Ok(Slot::Mapped(map))
}
