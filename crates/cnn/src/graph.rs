//! A network as its user describes it.

use crate::GraphError;
use crate::op::{Binary, Conv, Coordinates, Interpolation, Order, Pads, Pool, Shape, Unary, Window};

/// A value of a graph: the input, or what an operator gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(crate) usize);

/// A network of one input: operators in the order in which they are added. Shapes are those of one item, and are checked
/// as operators are added, so that a finished graph with an output makes a plan.
///
/// ```
/// use passerby_cnn::{Conv, Graph, Isa, Order, Plan, Shape, Unary, Window};
///
/// // The sum of three channels in a window of 3 x 3, where it is positive.
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
/// graph.output(positive, Order::Planar);
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
    pub(crate) outputs: Vec<(Value, Order)>,
}

/// One operator, the values it reads and the shape of what it gives.
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
    Deconv(Conv),
    Unary(Unary),
    Binary(Binary),
    Pool(Pool, Window),
    /// The mean of each channel.
    Mean,
    /// The sum of each pixel's channels.
    Sum,
    Softmax,
    /// By channels.
    Concat,
    /// One map below the other.
    Stack,
    Resize(Interpolation, Coordinates),
    Pad {
        pads: Pads,
        channels: usize,
        value: f32,
    },
    /// The same numbers, pixel by pixel, in rows of one pixel.
    Rows,
}

/// Numbers a value may have: beyond it a graph is a mistake that would only exhaust memory.
const LARGEST: usize = 1 << 31;

/// Rows or columns a window or pad may have: far beyond any use, and small enough that no sum of them overflows.
const FARTHEST: usize = 1 << 20;

/// Rows or columns that may be added on any side of a map, or as many as the map has where it is larger: more are all work and
/// no picture.
const WIDEST: usize = 256;

impl Graph {
    /// A graph of an input alone, and that input. Items are given channel by channel.
    ///
    /// # Errors
    /// [`GraphError::Setting`] for an input with a side of 0 or more than 2^31 numbers.
    pub fn new(input: Shape) -> Result<(Self, Value), GraphError> {
        let mut graph = Self { nodes: Vec::new(), outputs: Vec::new() };
        let value = graph.add("input", Op::Input, vec![], input)?;
        Ok((graph, value))
    }

    /// The shape of a value.
    ///
    /// # Panics
    /// If the value is of another graph with more operators.
    #[must_use]
    #[track_caller]
    pub fn shape(&self, value: Value) -> Shape {
        assert!(value.0 < self.nodes.len(), "a value of another graph");
        self.nodes[value.0].shape
    }

    /// The shape of the input.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// Adds `value` to what a run gives; outputs are counted from 0 in the order of these calls.
    ///
    /// # Panics
    /// As [`Graph::shape`].
    #[track_caller]
    pub fn output(&mut self, value: Value, order: Order) {
        assert!(value.0 < self.nodes.len(), "a value of another graph");
        self.outputs.push((value, order));
    }

