//! A value of the graph seen as a tensor of the reader's.

use passerby_cnn::{Graph, Unary, Value};
use tract_onnx::tract_core::internal::Tensor;

use super::axes::{Axes, Side, length, position, whole};
use super::{What, floats};

/// A value of the graph, what is still to be done to its numbers, and the tensor's axes in it.
#[derive(Clone)]
pub(super) struct Map {
    pub(super) value: Value,
    pub(super) pending: Pending,
    pub(super) axes: Axes,
}

/// A function of a value that no operator of the graph computes yet: the next ones may be part of it, and what nobody reads
/// is never computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pending {
    Nothing,
    /// One number for all channels or one for each.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Clip(f32, f32),
}

impl Map {
    pub(super) fn new(value: Value, axes: Axes) -> Self {
        Self { value, pending: Pending::Nothing, axes }
    }

    /// Adds what is pending to the graph. Gives the value that then has these numbers.
    pub(super) fn settle(&mut self, graph: &mut Graph) -> Result<Value, What> {
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

    /// `scale * x + shift`, for all channels or for each.
    pub(super) fn affine(mut self, graph: &mut Graph, scale: &[f32], shift: &[f32]) -> Result<Self, What> {
        let (before, offset) = match &self.pending {
            Pending::Affine { scale, shift } => (scale.clone(), shift.clone()),
            _ => {
                self.settle(graph)?;
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

    /// The number within these bounds.
    pub(super) fn clip(mut self, graph: &mut Graph, low: f32, high: f32) -> Result<Self, What> {
        if low.is_nan() || high.is_nan() {
            return Err("bounds that are no numbers".into());
        }
        let (before, after) = match self.pending {
            Pending::Clip(before, after) => (before, after),
            _ => {
                self.settle(graph)?;
                (f32::NEG_INFINITY, f32::INFINITY)
            }
        };
        self.pending = Pending::Clip(before.max(low).min(high), after.max(low).min(high));
        Ok(self)
    }

    /// A function of each number.
    pub(super) fn unary(mut self, graph: &mut Graph, unary: Unary) -> Result<Self, What> {
        self.settle(graph)?;
        self.value = graph.unary(self.value, unary).map_err(|e| e.to_string())?;
        Ok(self)
    }

    /// The numbers of a constant that is to meet this map: one for all, or one for each channel.
    pub(super) fn per_channel(&self, graph: &Graph, tensor: &Tensor) -> Result<Vec<f32>, What> {
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
            return Err(format!("a constant of {dims:?} that is not one number a channel"));
        }
        let place = |c: usize| {
            dims.iter().enumerate().fold(0, |at, (axis, dim)| match dim {
                1 => at,
                dim => at * dim + position(self.axes.get(axis), [c, 0, 0]),
            })
        };
        Ok((0..graph.shape(self.value).channels).map(|c| numbers[place(c)]).collect())
    }

    /// Settles, and gives the value where the axes are `[1, channels, rows, columns]`.
    pub(super) fn picture(&mut self, graph: &mut Graph) -> Result<Value, What> {
        let value = self.settle(graph)?;
        if self.axes == Axes::nchw(graph.shape(value)) {
            Ok(value)
        } else {
            Err(format!("a tensor of {:?} that is no map of channels, rows and columns", self.axes.dims()))
        }
    }

    /// Makes of each pixel as many rows as it has times `channels` channels.
    pub(super) fn split_pixels(&mut self, graph: &mut Graph, channels: usize) -> Result<(), What> {
        let shape = graph.shape(self.value);
        if channels == 0 || !shape.channels.is_multiple_of(channels) {
            return Err(format!("channels that do not divide by {channels}"));
        }
        let axes = self.axes.rows(shape, channels).ok_or("an axis over parts of pixels")?;
        self.settle(graph)?;
        self.value = graph.rows(self.value, channels).map_err(|e| e.to_string())?;
        self.axes = axes;
        Ok(())
    }

    /// Makes `axis` run over all channels and nothing else.
    pub(super) fn channels_along(&mut self, graph: &mut Graph, axis: usize) -> Result<(), What> {
        let all = |graph: &Graph, map: &Self| {
            map.axes.get(axis) == whole(Side::Channel, graph.shape(map.value).channels)
        };
        if all(graph, self) {
            return Ok(());
        }
        self.split_pixels(graph, length(self.axes.get(axis)))?;
        if all(graph, self) { Ok(()) } else { Err("an axis that is not that of the channels".into()) }
    }
}
