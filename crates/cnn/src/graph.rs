//! The builder of a network.

use std::ops::Range;

use crate::error::GraphError;
use crate::op::{
    Binary, Conv, CoordinateMode, Interpolation, Pads, Pooling, Shape, TensorLayout, Unary, Window,
};

/// A handle to a value of a graph: its input, or the result of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(crate) usize);

/// A network with one input: a list of operators in the order in which they were added. All shapes are those of one
/// item. Each method checks the shapes as it adds an operator, so a finished graph that has an output can be planned.
///
/// ```
/// use passerby_cnn::{Conv, Graph, Isa, Plan, Shape, TensorLayout, Unary, Window};
///
/// // Sums three channels in a window of 3 x 3, then replaces negative sums by 0.
/// let (mut graph, input) = Graph::new(Shape::new(3, 8, 8))?;
/// let conv = Conv {
///     channels: 1,
///     groups: 1,
///     window: Window::square(3, 1, 1),
///     weights: vec![1.0; 3 * 3 * 3],
///     bias: vec![],
/// };
/// let sums = graph.conv(input, conv)?;
/// let positive = graph.unary(sums, Unary::Relu)?;
/// graph.output(positive, TensorLayout::Nchw);
///
/// let plan = Plan::new(&graph, Isa::preferred())?;
/// let mut session = plan.session();
/// session.input().fill(1.0);
/// session.run();
/// assert_eq!(session.output(0)[..2], [12.0, 18.0]); // a corner sees 2 x 2 pixels, its neighbour 2 x 3
/// # Ok::<(), passerby_cnn::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: Vec<(Value, TensorLayout)>,
}

/// An operator, the values it reads and the shape of its result.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Value>,
    pub(crate) shape: Shape,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Input,
    Conv(Conv),
    ConvTranspose(Conv),
    Unary(Unary),
    Binary(Binary),
    Pool(Pooling, Window),
    /// The mean of each channel.
    Mean,
    /// The sum of each pixel's channels.
    Sum,
    Softmax,
    /// Joins maps along the channels.
    Concat,
    /// Joins maps along the rows.
    Stack,
    /// Some channels of a map, from this one on.
    SliceChannels(usize),
    Resize(Interpolation, CoordinateMode),
    Pad {
        pads: Pads,
        channels: usize,
        value: f32,
    },
    /// The same elements in NHWC order, as rows of one pixel.
    Rows,
}

/// The largest number of elements of a value. A larger value is a mistake that would only exhaust memory.
const MAX_ELEMENTS: usize = 1 << 31;

/// The largest number of rows or columns of a window or pad. It exceeds every practical size, and sums of such numbers
/// do not overflow.
const MAX_WINDOW_SIDE: usize = 1 << 20;

/// The largest number of rows or columns that may be added on one side of a map with fewer rows or columns than this. A
/// larger map may be padded by its own size.
const MAX_PAD_OF_SMALL_MAP: usize = 256;

impl Graph {
    /// Creates a graph that only has an input, and returns it with that input. Items are passed in NCHW order.
    ///
    /// # Errors
    /// Returns [`GraphError::Setting`] if a side of the input is 0 or if the input has more than 2^31 elements.
    pub fn new(input: Shape) -> Result<(Self, Value), GraphError> {
        let mut graph = Self { nodes: Vec::new(), outputs: Vec::new() };
        let value = graph.add("input", Op::Input, vec![], input)?;
        Ok((graph, value))
    }

    /// Returns the shape of a value.
    ///
    /// # Panics
    /// Panics if the value belongs to another graph that has more operators.
    #[must_use]
    #[track_caller]
    pub fn shape(&self, value: Value) -> Shape {
        assert!(value.0 < self.nodes.len(), "a value of another graph");
        self.nodes[value.0].shape
    }

