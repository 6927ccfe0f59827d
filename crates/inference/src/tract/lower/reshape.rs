//! Operators that move elements without computing: axes are moved, split and joined, tensors joined, maps padded.

use passerby_cnn::{Graph, Pads};
use tract_onnx::tract_core::ops::array::{Pad, PadMode};
use tract_onnx::tract_core::ops::change_axes::AxisOp;

use super::axes::{Axes, Side, length, whole};
use super::mapped::MappedTensor;
use super::slot::{Slot, mapped_input};
use super::tensor::{Reason, floats};

/// Moves an axis, or changes the shape and keeps the order of the elements.
pub(crate) fn axes(op: &AxisOp, inputs: &[Slot], dims: &[usize]) -> Result<Slot, Reason> {
    let AxisOp::Move(from, to) = op else { return to_dims(inputs, dims) };
    let mut map = mapped_input(inputs, 0)?;
    map.axes = map.axes.moved(*from, *to).ok_or("there is no such axis")?;
    Ok(Slot::Mapped(map))
}

/// Changes the shape and keeps the order of the elements.
pub(crate) fn to(inputs: &[Slot], dims: &[usize]) -> Result<Slot, Reason> {
    to_dims(inputs, dims)
}

fn to_dims(inputs: &[Slot], dims: &[usize]) -> Result<Slot, Reason> {
    let mut map = mapped_input(inputs, 0)?;
    let given = map.axes.dims();
    map.axes = map.axes.reshaped(dims).ok_or_else(|| format!("cannot reshape {given:?} to {dims:?}"))?;
    Ok(Slot::Mapped(map))
}

/// Joins tensors along `axis`, as channels or as rows.
pub(crate) fn concat(graph: &mut Graph, axis: usize, inputs: &[Slot]) -> Result<Slot, Reason> {
    let mut maps =
        (0..inputs.len()).map(|i| mapped_input(inputs, i)).collect::<Result<Vec<MappedTensor>, Reason>>()?;
    for map in &mut maps {
        map.apply_pending(graph)?;
    }
    let joined = match concat_channels(graph, axis, &maps) {
        Some(joined) => joined,
        None => concat_rows(graph, axis, &mut maps)?,
    };
    Ok(Slot::Mapped(joined))
}

/// Returns `None` if the axis is not that of the channels in each tensor, or if another axis differs.
fn concat_channels(graph: &mut Graph, axis: usize, maps: &[MappedTensor]) -> Option<MappedTensor> {
    let values: Vec<_> = maps.iter().map(|map| map.value).collect();
    let channels =
        |map: &MappedTensor| map.axes.get(axis) == whole(Side::Channel, graph.shape(map.value).channels);
    let rest = other_axes(axis, maps.first()?);
    if !maps.iter().all(|map| channels(map) && self::other_axes(axis, map) == rest) {
        return None;
    }
    let value = graph.concat(&values).ok()?;
    let mut axes = maps.first()?.axes.clone();
    axes.set(axis, whole(Side::Channel, graph.shape(value).channels));
    Some(MappedTensor::new(value, axes))
}

fn concat_rows(graph: &mut Graph, axis: usize, maps: &mut [MappedTensor]) -> Result<MappedTensor, Reason> {
    for map in maps.iter_mut() {
        let shape = graph.shape(map.value);
        let split: usize = length(
            &map.axes.get(axis).iter().filter(|part| part.side == Side::Channel).copied().collect::<Vec<_>>(),
        );
        if shape.width > 1 || split > 1 {
            map.split_pixels(graph, shape.channels / split.max(1))?;
        }
        let height = graph.shape(map.value).height;
        if map.axes.get(axis) != whole(Side::Row, height) {
            return Err("the axis is neither channels nor rows".into());
        }
    }
    let Some(first) = maps.first() else { return Err("no input".into()) };
    let rest = other_axes(axis, first);
    if !maps.iter().all(|map| self::other_axes(axis, map) == rest) {
        return Err("the tensors have different axes".into());
    }
    let values: Vec<_> = maps.iter().map(|map| map.value).collect();
    let value = graph.stack(&values).map_err(|e| e.to_string())?;
    let mut axes = first.axes.clone();
    axes.set(axis, whole(Side::Row, graph.shape(value).height));
    Ok(MappedTensor::new(value, axes))
}

/// Returns all axes but one.
fn other_axes(axis: usize, map: &MappedTensor) -> Axes {
    let mut rest = map.axes.clone();
    rest.set(axis, vec![]);
    rest
}

/// Pads a map with rows, columns and channels of one value.
pub(crate) fn pad(graph: &mut Graph, op: &Pad, inputs: &[Slot]) -> Result<Slot, Reason> {
    let PadMode::Constant(value) = &op.mode else { return Err(format!("mode {:?}", op.mode)) };
    let number = match floats(value)?.as_slice() {
        [number] => *number,
        numbers => return Err(format!("{} values to pad with", numbers.len())),
    };
    let &[(0, 0), (0, channels), (top, bottom), (left, right)] = op.pads.as_slice() else {
        return Err(format!("pads of {:?}", op.pads));
    };
    let value = mapped_input(inputs, 0)?.picture(graph)?;
    let pads = Pads { top, left, bottom, right };
    let value = graph.pad(value, pads, channels, number).map_err(|e| e.to_string())?;
    Ok(Slot::Mapped(MappedTensor::new(value, Axes::nchw(graph.shape(value)))))
}
