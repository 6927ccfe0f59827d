//! Pooling over a sliding window or over whole axes.

use passerby_cnn::{Graph, Pooling, Unary, Window};
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::cnn::{PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::Reducer;

use super::axes::{Axes, Part, Side, length, sides};
use super::conv::window;
use super::mapped::MappedTensor;
use super::slot::{Slot, mapped_input};
use super::tensor::Reason;

pub(crate) fn max(graph: &mut Graph, op: &ops::cnn::MaxPool, inputs: &[Slot]) -> Result<Slot, Reason> {
    if op.with_index_outputs.is_some() {
        return Err("the positions of the maxima".into());
    }
    pool(graph, &op.pool_spec, Pooling::Max, inputs).map(|(map, _)| Slot::Mapped(map))
}

pub(crate) fn sum(graph: &mut Graph, op: &ops::cnn::SumPool, inputs: &[Slot]) -> Result<Slot, Reason> {
    let counted = op.count_include_pad || !op.normalize;
    let kind = if counted { Pooling::AverageIncludingPads } else { Pooling::Average };
    // Engines count differently beyond the pads that the network states.
    let grows = matches!(op.pool_spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
    if counted && grows {
        return Err("pads that count, combined with sides rounded up".into());
    }
    let (map, window) = pool(graph, &op.pool_spec, kind, inputs)?;
    if op.normalize {
        return Ok(Slot::Mapped(map));
    }
    let taps = (window.kernel.0 * window.kernel.1) as f32;
    map.affine(graph, &[taps], &[0.0]).map(Slot::Mapped)
}

fn pool(
    graph: &mut Graph,
    spec: &PoolSpec,
    kind: Pooling,
    inputs: &[Slot],
) -> Result<(MappedTensor, Window), Reason> {
    let value = mapped_input(inputs, 0)?.picture(graph)?;
    let shape = graph.shape(value);
    let sides = [shape.height, shape.width];
    // The pad after the last pixel is as large as the last window requires, which may exceed the stated one.
    let padding = spec.computed_padding(&sides);
    let pads = padding.iter().enumerate().map(|(axis, side)| {
        let reach = spec.kernel_shape[axis].saturating_sub(1) * spec.dilation(axis) + 1;
        let end = side.convoluted.saturating_sub(1) * spec.stride(axis) + reach;
        (side.pad_before, end.saturating_sub(sides[axis] + side.pad_before))
    });
    let window = window(spec, pads)?;
    let value = graph.pool(value, kind, window).map_err(|e| e.to_string())?;
    Ok((MappedTensor::new(value, Axes::nchw(graph.shape(value))), window))
}

pub(crate) fn reduce(graph: &mut Graph, op: &ops::nn::Reduce, inputs: &[Slot]) -> Result<Slot, Reason> {
    let mut map = mapped_input(inputs, 0)?;
    map.apply_pending(graph)?;
    let over = |map: &MappedTensor| {
        op.axes.iter().flat_map(|axis| map.axes.get(*axis)).copied().collect::<Vec<Part>>()
    };
    match op.reducer {
        Reducer::Sum => {}
        Reducer::MeanOfSquares => map = map.unary(graph, Unary::Square)?,
        other => return Err(format!("reduction {other:?}")),
    }
    let count = length(&over(&map)) as f32;

    // If only some channels of a pixel are summed, these become a pixel of their own.
    let parts = over(&map);
    let channels = length(&of_side(&parts, Side::Channel));
    if channels > 1 && channels < graph.shape(map.value).channels {
        map.split_pixels(graph, channels)?;
    }
    let parts = over(&map);
    let [all, rows, columns] = sides(graph.shape(map.value));
    let whole_map = of_side(&parts, Side::Row) == rows && of_side(&parts, Side::Column) == columns;
    let some_map = parts.iter().any(|part| part.side != Side::Channel);
    if (some_map && !whole_map) || (channels > 1 && of_side(&parts, Side::Channel) != all) {
        return Err("a sum over a part of the pixels or channels".into());
    }
    let mut total = 1.0;
    if some_map {
        total = graph.shape(map.value).pixels() as f32;
        map.value = graph.mean(map.value).map_err(|e| e.to_string())?;
    }
    if channels > 1 {
        map.value = graph.sum(map.value).map_err(|e| e.to_string())?;
    }
    for axis in &op.axes {
        map.axes.set(*axis, vec![]);
    }
    if op.reducer == Reducer::MeanOfSquares {
        total /= count;
    }
    map.affine(graph, &[total], &[0.0]).map(Slot::Mapped)
}

/// Returns the parts of one side.
fn of_side(parts: &[Part], side: Side) -> Vec<Part> {
    parts.iter().filter(|part| part.side == side).copied().collect()
}
