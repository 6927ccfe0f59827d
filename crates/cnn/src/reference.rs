//! The definition of each operator, written as plainly as possible. Tests compare plans with it.

use crate::graph::{Graph, Op, Value};
use crate::op::{
    Binary, Conv, CoordinateMode, Interpolation, Pads, Pooling, Shape, TensorLayout, Unary, Window,
    of_channel,
};

/// A value in NCHW order.
struct Map<'a> {
    shape: Shape,
    data: &'a [f32],
}

impl Map<'_> {
    fn at(&self, c: usize, y: usize, x: usize) -> f32 {
        self.data[(c * self.shape.height + y) * self.shape.width + x]
    }

    /// Returns the element that a tap of a window sees, or `None` beyond the map.
    fn tap(&self, c: usize, at: (usize, usize), window: &Window, tap: (usize, usize)) -> Option<f32> {
        let y = (at.0 * window.stride.0 + tap.0 * window.dilation.0).checked_sub(window.pads.top)?;
        let x = (at.1 * window.stride.1 + tap.1 * window.dilation.1).checked_sub(window.pads.left)?;
        (y < self.shape.height && x < self.shape.width).then(|| self.at(c, y, x))
    }

    /// Returns the element of a value that is repeated over its only pixel or its only channel.
    fn wide(&self, c: usize, y: usize, x: usize) -> f32 {
        let one = self.shape.pixels() == 1;
        let c = if self.shape.channels == 1 { 0 } else { c };
        if one { self.at(c, 0, 0) } else { self.at(c, y, x) }
    }
}

impl Graph {
    /// Computes the outputs for one item without a plan, element by element. This is the definition of the outputs of a
    /// [`PlanSession`](crate::PlanSession), and hundreds of times slower.
    ///
    /// # Panics
    /// Panics if `input` does not have the length of the input's shape.
    #[must_use]
    pub fn evaluate(&self, input: &[f32]) -> Vec<Vec<f32>> {
        let values = self.values(input);
        let arrange = |(value, layout): &(Value, TensorLayout)| match layout {
            TensorLayout::Nchw => values[value.0].clone(),
            TensorLayout::Nhwc => interleaved(self.shape(*value), &values[value.0]),
        };
        self.outputs.iter().map(arrange).collect()
    }

    /// Returns every value of the graph for one item, in NCHW order.
    pub(crate) fn values(&self, input: &[f32]) -> Vec<Vec<f32>> {
        assert_eq!(input.len(), self.input_shape().len(), "the input");
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let maps: Vec<Map<'_>> =
                node.inputs.iter().map(|v| Map { shape: self.shape(*v), data: &values[v.0] }).collect();
            let value = match &node.op {
                Op::Input => input.to_vec(),
                op => apply(op, &maps, node.shape),
            };
            values.push(value);
        }
        values
    }
}

/// Returns a value for each element of the shape, in NCHW order.
fn each(shape: Shape, f: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let f = &f;
    let rows = |c| (0..shape.height).flat_map(move |y| (0..shape.width).map(move |x| f(c, y, x)));
    (0..shape.channels).flat_map(rows).collect()
}

/// Returns the elements in NHWC order.
fn interleaved(shape: Shape, data: &[f32]) -> Vec<f32> {
    let map = Map { shape, data };
    let pixels = (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (y, x)));
    pixels
        .flat_map(|(y, x)| (0..shape.channels).map(move |c| (c, y, x)))
        .map(|(c, y, x)| map.at(c, y, x))
        .collect()
}

