//! What moves numbers and computes nothing: axes moved, split and joined, tensors put together, pads.

use passerby_cnn::{Graph, Pads};
use tract_onnx::tract_core::ops::array::{Pad, PadMode};
use tract_onnx::tract_core::ops::change_axes::AxisOp;

use super::axes::{Side, length, whole};
use super::map::Map;
use super::{Slot, What, floats, map};

/// An axis moved, or a shape of the same numbers in the same order.
pub(super) fn axes(op: &AxisOp, inputs: &[Slot], dims: &[usize]) -> Result<Slot, What> {
    let AxisOp::Move(from, to) = op else { return to_dims(inputs, dims) };
    let mut map = map(inputs, 0)?;
    map.axes = map.axes.moved(*from, *to).ok_or("an axis that is not there")?;
    Ok(Slot::Map(map))
}

/// The same numbers in the same order.
pub(super) fn to(inputs: &[Slot], dims: &[usize]) -> Result<Slot, What> {
    to_dims(inputs, dims)
}

fn to_dims(inputs: &[Slot], dims: &[usize]) -> Result<Slot, What> {
    let mut map = map(inputs, 0)?;
    let given = map.axes.dims();
    map.axes = map.axes.reshaped(dims).ok_or_else(|| format!("{given:?} as {dims:?}"))?;
    Ok(Slot::Map(map))
}

/// Tensors one after another along `axis`: by channels, or by rows.
pub(super) fn concat(graph: &mut Graph, axis: usize, inputs: &[Slot]) -> Result<Slot, What> {
    let mut maps = (0..inputs.len()).map(|i| map(inputs, i)).collect::<Result<Vec<Map>, What>>()?;
    for map in &mut maps {
        map.settle(graph)?;
    }
    let joined = match by_channels(graph, axis, &maps) {
        Some(joined) => joined,
        None => by_rows(graph, axis, &mut maps)?,
    };
    Ok(Slot::Map(joined))
}

/// `None` where the axis is not that of the channels in each, or another differs.
fn by_channels(graph: &mut Graph, axis: usize, maps: &[Map]) -> Option<Map> {
    let values: Vec<_> = maps.iter().map(|map| map.value).collect();
    let channels = |map: &Map| map.axes.get(axis) == whole(Side::Channel, graph.shape(map.value).channels);
    let rest = rest(axis, maps.first()?);
    if !maps.iter().all(|map| channels(map) && self::rest(axis, map) == rest) {
        return None;
    }
    let value = graph.concat(&values).ok()?;
    let mut axes = maps.first()?.axes.clone();
    axes.set(axis, whole(Side::Channel, graph.shape(value).channels));
    Some(Map::new(value, axes))
}

fn by_rows(graph: &mut Graph, axis: usize, maps: &mut [Map]) -> Result<Map, What> {
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
            return Err("tensors along an axis that is neither channels nor rows".into());
        }
    }
    let Some(first) = maps.first() else { return Err("nothing".into()) };
    let rest = rest(axis, first);
    if !maps.iter().all(|map| self::rest(axis, map) == rest) {
        return Err("tensors with different axes".into());
    }
    let values: Vec<_> = maps.iter().map(|map| map.value).collect();
    let value = graph.stack(&values).map_err(|e| e.to_string())?;
    let mut axes = first.axes.clone();
    axes.set(axis, whole(Side::Row, graph.shape(value).height));
    Ok(Map::new(value, axes))
}

/// All axes but one.
fn rest(axis: usize, map: &Map) -> super::Axes {
    let mut rest = map.axes.clone();
    rest.set(axis, vec![]);
    rest
}

/// Rows, columns and channels of one number around a map.
pub(super) fn pad(graph: &mut Graph, op: &Pad, inputs: &[Slot]) -> Result<Slot, What> {
    let PadMode::Constant(value) = &op.mode else { return Err(format!("mode {:?}", op.mode)) };
    let number = match floats(value)?.as_slice() {
        [number] => *number,
        numbers => return Err(format!("{} numbers to pad with", numbers.len())),
    };
    let &[(0, 0), (0, channels), (top, bottom), (left, right)] = op.pads.as_slice() else {
        return Err(format!("pads of {:?}", op.pads));
    };
    let value = map(inputs, 0)?.picture(graph)?;
    let pads = Pads { top, left, bottom, right };
    let value = graph.pad(value, pads, channels, number).map_err(|e| e.to_string())?;
    Ok(Slot::Map(Map::new(value, super::Axes::nchw(graph.shape(value)))))
}