    /// Returns the shape of the input.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// Makes `value` an output of the network, with its elements in this order. Outputs are numbered from 0 in the
    /// order of these calls.
    ///
    /// # Panics
    /// Panics if the value belongs to another graph that has more operators.
    #[track_caller]
    pub fn output(&mut self, value: Value, layout: TensorLayout) {
        assert!(value.0 < self.nodes.len(), "a value of another graph");
        self.outputs.push((value, layout));
    }

    /// Returns the outputs in their order.
    pub fn outputs(&self) -> impl Iterator<Item = (Value, TensorLayout)> {
        self.outputs.iter().copied()
    }

    /// Adds a convolution and returns its result. The order of the weights is that of ONNX's `Conv`: output channel,
    /// input channel within its group, row, column.
    ///
    /// # Errors
    /// Returns a [`GraphError`] if the channels do not divide by the groups, if a list has the wrong length, or if the
    /// window does not fit into the padded map.
    pub fn conv(&mut self, x: Value, conv: Conv) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        let per_group = check_conv("conv", shape, &conv)?;
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        let weights = conv.channels.saturating_mul(per_group).saturating_mul(taps);
        check_length("conv", "weights", weights, conv.weights.len())?;
        let (height, width) = window_positions("conv", shape, &conv.window)?;
        let shape = Shape::new(conv.channels, height, width);
        self.add("conv", Op::Conv(conv), vec![x], shape)
    }

    /// Adds a transposed convolution and returns its result. Each input pixel adds its window to the output, the
    /// windows lie one stride apart, and the pads are cut off the result. The order of the weights is that of ONNX's
    /// `ConvTranspose`: input channel, output channel within its group, row, column. `extra` rows and columns are added
    /// below and to the right (`output_padding` in ONNX).
    ///
    /// # Errors
    /// Returns the errors of [`Graph::conv`], and [`GraphError::Setting`] if there is more than one group.
    pub fn conv_transpose(
        &mut self,
        x: Value,
        conv: Conv,
        extra: (usize, usize),
    ) -> Result<Value, GraphError> {
        const OP: &str = "conv_transpose";
        let shape = self.shape(x);
        check_conv(OP, shape, &conv)?;
        if conv.groups != 1 || extra.0.max(extra.1) > MAX_WINDOW_SIDE {
            let reason =
                format!("{} groups and {extra:?} extra, but only one group is supported", conv.groups);
            return Err(GraphError::Setting { op: OP, reason });
        }
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        let weights = shape.channels.saturating_mul(conv.channels).saturating_mul(taps);
        check_length(OP, "weights", weights, conv.weights.len())?;
        let reach = conv.window.reach();
        let Window { stride, pads, .. } = conv.window;
        let side = |n: usize, stride: usize, reach: usize, extra: usize, cut: usize| {
            ((n - 1) * stride + reach + extra).checked_sub(cut).filter(|side| *side > 0)
        };
        let height = side(shape.height, stride.0, reach.0, extra.0, pads.top + pads.bottom);
        let width = side(shape.width, stride.1, reach.1, extra.1, pads.left + pads.right);
        let (Some(height), Some(width)) = (height, width) else {
            let expected = "pads that are smaller than the output".into();
            return Err(GraphError::Shape { op: OP, expected, given: vec![shape] });
        };
        let shape = Shape::new(conv.channels, height, width);
        self.add(OP, Op::ConvTranspose(conv), vec![x], shape)
    }

    /// Adds a fully connected layer and returns its result, a vector. It is a convolution whose window is the whole
    /// map. The order of the weights is output channel, input channel, row, column. `bias` must have one value for each
    /// output channel.
    ///
    /// # Errors
    /// Returns [`GraphError::Length`] if the number of weights is not the product of the bias and the map.
    pub fn dense(&mut self, x: Value, weights: Vec<f32>, bias: Vec<f32>) -> Result<Value, GraphError> {
        let Shape { height, width, .. } = self.shape(x);
        let window = Window { kernel: (height, width), stride: (1, 1), dilation: (1, 1), pads: Pads::NONE };
        self.conv(x, Conv { channels: bias.len(), groups: 1, window, weights, bias })
    }

    /// Adds a function of each element and returns its result.
    ///
    /// # Errors
    /// Returns [`GraphError::Length`] if a list has neither one value for each channel nor, if the function allows it,
    /// one value. Returns [`GraphError::Setting`] if the bounds of [`Unary::Clip`] are reversed or NaN.
    pub fn unary(&mut self, x: Value, unary: Unary) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        match &unary {
            Unary::Prelu(slopes) => check_length("prelu", "slopes", shape.channels, slopes.len())?,
            Unary::Affine { scale, shift } => {
                let expected = if scale.len() == 1 { 1 } else { shape.channels };
                check_length("affine", "scale", expected, scale.len())?;
                check_length("affine", "shift", expected, shift.len())?;
            }
            Unary::Clip(low, high) if low.partial_cmp(high).is_none_or(std::cmp::Ordering::is_gt) => {
                let reason = format!("invalid bounds {low} and {high}");
                return Err(GraphError::Setting { op: "clip", reason });
            }
            _ => {}
        }
        self.add("unary", Op::Unary(unary), vec![x], shape)
    }

    /// Adds a function of two values of the same shape and returns its result. A value with one pixel is repeated for
    /// each pixel of the other, and a value with one channel is repeated for each channel of the other.
    ///
    /// # Errors
    /// Returns [`GraphError::Shape`] for other shapes.
    pub fn binary(&mut self, binary: Binary, a: Value, b: Value) -> Result<Value, GraphError> {
        let left = self.shape(a);
        let right = self.shape(b);
        let wide = |a: usize, b: usize| if a == b || b == 1 { Some(a) } else { (a == 1).then_some(b) };
        let shape = (wide(left.channels, right.channels), left.pixels() == 1, right.pixels() == 1);
        let pixels = match shape {
            (Some(channels), false, true) => Some((channels, left)),
            (Some(channels), true, false) => Some((channels, right)),
            (Some(channels), ..) if (left.height, left.width) == (right.height, right.width) => {
                Some((channels, left))
            }
            _ => None,
        };
        let Some((channels, map)) = pixels else {
            let expected = "two values of one shape, or one of them with one pixel or channel".into();
            return Err(GraphError::Shape { op: "binary", expected, given: vec![left, right] });
        };
        let shape = Shape::new(channels, map.height, map.width);
        self.add("binary", Op::Binary(binary), vec![a, b], shape)
    }

    /// Adds the maximum or mean of each channel in a sliding window and returns its result.
    ///
    /// # Errors
    /// Returns a [`GraphError`] if the window does not fit into the padded map, or if a pad is as large as the window,
    /// so that some windows would be empty.
    pub fn pool(&mut self, x: Value, pooling: Pooling, window: Window) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        let (height, width) = window_positions("pool", shape, &window)?;
        let reach = window.reach();
        let pads = window.pads;
        if pads.top.max(pads.bottom) >= reach.0 || pads.left.max(pads.right) >= reach.1 {
            let reason = "a pad must be smaller than the window".into();
            return Err(GraphError::Setting { op: "pool", reason });
        }
        let shape = Shape::new(shape.channels, height, width);
        self.add("pool", Op::Pool(pooling, window), vec![x], shape)
    }

    /// Adds the mean of each channel over all pixels and returns it, a vector.
    ///
    /// # Errors
    /// Never fails today.
    pub fn mean(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = Shape::vector(self.shape(x).channels);
        self.add("mean", Op::Mean, vec![x], shape)
    }

    /// Adds the sum of each pixel's channels and returns it, a map of one channel.
    ///
    /// # Errors
    /// Never fails today.
    pub fn sum(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = Shape { channels: 1, ..self.shape(x) };
        self.add("sum", Op::Sum, vec![x], shape)
    }

    /// Adds the softmax over each pixel's channels and returns its result.
    ///
    /// # Errors
    /// Never fails today.
    pub fn softmax(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        self.add("softmax", Op::Softmax, vec![x], shape)
    }

    /// Joins maps of the same height and width along their channels and returns the result.
    ///
    /// # Errors
    /// Returns [`GraphError::Shape`] if the list is empty or the sizes differ.
    pub fn concat(&mut self, xs: &[Value]) -> Result<Value, GraphError> {
        let shapes: Vec<Shape> = xs.iter().map(|x| self.shape(*x)).collect();
        let same = |s: &Shape| (s.height, s.width) == (shapes[0].height, shapes[0].width);
        if shapes.is_empty() || !shapes.iter().all(same) {
            let expected = "maps of one size".into();
            return Err(GraphError::Shape { op: "concat", expected, given: shapes });
        }
        let channels = shapes.iter().map(|s| s.channels).sum();
        let shape = Shape { channels, ..shapes[0] };
        self.add("concat", Op::Concat, xs.to_vec(), shape)
    }

    /// Takes these channels of a map and returns them as a map of their own.
    ///
    /// # Errors
    /// Returns [`GraphError::Setting`] if the range is empty or the map has fewer channels.
    pub fn slice_channels(&mut self, x: Value, channels: Range<usize>) -> Result<Value, GraphError> {
        let from = self.shape(x);
        if channels.is_empty() || channels.end > from.channels {
            let reason = format!("no channels {channels:?} of {}", from.channels);
            return Err(GraphError::Setting { op: "slice_channels", reason });
        }
        let shape = Shape { channels: channels.len(), ..from };
        self.add("slice_channels", Op::SliceChannels(channels.start), vec![x], shape)
    }

    /// Joins maps of the same width and the same number of channels along their rows and returns the result.
    ///
    /// # Errors
    /// Returns [`GraphError::Shape`] if the list is empty or the widths or channels differ.
    pub fn stack(&mut self, xs: &[Value]) -> Result<Value, GraphError> {
        let shapes: Vec<Shape> = xs.iter().map(|x| self.shape(*x)).collect();
        let same = |s: &Shape| (s.channels, s.width) == (shapes[0].channels, shapes[0].width);
        if shapes.is_empty() || !shapes.iter().all(same) {
            let expected = "maps of one width and one number of channels".into();
            return Err(GraphError::Shape { op: "stack", expected, given: shapes });
        }
        let height = shapes.iter().map(|s| s.height).sum();
        let shape = Shape { height, ..shapes[0] };
        self.add("stack", Op::Stack, xs.to_vec(), shape)
    }

    /// Adds a change of the map's size and returns the result.
    ///
    /// # Errors
    /// Returns [`GraphError::Setting`] if a side is 0.
    pub fn resize(
        &mut self,
        x: Value,
        (height, width): (usize, usize),
        interpolation: Interpolation,
        coordinates: CoordinateMode,
    ) -> Result<Value, GraphError> {
        let shape = Shape { height, width, ..self.shape(x) };
        self.add("resize", Op::Resize(interpolation, coordinates), vec![x], shape)
    }

    /// Adds rows and columns of `value` around the map, and `channels` channels of `value` after the last one. Returns
    /// the larger map.
    ///
    /// # Errors
    /// Returns [`GraphError::Setting`] if the result would be too large.
    pub fn pad(&mut self, x: Value, pads: Pads, channels: usize, value: f32) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        check_pads("pad", shape, &pads)?;
        if channels > MAX_WINDOW_SIDE {
            let reason = format!("cannot add {channels} channels");
            return Err(GraphError::Setting { op: "pad", reason });
        }
        let shape = Shape {
            channels: shape.channels + channels,
            height: shape.height + pads.top + pads.bottom,
            width: shape.width + pads.left + pads.right,
        };
        self.add("pad", Op::Pad { pads, channels, value }, vec![x], shape)
    }

    /// Takes the same elements in NHWC order as a column of pixels of `channels` elements each, and returns the result.
    /// Detectors use this to lay out the anchors of a pixel one below the other.
    ///
    /// # Errors
    /// Returns [`GraphError::Shape`] if the number of elements does not divide by `channels`.
    pub fn rows(&mut self, x: Value, channels: usize) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        if channels == 0 || !shape.len().is_multiple_of(channels) {
            let expected = format!("a number of elements that divides by {channels}");
            return Err(GraphError::Shape { op: "rows", expected, given: vec![shape] });
        }
        let shape = Shape::new(channels, shape.len() / channels, 1);
        self.add("rows", Op::Rows, vec![x], shape)
    }

    fn add(
        &mut self,
        op: &'static str,
        kind: Op,
        inputs: Vec<Value>,
        shape: Shape,
    ) -> Result<Value, GraphError> {
        let sides = [shape.channels, shape.height, shape.width];
        let len = sides.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
        if len.is_none_or(|len| len == 0 || len > MAX_ELEMENTS) {
            let reason = format!("the result would have the shape {shape}");
            return Err(GraphError::Setting { op, reason });
        }
        self.nodes.push(Node { op: kind, inputs, shape });
        Ok(Value(self.nodes.len() - 1))
    }
}