fn apply(op: &Op, maps: &[Map<'_>], shape: Shape) -> Vec<f32> {
    let first = maps.first();
    let Some(map) = first else { return Vec::new() };
    match op {
        Op::Input => map.data.to_vec(),
        Op::Conv(conv) => each(shape, |c, y, x| conv_at(map, conv, c, y, x)),
        Op::ConvTranspose(conv) => each(shape, |c, y, x| conv_transpose_at(map, conv, c, y, x)),
        Op::Unary(function) => each(shape, |c, y, x| unary(function, c, map.at(c, y, x))),
        Op::Binary(function) => {
            each(shape, |c, y, x| binary(*function, map.wide(c, y, x), maps[1].wide(c, y, x)))
        }
        Op::Pool(pool, window) => each(shape, |c, y, x| pool_at(map, *pool, window, c, (y, x))),
        Op::Mean => {
            let plane = map.shape.pixels();
            map.data.chunks_exact(plane).map(|plane| plane.iter().sum::<f32>() / plane.len() as f32).collect()
        }
        Op::Sum => each(shape, |_, y, x| (0..map.shape.channels).map(|c| map.at(c, y, x)).sum()),
        Op::Softmax => {
            let channels = || 0..shape.channels;
            each(shape, |c, y, x| {
                let top = channels().map(|c| map.at(c, y, x)).fold(f32::NEG_INFINITY, f32::max);
                let total: f32 = channels().map(|c| (map.at(c, y, x) - top).exp()).sum();
                (map.at(c, y, x) - top).exp() / total
            })
        }
        Op::Concat => maps.iter().flat_map(|map| map.data).copied().collect(),
        Op::SliceChannels(first) => each(shape, |c, y, x| map.at(first + c, y, x)),
        Op::Stack => {
            let mut rows = Vec::with_capacity(shape.len());
            for c in 0..shape.channels {
                for map in maps {
                    rows.extend_from_slice(&map.data[c * map.shape.pixels()..][..map.shape.pixels()]);
                }
            }
            rows
        }
        Op::Resize(interpolation, coordinates) => each(shape, |c, y, x| {
            let y = position(*coordinates, y, shape.height, map.shape.height);
            let x = position(*coordinates, x, shape.width, map.shape.width);
            resized(map, *interpolation, c, y, x)
        }),
        Op::Pad { pads, value, .. } => each(shape, |c, y, x| padded(map, pads, *value, c, y, x)),
        Op::Rows => {
            let flat = interleaved(map.shape, map.data);
            each(shape, |c, y, _| flat[y * shape.channels + c])
        }
    }
}

fn conv_at(map: &Map<'_>, conv: &Conv, c: usize, y: usize, x: usize) -> f32 {
    let (rows, columns) = conv.window.kernel;
    let per_group = map.shape.channels / conv.groups;
    let group = c / (conv.channels / conv.groups);
    let mut sum = conv.bias.get(c).copied().unwrap_or(0.0);
    for i in 0..per_group {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let value = map.tap(group * per_group + i, (y, x), &conv.window, (row, column));
            let weight = conv.weights[((c * per_group + i) * rows + row) * columns + column];
            sum += value.unwrap_or(0.0) * weight;
        }
    }
    sum
}

fn conv_transpose_at(map: &Map<'_>, conv: &Conv, c: usize, y: usize, x: usize) -> f32 {
    let (rows, columns) = conv.window.kernel;
    let mut sum = conv.bias.get(c).copied().unwrap_or(0.0);
    // Returns the input position whose tap `tap` falls on output position `at`, if there is one.
    let source = |at: usize, tap: usize, dilation: usize, stride: usize, pad: usize, len: usize| {
        let from = (at + pad).checked_sub(tap * dilation)?;
        (from.is_multiple_of(stride) && from / stride < len).then_some(from / stride)
    };
    let Window { stride, dilation, pads, .. } = conv.window;
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let from_y = source(y, row, dilation.0, stride.0, pads.top, map.shape.height);
        let from_x = source(x, column, dilation.1, stride.1, pads.left, map.shape.width);
        let (Some(from_y), Some(from_x)) = (from_y, from_x) else { continue };
        for i in 0..map.shape.channels {
            let weight = conv.weights[((i * conv.channels + c) * rows + row) * columns + column];
            sum += map.at(i, from_y, from_x) * weight;
        }
    }
    sum
}

