//! The positions of a tract tensor's elements in a feature map.
//!
//! tract's tensors have any number of axes, which its operators move, split and join. A plan only has maps of channels,
//! rows and columns. The axes of a tensor are therefore written as parts of the three sides of a map, and an operator
//! that only moves axes moves no elements.

use passerby_cnn::Shape;

/// A side of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Channel,
    Row,
    Column,
}

/// A part of a side: `len` positions that lie `step` apart. `len` is at least 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) side: Side,
    pub(crate) len: usize,
    pub(crate) step: usize,
}

/// The parts that each axis of a tensor runs over, the slowest first. An axis of length 1 has no parts. Together the
/// axes cover the map once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Axes(Vec<Vec<Part>>);

/// Returns the whole of a side.
pub(crate) fn whole(side: Side, len: usize) -> Vec<Part> {
    if len == 1 { vec![] } else { vec![Part { side, len, step: 1 }] }
}

impl Axes {
    pub(crate) fn new(axes: Vec<Vec<Part>>) -> Self {
        Self(axes)
    }

    /// Returns the axes `[batch, channels, rows, columns]`, with a batch of one.
    pub(crate) fn nchw(shape: Shape) -> Self {
        let [channels, rows, columns] = sides(shape);
        Self(vec![vec![], channels, rows, columns])
    }

    /// Returns the parts of one axis, or an empty list if the axis does not exist.
    pub(crate) fn get(&self, axis: usize) -> &[Part] {
        self.0.get(axis).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn set(&mut self, axis: usize, parts: Vec<Part>) {
        if let Some(place) = self.0.get_mut(axis) {
            *place = parts;
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.0.len()
    }

    /// Returns the shape of the tensor.
    pub(crate) fn dims(&self) -> Vec<usize> {
        self.0.iter().map(|parts| length(parts)).collect()
    }

    /// Returns the axes with axis `from` moved to `to`, or `None` if an axis does not exist.
    pub(crate) fn moved(&self, from: usize, to: usize) -> Option<Self> {
        let mut axes = self.0.clone();
        if from.max(to) >= axes.len() {
            return None;
        }
        let axis = axes.remove(from);
        axes.insert(to, axis);
        Some(Self(axes))
    }

    /// Returns the same elements in the same order as a tensor of the shape `dims`. Returns `None` if an axis would
    /// begin inside a part that cannot be split there.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut parts: Vec<Part> = self.0.concat();
        parts.reverse();
        let axis = |dim: &usize| {
            let mut left = *dim;
            let mut axis = Vec::new();
            while left > 1 {
                let part = parts.pop()?;
                if left.is_multiple_of(part.len) {
                    left /= part.len;
                    axis.push(part);
                } else if part.len.is_multiple_of(left) {
                    let inner = part.len / left;
                    axis.push(Part { len: left, step: part.step * inner, ..part });
                    parts.push(Part { len: inner, ..part });
                    left = 1;
                } else {
                    return None;
                }
            }
            (left == 1).then(|| joined(axis))
        };
        let axes: Vec<Vec<Part>> = dims.iter().map(axis).collect::<Option<_>>()?;
        parts.is_empty().then_some(Self(axes))
    }

    /// Returns all parts, in the order of the tensor's elements.
    pub(crate) fn order(&self) -> Vec<Part> {
        joined(self.0.concat())
    }

    /// Returns these axes after [`passerby_cnn::Graph::rows`] has turned the map of `shape` into one of `channels`
    /// channels. Returns `None` if an axis runs over channels of more than one new pixel.
    pub(crate) fn rows(&self, shape: Shape, channels: usize) -> Option<Self> {
        let each = shape.channels / channels;
        let part = |part: &Part| {
            let row = |step: usize| Part { side: Side::Row, step, ..*part };
            match part.side {
                Side::Row => Some(row(part.step * shape.width * each)),
                Side::Column => Some(row(part.step * each)),
                Side::Channel if part.step.is_multiple_of(channels) => Some(row(part.step / channels)),
                Side::Channel if part.step * part.len <= channels => Some(*part),
                Side::Channel => None,
            }
        };
        let axis = |parts: &Vec<Part>| parts.iter().map(part).collect::<Option<Vec<Part>>>().map(joined);
        self.0.iter().map(axis).collect::<Option<_>>().map(Self)
    }

    /// Returns the common axes of two tensors, in which an axis of length 1 is repeated to match the other. Returns
    /// `None` if other axes differ.
    pub(crate) fn widened(&self, other: &Self) -> Option<Self> {
        let wide = |(a, b): (&Vec<Part>, &Vec<Part>)| {
            if a == b || b.is_empty() { Some(a.clone()) } else { a.is_empty().then(|| b.clone()) }
        };
        let same = self.rank() == other.rank();
        let axes = self.0.iter().zip(&other.0).map(wide).collect::<Option<_>>()?;
        same.then_some(Self(axes))
    }
}

/// Returns the three sides of a map.
pub(crate) fn sides(shape: Shape) -> [Vec<Part>; 3] {
    let Shape { channels, height, width } = shape;
    [whole(Side::Channel, channels), whole(Side::Row, height), whole(Side::Column, width)]
}

/// Returns the number of positions that the parts run over.
pub(crate) fn length(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.len).product()
}