    /// A convolution. Weights are ordered output channel, input channel within its group, row, column, as in ONNX's `Conv`.
    ///
    /// # Errors
    /// [`GraphError`] where channels do not divide by the groups, a list has the wrong length, or the window does not fit
    /// into the padded map.
    pub fn conv(&mut self, x: Value, conv: Conv) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        let per_group = check_conv("conv", shape, &conv)?;
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        length(
            "conv",
            "weights",
            conv.channels.saturating_mul(per_group).saturating_mul(taps),
            conv.weights.len(),
        )?;
        let (height, width) = slide("conv", shape, &conv.window)?;
        let shape = Shape::new(conv.channels, height, width);
        self.add("conv", Op::Conv(conv), vec![x], shape)
    }

    /// A transposed convolution: each input pixel adds its window to the output, windows lie the stride apart, and the pads
    /// are cut off the result. Weights are ordered input channel, output channel within its group, row, column, as in ONNX's
    /// `ConvTranspose`. `extra` rows and columns are added below and to the right (`output_padding`).
    ///
    /// # Errors
    /// As [`Graph::conv`]; more than one group is not supported.
    pub fn deconv(&mut self, x: Value, conv: Conv, extra: (usize, usize)) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        check_conv("deconv", shape, &conv)?;
        if conv.groups != 1 || extra.0.max(extra.1) > FARTHEST {
            let what = format!("{} groups and {extra:?} extra: one group is supported", conv.groups);
            return Err(GraphError::Setting { op: "deconv", what });
        }
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        length(
            "deconv",
            "weights",
            shape.channels.saturating_mul(conv.channels).saturating_mul(taps),
            conv.weights.len(),
        )?;
        let (reach, stride, pads) = (conv.window.reach(), conv.window.stride, conv.window.pads);
        let side = |n: usize, stride: usize, reach: usize, extra: usize, cut: usize| {
            ((n - 1) * stride + reach + extra).checked_sub(cut).filter(|side| *side > 0)
        };
        let height = side(shape.height, stride.0, reach.0, extra.0, pads.top + pads.bottom);
        let width = side(shape.width, stride.1, reach.1, extra.1, pads.left + pads.right);
        let (Some(height), Some(width)) = (height, width) else {
            let what = "pads that leave something of the output".into();
            return Err(GraphError::Shape { op: "deconv", what, given: vec![shape] });
        };
        let shape = Shape::new(conv.channels, height, width);
        self.add("deconv", Op::Deconv(conv), vec![x], shape)
    }

    /// A fully connected layer: a convolution whose window is the whole map. Weights are ordered output channel, input
    /// channel, row, column; `bias` has a number for each output channel.
    ///
    /// # Errors
    /// [`GraphError::Length`] where the weights are not that many.
    pub fn dense(&mut self, x: Value, weights: Vec<f32>, bias: Vec<f32>) -> Result<Value, GraphError> {
        let Shape { height, width, .. } = self.shape(x);
        let window = Window { kernel: (height, width), stride: (1, 1), dilation: (1, 1), pads: Pads::NONE };
        self.conv(x, Conv { channels: bias.len(), groups: 1, window, weights, bias })
    }

    /// A function of each number.
    ///
    /// # Errors
    /// [`GraphError::Length`] for a list that has neither one number (where allowed) nor one a channel.
    pub fn unary(&mut self, x: Value, unary: Unary) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        match &unary {
            Unary::Prelu(slopes) => length("prelu", "slopes", shape.channels, slopes.len())?,
            Unary::Affine { scale, shift } => {
                let expected = if scale.len() == 1 { 1 } else { shape.channels };
                length("affine", "scale", expected, scale.len())?;
                length("affine", "shift", expected, shift.len())?;
            }
            Unary::Clip(low, high) if low.partial_cmp(high).is_none_or(std::cmp::Ordering::is_gt) => {
                let what = format!("bounds of {low} and {high}");
                return Err(GraphError::Setting { op: "clip", what });
            }
            _ => {}
        }
        self.add("unary", Op::Unary(unary), vec![x], shape)
    }

    /// A function of two values of one shape. Either may also have one pixel, which then stands for all, or one channel,
    /// which then stands for all, or both.
    ///
    /// # Errors
    /// [`GraphError::Shape`] for other shapes.
    pub fn binary(&mut self, binary: Binary, a: Value, b: Value) -> Result<Value, GraphError> {
        let (left, right) = (self.shape(a), self.shape(b));
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
            let what = "two values of one shape, or one of them with one pixel or channel".into();
            return Err(GraphError::Shape { op: "binary", what, given: vec![left, right] });
        };
        let shape = Shape::new(channels, map.height, map.width);
        self.add("binary", Op::Binary(binary), vec![a, b], shape)
    }

    /// The largest or mean number of each channel in a sliding window.
    ///
    /// # Errors
    /// [`GraphError`] where the window does not fit into the padded map, or a pad is as large as the window, so that some
    /// windows would see nothing.
    pub fn pool(&mut self, x: Value, pool: Pool, window: Window) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        let (height, width) = slide("pool", shape, &window)?;
        let (reach, pads) = (window.reach(), window.pads);
        if pads.top.max(pads.bottom) >= reach.0 || pads.left.max(pads.right) >= reach.1 {
            return Err(GraphError::Setting { op: "pool", what: "a pad as large as the window".into() });
        }
        let shape = Shape::new(shape.channels, height, width);
        self.add("pool", Op::Pool(pool, window), vec![x], shape)
    }

    /// The mean of each channel over all pixels: a vector.
    ///
    /// # Errors
    /// None today.
    pub fn mean(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = Shape::vector(self.shape(x).channels);
        self.add("mean", Op::Mean, vec![x], shape)
    }

    /// The sum of each pixel's channels: a map of one channel.
    ///
    /// # Errors
    /// None today.
    pub fn sum(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = Shape { channels: 1, ..self.shape(x) };
        self.add("sum", Op::Sum, vec![x], shape)
    }

    /// The softmax of each pixel's channels.
    ///
    /// # Errors
    /// None today.
    pub fn softmax(&mut self, x: Value) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        self.add("softmax", Op::Softmax, vec![x], shape)
    }

    /// The channels of several maps of one size, one after another.
    ///
    /// # Errors
    /// [`GraphError::Shape`] for no map or maps of different sizes.
    pub fn concat(&mut self, xs: &[Value]) -> Result<Value, GraphError> {
        let shapes: Vec<Shape> = xs.iter().map(|x| self.shape(*x)).collect();
        let same = |s: &Shape| (s.height, s.width) == (shapes[0].height, shapes[0].width);
        if shapes.is_empty() || !shapes.iter().all(same) {
            let what = "maps of one size".into();
            return Err(GraphError::Shape { op: "concat", what, given: shapes });
        }
        let channels = shapes.iter().map(|s| s.channels).sum();
        let shape = Shape { channels, ..shapes[0] };
        self.add("concat", Op::Concat, xs.to_vec(), shape)
    }

    /// Several maps of one width and as many channels, one below the other.
    ///
    /// # Errors
    /// [`GraphError::Shape`] for no map or others.
    pub fn stack(&mut self, xs: &[Value]) -> Result<Value, GraphError> {
        let shapes: Vec<Shape> = xs.iter().map(|x| self.shape(*x)).collect();
        let same = |s: &Shape| (s.channels, s.width) == (shapes[0].channels, shapes[0].width);
        if shapes.is_empty() || !shapes.iter().all(same) {
            let what = "maps of one width and as many channels".into();
            return Err(GraphError::Shape { op: "stack", what, given: shapes });
        }
        let height = shapes.iter().map(|s| s.height).sum();
        let shape = Shape { height, ..shapes[0] };
        self.add("stack", Op::Stack, xs.to_vec(), shape)
    }

    /// The map in another size.
    ///
    /// # Errors
    /// [`GraphError::Setting`] for a side of 0.
    pub fn resize(
        &mut self,
        x: Value,
        (height, width): (usize, usize),
        interpolation: Interpolation,
        coordinates: Coordinates,
    ) -> Result<Value, GraphError> {
        let shape = Shape { height, width, ..self.shape(x) };
        self.add("resize", Op::Resize(interpolation, coordinates), vec![x], shape)
    }

    /// Rows, columns and, behind the last one, channels of `value` added around the map.
    ///
    /// # Errors
    /// [`GraphError::Setting`] where the result would be too large.
    pub fn pad(&mut self, x: Value, pads: Pads, channels: usize, value: f32) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        check_pads("pad", shape, &pads)?;
        if channels > FARTHEST {
            return Err(GraphError::Setting { op: "pad", what: format!("{channels} more channels") });
        }
        let shape = Shape {
            channels: shape.channels + channels,
            height: shape.height + pads.top + pads.bottom,
            width: shape.width + pads.left + pads.right,
        };
        self.add("pad", Op::Pad { pads, channels, value }, vec![x], shape)
    }

    /// The same numbers, taken pixel by pixel, as a column of pixels of `channels` numbers each: how detectors lay the
    /// anchors of a pixel one below the other.
    ///
    /// # Errors
    /// [`GraphError::Shape`] where the numbers do not divide by `channels`.
    pub fn rows(&mut self, x: Value, channels: usize) -> Result<Value, GraphError> {
        let shape = self.shape(x);
        if channels == 0 || !shape.len().is_multiple_of(channels) {
            let what = format!("numbers that divide by {channels}");
            return Err(GraphError::Shape { op: "rows", what, given: vec![shape] });
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
        if len.is_none_or(|len| len == 0 || len > LARGEST) {
            return Err(GraphError::Setting { op, what: format!("a result of {shape}") });
        }
        self.nodes.push(Node { op: kind, inputs, shape });
        Ok(Value(self.nodes.len() - 1))
    }
}