/// Returns the larger of a bound and a value. NaN stays NaN.
pub(crate) fn at_least(low: f32, x: f32) -> f32 {
    if low > x { low } else { x }
}

/// Returns the smaller of a bound and a value. NaN stays NaN.
fn at_most(high: f32, x: f32) -> f32 {
    if high < x { high } else { x }
}

/// Applies a function to one value.
pub(crate) fn unary(function: &Unary, c: usize, x: f32) -> f32 {
    let of = |list: &[f32]| of_channel(list, c);
    match function {
        Unary::Relu => at_least(0.0, x),
        Unary::Clip(low, high) => at_most(*high, at_least(*low, x)),
        Unary::Leaky(slope) => at_least(0.0, x) + slope * at_most(0.0, x),
        Unary::Prelu(slopes) => at_least(0.0, x) + of(slopes) * at_most(0.0, x),
        Unary::Affine { scale, shift } => x * of(scale) + of(shift),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Exp => x.exp(),
        Unary::Tanh => x.tanh(),
        Unary::Square => x * x,
        Unary::Sqrt => x.sqrt(),
        Unary::Recip => 1.0 / x,
    }
}

/// Applies a function to two values.
pub(crate) fn binary(function: Binary, a: f32, b: f32) -> f32 {
    match function {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
    }
}

fn pool_at(map: &Map<'_>, pool: Pooling, window: &Window, c: usize, at: (usize, usize)) -> f32 {
    let (rows, columns) = window.kernel;
    let taps = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let seen: Vec<f32> = taps.filter_map(|tap| map.tap(c, at, window, tap)).collect();
    let count = match pool {
        Pooling::Max => return seen.into_iter().fold(f32::NEG_INFINITY, f32::max),
        Pooling::Average => seen.len(),
        Pooling::AverageIncludingPads => rows * columns,
    };
    seen.iter().sum::<f32>() / count as f32
}

/// Returns the position of pixel `i` of `n` among `m` pixels.
pub(crate) fn position(coordinates: CoordinateMode, i: usize, n: usize, m: usize) -> f32 {
    let i = i as f32;
    let n = n as f32;
    let m = m as f32;
    match coordinates {
        CoordinateMode::Asymmetric => i * m / n,
        CoordinateMode::HalfPixel => (i + 0.5) * m / n - 0.5,
        CoordinateMode::AlignCorners if n > 1.0 => i * (m - 1.0) / (n - 1.0),
        CoordinateMode::AlignCorners => 0.0,
    }
}

fn resized(map: &Map<'_>, interpolation: Interpolation, c: usize, y: f32, x: f32) -> f32 {
    let last_y = map.shape.height - 1;
    let last_x = map.shape.width - 1;
    let y = y.clamp(0.0, last_y as f32);
    let x = x.clamp(0.0, last_x as f32);
    let top = y as usize;
    let left = x as usize;
    if interpolation == Interpolation::Nearest {
        return map.at(c, top, left);
    }
    let below = (top + 1).min(last_y);
    let right = (left + 1).min(last_x);
    let dy = y - top as f32;
    let dx = x - left as f32;
    let upper = map.at(c, top, left) * (1.0 - dx) + map.at(c, top, right) * dx;
    let lower = map.at(c, below, left) * (1.0 - dx) + map.at(c, below, right) * dx;
    upper * (1.0 - dy) + lower * dy
}

fn padded(map: &Map<'_>, pads: &Pads, value: f32, c: usize, y: usize, x: usize) -> f32 {
    match (y.checked_sub(pads.top), x.checked_sub(pads.left)) {
        (Some(y), Some(x)) if c < map.shape.channels && y < map.shape.height && x < map.shape.width => {
            map.at(c, y, x)
        }
        _ => value,
    }
}