/// Checks the conditions that convolutions and transposed ones share. Returns the input channels of a group.
fn check_conv(op: &'static str, shape: Shape, conv: &Conv) -> Result<usize, GraphError> {
    if conv.groups == 0
        || !shape.channels.is_multiple_of(conv.groups)
        || !conv.channels.is_multiple_of(conv.groups)
    {
        let expected =
            format!("channels that divide into {} groups, for {} outputs", conv.groups, conv.channels);
        return Err(GraphError::Shape { op, expected, given: vec![shape] });
    }
    if !conv.bias.is_empty() {
        check_length(op, "bias", conv.channels, conv.bias.len())?;
    }
    check_window(op, shape, &conv.window)?;
    Ok(shape.channels / conv.groups)
}

fn check_window(op: &'static str, shape: Shape, window: &Window) -> Result<(), GraphError> {
    let sides = [window.kernel, window.stride, window.dilation];
    if sides.iter().any(|(rows, columns)| *rows == 0 || *columns == 0) {
        let reason = format!("a side, stride or dilation of the window is 0: {window:?}");
        return Err(GraphError::Setting { op, reason });
    }
    if sides.iter().any(|(rows, columns)| *rows.max(columns) > MAX_WINDOW_SIDE) {
        return Err(GraphError::Setting { op, reason: format!("the window is too large: {window:?}") });
    }
    check_pads(op, shape, &window.pads)
}

