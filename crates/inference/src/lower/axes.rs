//! Where the numbers of a reader's tensor lie in a map of pixels.
//!
//! The reader knows tensors of any number of axes and moves, splits and joins these freely. A plan knows maps: channels, rows
//! and columns. So the axes of a tensor are written as parts of the three sides of a map, and an operator that only moves
//! axes moves no numbers.

use passerby_cnn::Shape;

/// A side of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Channel,
    Row,
    Column,
}

/// A part of a side: `len` places that lie `step` apart. Never of one place alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) side: Side,
    pub(super) len: usize,
    pub(super) step: usize,
}

/// For each axis of a tensor the parts that it runs over, the slowest first; an axis of length 1 has none. Together they
/// cover the map once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axes(Vec<Vec<Part>>);

/// All of a side.
pub(super) fn whole(side: Side, len: usize) -> Vec<Part> {
    if len == 1 { vec![] } else { vec![Part { side, len, step: 1 }] }
}

impl Axes {
    pub(super) fn new(axes: Vec<Vec<Part>>) -> Self {
        Self(axes)
    }

    /// `[batch, channels, rows, columns]`, with a batch of one.
    pub(super) fn nchw(shape: Shape) -> Self {
        let [channels, rows, columns] = sides(shape);
        Self(vec![vec![], channels, rows, columns])
    }

    /// The parts of one axis; none for an axis that there is not.
    pub(super) fn get(&self, axis: usize) -> &[Part] {
        self.0.get(axis).map_or(&[], Vec::as_slice)
    }

    pub(super) fn set(&mut self, axis: usize, parts: Vec<Part>) {
        if let Some(place) = self.0.get_mut(axis) {
            *place = parts;
        }
    }

    pub(super) fn rank(&self) -> usize {
        self.0.len()
    }

    /// The tensor's shape.
    pub(super) fn dims(&self) -> Vec<usize> {
        self.0.iter().map(|parts| length(parts)).collect()
    }

    /// The axis `from` put where `to` says. `None` where there is no such axis.
    pub(super) fn moved(&self, from: usize, to: usize) -> Option<Self> {
        let mut axes = self.0.clone();
        if from.max(to) >= axes.len() {
            return None;
        }
        let axis = axes.remove(from);
        axes.insert(to, axis);
        Some(Self(axes))
    }

    /// The same numbers in the same order in a tensor of the shape `dims`. `None` where an axis would begin inside a part
    /// that cannot be cut there.
    pub(super) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut parts: Vec<Part> = self.0.concat();
        parts.reverse();
        let axis = |dim: &usize| {
            let (mut left, mut axis) = (*dim, Vec::new());
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

    /// Every part, in the order of the tensor's numbers.
    pub(super) fn order(&self) -> Vec<Part> {
        joined(self.0.concat())
    }

    /// These axes after the map of `shape` has become one of `channels` channels by [`passerby_cnn::Graph::rows`]. `None`
    /// where an axis runs over channels of one pixel and of the next.
    pub(super) fn rows(&self, shape: Shape, channels: usize) -> Option<Self> {
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

    /// Axes of two tensors of which either may have axes of length 1 that stand for the other's. `None` where others differ.
    pub(super) fn widened(&self, other: &Self) -> Option<Self> {
        let wide = |(a, b): (&Vec<Part>, &Vec<Part>)| {
            if a == b || b.is_empty() { Some(a.clone()) } else { a.is_empty().then(|| b.clone()) }
        };
        let same = self.rank() == other.rank();
        let axes = self.0.iter().zip(&other.0).map(wide).collect::<Option<_>>()?;
        same.then_some(Self(axes))
    }
}

/// The three sides of a map.
pub(super) fn sides(shape: Shape) -> [Vec<Part>; 3] {
    let Shape { channels, height, width } = shape;
    [whole(Side::Channel, channels), whole(Side::Row, height), whole(Side::Column, width)]
}

/// How many places the parts run over.
pub(super) fn length(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.len).product()
}

/// Where along the parts a place of the map lies.
pub(super) fn position(parts: &[Part], [c, y, x]: [usize; 3]) -> usize {
    parts.iter().fold(0, |at, part| {
        let place = match part.side {
            Side::Channel => c,
            Side::Row => y,
            Side::Column => x,
        };
        at * part.len + place / part.step % part.len
    })
}

/// Parts that continue one another as one.
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
        // [1, 6, 4, 5] to [1, 2, 3, 4, 5] to [1, 4, 5, 2, 3] to [40, 3]: the same.
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
        let (map, vector) = (Axes::nchw(SHAPE), Axes::nchw(Shape::vector(6)));
        assert_eq!(map.widened(&vector), Some(map.clone()));
        assert_eq!(vector.widened(&map), Some(map.clone()));
        assert_eq!(map.widened(&map.moved(1, 3).unwrap()), None);
    }
}
