//! The operators of a graph and their settings.

use std::fmt;
use std::ops::Range;

/// The shape of one value of a graph, for one item: a feature map of `height` x `width` pixels with `channels` elements
/// each. A plain vector is a map of one pixel.
///
/// ```
/// use passerby_cnn::Shape;
///
/// let map = Shape::new(3, 112, 96);
/// assert_eq!(map.len(), 3 * 112 * 96);
/// assert_eq!(Shape::vector(512), Shape::new(512, 1, 1));
/// assert_eq!(map.to_string(), "3x112x96");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Elements of a pixel.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Returns the shape of a feature map.
    #[must_use]
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// Returns the shape of a vector, which is a map of one pixel.
    #[must_use]
    pub const fn vector(channels: usize) -> Self {
        Self::new(channels, 1, 1)
    }

    /// Returns the number of elements.
    #[must_use]
    pub const fn len(self) -> usize {
        self.channels * self.pixels()
    }

    /// Returns true if there are no elements.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the number of pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// The rows and columns that are added around a feature map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pads {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Pads {
    /// Adds nothing.
    pub const NONE: Self = Self::all(0);

    /// Returns the same number of rows and columns on every side.
    #[must_use]
    pub const fn all(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n }
    }
}

/// A window that slides over a feature map. Pairs are (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The size of the window.
    pub kernel: (usize, usize),
    /// The distance from one position of the window to the next. For a transposed convolution, the distance between its
    /// outputs.
    pub stride: (usize, usize),
    /// The distance between neighbouring taps of the window. A dense window has 1.
    pub dilation: (usize, usize),
    /// The padding around the map. Padding counts as zeros, except for a maximum, which ignores it.
    pub pads: Pads,
}

impl Window {
    /// Returns a square window of `side` that moves by `stride`, with `pad` rows and columns on every side.
    #[must_use]
    pub const fn square(side: usize, stride: usize, pad: usize) -> Self {
        Self { kernel: (side, side), stride: (stride, stride), dilation: (1, 1), pads: Pads::all(pad) }
    }

    /// Returns the rows and columns from the first tap to the last, both included.
    pub(crate) fn reach(&self) -> (usize, usize) {
        ((self.kernel.0 - 1) * self.dilation.0 + 1, (self.kernel.1 - 1) * self.dilation.1 + 1)
    }
}

/// The settings of a convolution or of a transposed one. [`Graph::conv`](crate::Graph::conv) and
/// [`Graph::conv_transpose`](crate::Graph::conv_transpose) define the order of the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// The number of output channels.
    pub channels: usize,
    /// The number of groups. Channels of different groups do not see each other. A depthwise convolution has as many
    /// groups as channels.
    pub groups: usize,
    /// The window.
    pub window: Window,
    /// The weights.
    pub weights: Vec<f32>,
    /// One value for each output channel. If the list is empty, every bias is 0.
    pub bias: Vec<f32>,
}

impl Conv {
    /// Returns true if the convolution multiplies each pixel by one matrix.
    pub(crate) fn is_pointwise(&self) -> bool {
        let window = &self.window;
        window.kernel == (1, 1) && window.stride == (1, 1) && window.pads == Pads::NONE && self.groups == 1
    }

    /// Returns true if each of the `inputs` channels has a window of its own and makes one output channel.
    pub(crate) fn is_depthwise(&self, inputs: usize) -> bool {
        self.groups > 1 && self.groups == inputs && self.channels == inputs
    }

    /// Returns the bias of these output channels, with zeros if the convolution has no bias.
    pub(crate) fn bias(&self, channels: Range<usize>) -> Vec<f32> {
        if self.bias.is_empty() { vec![0.0; channels.len()] } else { self.bias[channels].to_vec() }
    }
}

/// A function of each element on its own. NaN stays NaN.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// max(x, 0).
    Relu,
    /// x limited to these bounds. Bounds may be infinite. ReLU6, for example, is `Clip(0.0, 6.0)`.
    Clip(f32, f32),
    /// x if it is above 0, else x times the slope.
    Leaky(f32),
    /// x if it is above 0, else x times the slope of its channel.
    Prelu(Vec<f32>),
    /// `scale[c] * x + shift[c]` for channel `c`. Lists of one value apply it to every channel.
    Affine {
        /// The factors.
        scale: Vec<f32>,
        /// The summands.
        shift: Vec<f32>,
    },
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// exp(x).
    Exp,
    /// tanh(x).
    Tanh,
    /// x * x.
    Square,
    /// The square root of x.
    Sqrt,
    /// 1 / x.
    Recip,
}

/// Returns the value of a channel from a list that has one for each channel, or one for all of them.
pub(crate) fn of_channel(list: &[f32], channel: usize) -> f32 {
    if list.len() == 1 { list[0] } else { list[channel] }
}

/// A function of two values, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// The maximum. If one operand is NaN, returns the other.
    Max,
    /// The minimum. If one operand is NaN, returns the other.
    Min,
}

/// The function that a pooling window computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The maximum. Ignores NaN and the padding.
    Max,
    /// The mean of the elements inside the map.
    Average,
    /// The mean over the whole window, with zeros outside the map (`count_include_pad` in ONNX).
    AverageIncludingPads,
}

/// How a resized map is interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// Takes the pixel at the coordinate rounded down.
    Nearest,
    /// Interpolates linearly between the two nearest rows and columns. Beyond the outermost pixels, repeats them.
    Linear,
}

/// How the index `i` of `n` resized pixels maps to a pixel-index coordinate among the `m` original ones. The names are
/// those of ONNX's `Resize` (`coordinate_transformation_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoordinateMode {
    /// i * m / n
    Asymmetric,
    /// (i + 0.5) * m / n - 0.5
    HalfPixel,
    /// i * (m - 1) / (n - 1)
    AlignCorners,
}

/// The order of a value's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorLayout {
    /// Channel by channel, each row by row, as in ONNX.
    Nchw,
    /// Pixel by pixel, the channels of a pixel side by side.
    Nhwc,
}