fn check_pads(op: &'static str, shape: Shape, pads: &Pads) -> Result<(), GraphError> {
    let rows = shape.height.max(MAX_PAD_OF_SMALL_MAP);
    let columns = shape.width.max(MAX_PAD_OF_SMALL_MAP);
    if pads.top.max(pads.bottom) > rows || pads.left.max(pads.right) > columns {
        let reason = format!("the pads are too large for {shape}: {pads:?}");
        return Err(GraphError::Setting { op, reason });
    }
    Ok(())
}

/// Returns the number of rows and columns of positions that a window has on a map.
fn window_positions(op: &'static str, shape: Shape, window: &Window) -> Result<(usize, usize), GraphError> {
    check_window(op, shape, window)?;
    let reach = window.reach();
    let pads = window.pads;
    let height = (shape.height + pads.top + pads.bottom).checked_sub(reach.0);
    let width = (shape.width + pads.left + pads.right).checked_sub(reach.1);
    match (height, width) {
        (Some(height), Some(width)) => Ok((height / window.stride.0 + 1, width / window.stride.1 + 1)),
        _ => {
            let expected = format!("a map that a window of {}x{} fits into", reach.0, reach.1);
            Err(GraphError::Shape { op, expected, given: vec![shape] })
        }
    }
}

fn check_length(
    op: &'static str,
    list: &'static str,
    expected: usize,
    given: usize,
) -> Result<(), GraphError> {
    if expected == given { Ok(()) } else { Err(GraphError::Length { op, list, expected, given }) }
}