/// What convolutions and transposed ones ask for alike. Gives the input channels of a group.
fn check_conv(op: &'static str, shape: Shape, conv: &Conv) -> Result<usize, GraphError> {
    if conv.groups == 0
        || !shape.channels.is_multiple_of(conv.groups)
        || !conv.channels.is_multiple_of(conv.groups)
    {
        let what = format!("channels that divide into {} groups, for {} outputs", conv.groups, conv.channels);
        return Err(GraphError::Shape { op, what, given: vec![shape] });
    }
    if !conv.bias.is_empty() {
        length(op, "bias", conv.channels, conv.bias.len())?;
    }
    check_window(op, shape, &conv.window)?;
    Ok(shape.channels / conv.groups)
}

fn check_window(op: &'static str, shape: Shape, window: &Window) -> Result<(), GraphError> {
    let sides = [window.kernel, window.stride, window.dilation];
    if sides.iter().any(|(rows, columns)| *rows == 0 || *columns == 0) {
        let what = format!("a window with a side, stride or dilation of 0: {window:?}");
        return Err(GraphError::Setting { op, what });
    }
    if sides.iter().any(|(rows, columns)| *rows.max(columns) > FARTHEST) {
        return Err(GraphError::Setting { op, what: format!("a window too large: {window:?}") });
    }
    check_pads(op, shape, &window.pads)
}

