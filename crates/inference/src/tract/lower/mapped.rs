//! A value of the graph as a tensor of tract.

use passerby_cnn::{Graph, Unary, Value};
use tract_onnx::tract_core::internal::Tensor;

use super::axes::{Axes, Side, length, position, whole};
use super::tensor::{Reason, floats};

/// A value of the graph, a pending function of its elements, and the tensor's axes in it.
#[derive(Clone)]
pub(crate) struct MappedTensor {
    pub(crate) value: Value,
    pub(crate) pending: Pending,
    pub(crate) axes: Axes,
}

/// A function that no operator of the graph computes yet. The following operators may become part of it, and it is
/// never computed if no operator reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pending {
    Nothing,
    /// One value for all channels, or one for each.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Clip(f32, f32),
}

impl MappedTensor {
    pub(crate) fn new(value: Value, axes: Axes) -> Self {
        Self { value, pending: Pending::Nothing, axes }
    }

    /// Adds the pending function to the graph and returns its result.
    pub(crate) fn apply_pending(&mut self, graph: &mut Graph) -> Result<Value, Reason> {
        let unary = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return Ok(self.value),
            Pending::Clip(0.0, f32::INFINITY) => Unary::Relu,
            Pending::Clip(low, high) => Unary::Clip(low, high),
            Pending::Affine { scale, shift }
                if scale.iter().all(|s| *s == 1.0) && shift.iter().all(|s| *s == 0.0) =>
            {
                return Ok(self.value);
            }
            Pending::Affine { scale, shift } => Unary::Affine { scale, shift },
        };
        self.value = graph.unary(self.value, unary).map_err(|e| e.to_string())?;
        Ok(self.value)
    }

    /// Returns `scale * x + shift`, with one value for all channels or one for each.
    pub(crate) fn affine(mut self, graph: &mut Graph, scale: &[f32], shift: &[f32]) -> Result<Self, Reason> {
        let (before, offset) = match &self.pending {
            Pending::Affine { scale, shift } => (scale.clone(), shift.clone()),
            _ => {
                self.apply_pending(graph)?;
                (vec![1.0], vec![0.0])
            }
        };
        let many = [scale.len(), shift.len(), before.len()].into_iter().max().unwrap_or(1);
        let at = |list: &[f32], c: usize| list[if list.len() == 1 { 0 } else { c }];
        let scales = (0..many).map(|c| at(scale, c) * at(&before, c)).collect();
        let shifts = (0..many).map(|c| at(scale, c) * at(&offset, c) + at(shift, c)).collect();
        self.pending = Pending::Affine { scale: scales, shift: shifts };
        Ok(self)
    }

    /// Limits the elements to these bounds.
    pub(crate) fn clip(mut self, graph: &mut Graph, low: f32, high: f32) -> Result<Self, Reason> {
        if low.is_nan() || high.is_nan() {
            return Err("a bound is NaN".into());
        }
        let (before, after) = match self.pending {
            Pending::Clip(before, after) => (before, after),
            _ => {
                self.apply_pending(graph)?;
                (f32::NEG_INFINITY, f32::INFINITY)
            }
        };
        self.pending = Pending::Clip(before.max(low).min(high), after.max(low).min(high));
        Ok(self)
    }

    /// Applies a function to each element.
    pub(crate) fn unary(mut self, graph: &mut Graph, unary: Unary) -> Result<Self, Reason> {
        self.apply_pending(graph)?;
        self.value = graph.unary(self.value, unary).map_err(|e| e.to_string())?;
        Ok(self)
    }

    /// Returns the values of a constant that is combined with this map: one for all channels, or one for each.
    pub(crate) fn per_channel(&self, graph: &Graph, tensor: &Tensor) -> Result<Vec<f32>, Reason> {
        let numbers = floats(tensor)?;
        if numbers.len() == 1 {
            return Ok(numbers);
        }
        let dims = tensor.shape();
        let fits = dims.len() == self.axes.rank()
            && dims.iter().enumerate().all(|(axis, dim)| {
                let parts = self.axes.get(axis);
                *dim == 1 || (*dim == length(parts) && parts.iter().all(|p| p.side == Side::Channel))
            });
        if !fits {
            return Err(format!(
                "the constant of the shape {dims:?} does not have one value for each channel"
            ));
        }
        let place = |c: usize| {
            dims.iter().enumerate().fold(0, |at, (axis, dim)| match dim {
                1 => at,
                dim => at * dim + position(self.axes.get(axis), [c, 0, 0]),
            })
        };
        Ok((0..graph.shape(self.value).channels).map(|c| numbers[place(c)]).collect())
    }

    /// Applies the pending function and returns the value, if the axes are `[1, channels, rows, columns]`.
    pub(crate) fn picture(&mut self, graph: &mut Graph) -> Result<Value, Reason> {
        let value = self.apply_pending(graph)?;
        if self.axes == Axes::nchw(graph.shape(value)) {
            Ok(value)
        } else {
            Err(format!(
                "the tensor of the shape {:?} is not a map of channels, rows and columns",
                self.axes.dims()
            ))
        }
    }

    /// Splits each pixel into rows of `channels` channels.
    pub(crate) fn split_pixels(&mut self, graph: &mut Graph, channels: usize) -> Result<(), Reason> {
        let shape = graph.shape(self.value);
        if channels == 0 || !shape.channels.is_multiple_of(channels) {
            return Err(format!("the channels do not divide by {channels}"));
        }
        let axes = self.axes.rows(shape, channels).ok_or("an axis runs over parts of pixels")?;
        self.apply_pending(graph)?;
        self.value = graph.rows(self.value, channels).map_err(|e| e.to_string())?;
        self.axes = axes;
        Ok(())
    }

    /// Makes `axis` run over all channels and nothing else.
    pub(crate) fn channels_along(&mut self, graph: &mut Graph, axis: usize) -> Result<(), Reason> {
        let all = |graph: &Graph, map: &Self| {
            map.axes.get(axis) == whole(Side::Channel, graph.shape(map.value).channels)
        };
        if all(graph, self) {
            return Ok(());
        }
        self.split_pixels(graph, length(self.axes.get(axis)))?;
        if all(graph, self) { Ok(()) } else { Err("the axis is not that of the channels".into()) }
    }
}