/// Returns the position along the parts of an element of the map.
pub(crate) fn position(parts: &[Part], [c, y, x]: [usize; 3]) -> usize {
    parts.iter().fold(0, |at, part| {
        let place = match part.side {
            Side::Channel => c,
            Side::Row => y,
            Side::Column => x,
        };
        at * part.len + place / part.step % part.len
    })
}

/// Joins parts that continue one another.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match joined.last_mut() {
            Some(last) if last.side == part.side && last.step == part.step * part.len => {
                *last = Part { side: part.side, len: last.len * part.len, step: part.step };
            }
            _ => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(6, 4, 5);

    #[test]
    fn a_detector_lays_its_anchors_one_below_the_other() {
        // [1, 6, 4, 5] to [1, 4, 5, 6] to [1, 40, 3]
        let pixels = Axes::nchw(SHAPE).moved(1, 3).unwrap();
        assert_eq!(pixels.dims(), [1, 4, 5, 6]);
        let anchors = pixels.reshaped(&[1, 40, 3]).unwrap();
        let rows = anchors.rows(SHAPE, 3).unwrap();
        assert_eq!(rows, Axes::new(vec![vec![], whole(Side::Row, 40), whole(Side::Channel, 3)]));
        // [1, 6, 4, 5] to [1, 2, 3, 4, 5] to [1, 4, 5, 2, 3] to [40, 3] has the same result.
        let split = Axes::nchw(SHAPE).reshaped(&[1, 2, 3, 4, 5]).unwrap();
        let moved = split.moved(1, 4).unwrap().moved(1, 4).unwrap();
        assert_eq!(moved.dims(), [1, 4, 5, 2, 3]);
        assert_eq!(moved.reshaped(&[1, 40, 3]).unwrap(), anchors);
    }

    #[test]
    fn what_is_joined_comes_apart_again() {
        let flat = Axes::nchw(SHAPE).reshaped(&[1, 120]).unwrap();
        assert_eq!(flat.order(), sides(SHAPE).concat());
        assert_eq!(flat.reshaped(&[1, 6, 4, 5]).unwrap(), Axes::nchw(SHAPE));
        assert_eq!(flat.reshaped(&[1, 2, 3, 20]).unwrap().reshaped(&[1, 120]).unwrap(), flat);
        assert!(flat.reshaped(&[1, 4, 30]).is_none(), "4 of 6 channels");
        assert!(flat.reshaped(&[1, 60]).is_none() && flat.reshaped(&[2, 120]).is_none());
        assert!(flat.reshaped(&[0]).is_none());
    }

    #[test]
    fn positions_are_those_of_the_tensor() {
        let axes = Axes::nchw(SHAPE)
            .moved(1, 3)
            .unwrap()
            .reshaped(&[80, 3])
            .unwrap_or_else(|| Axes::nchw(SHAPE).moved(1, 3).unwrap().reshaped(&[40, 3]).unwrap());
        assert_eq!(position(axes.get(0), [4, 2, 3]), (2 * 5 + 3) * 2 + 1);
        assert_eq!(position(axes.get(1), [4, 2, 3]), 1);
    }

    #[test]
    fn an_axis_of_one_stands_for_all() {
        let map = Axes::nchw(SHAPE);
        let vector = Axes::nchw(Shape::vector(6));
        assert_eq!(map.widened(&vector), Some(map.clone()));
        assert_eq!(vector.widened(&map), Some(map.clone()));
        assert_eq!(map.widened(&map.moved(1, 3).unwrap()), None);
    }
}