fn check_pads(op: &'static str, shape: Shape, pads: &Pads) -> Result<(), GraphError> {
    let (rows, columns) = (shape.height.max(WIDEST), shape.width.max(WIDEST));
    if pads.top.max(pads.bottom) > rows || pads.left.max(pads.right) > columns {
        return Err(GraphError::Setting { op, what: format!("pads too large for {shape}: {pads:?}") });
    }
    Ok(())
}

/// How many places a window has on a map.
fn slide(op: &'static str, shape: Shape, window: &Window) -> Result<(usize, usize), GraphError> {
    check_window(op, shape, window)?;
    let (reach, pads) = (window.reach(), window.pads);
    let height = (shape.height + pads.top + pads.bottom).checked_sub(reach.0);
    let width = (shape.width + pads.left + pads.right).checked_sub(reach.1);
    match (height, width) {
        (Some(height), Some(width)) => Ok((height / window.stride.0 + 1, width / window.stride.1 + 1)),
        _ => {
            let what = format!("a map that a window of {}x{} fits into", reach.0, reach.1);
            Err(GraphError::Shape { op, what, given: vec![shape] })
        }
    }
}

fn length(op: &'static str, list: &'static str, expected: usize, given: usize) -> Result<(), GraphError> {
    if expected == given { Ok(()) } else { Err(GraphError::Length { op, list, expected, given }) }
}
