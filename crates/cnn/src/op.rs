//! The operators of a graph and their settings.

use std::fmt;

/// The shape of one value of one item: a map of `height` x `width` pixels with `channels` numbers each. A plain
/// vector is a map of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Numbers in a pixel.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A map.
    #[must_use]
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A vector: one pixel.
    #[must_use]
    pub const fn vector(channels: usize) -> Self {
        Self::new(channels, 1, 1)
    }

    /// How many numbers it has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.channels * self.pixels()
    }

    /// Whether it has no numbers.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// How many pixels it has.
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

/// Rows or columns added around a map.
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
    /// Nothing added.
    pub const NONE: Self = Self::all(0);

    /// As many on every side.
    #[must_use]
    pub const fn all(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n }
    }
}

/// A window that slides over a map. Pairs are (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its size.
    pub kernel: (usize, usize),
    /// How far it moves. For a transposed convolution, how far its outputs lie apart.
    pub stride: (usize, usize),
    /// How far its taps lie apart; 1 is a dense window.
    pub dilation: (usize, usize),
    /// What is put around the map: zeros, for a maximum nothing.
    pub pads: Pads,
}

impl Window {
    /// A square window of `side` that moves by `stride`, with `pad` on every side.
    #[must_use]
    pub const fn square(side: usize, stride: usize, pad: usize) -> Self {
        Self { kernel: (side, side), stride: (stride, stride), dilation: (1, 1), pads: Pads::all(pad) }
    }

    /// Rows and columns from the first tap to the last, both counted.
    pub(crate) fn reach(&self) -> (usize, usize) {
        ((self.kernel.0 - 1) * self.dilation.0 + 1, (self.kernel.1 - 1) * self.dilation.1 + 1)
    }
}

/// A convolution, or a transposed one. See [`Graph::conv`](crate::Graph::conv) and
/// [`Graph::deconv`](crate::Graph::deconv) for the order of the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// How many channels come out.
    pub channels: usize,
    /// Channels are split into this many groups that do not see each other; as many groups as channels is a depthwise
    /// convolution.
    pub groups: usize,
    /// The window.
    pub window: Window,
    /// The weights.
    pub weights: Vec<f32>,
    /// One for each output channel, or none at all for zeros.
    pub bias: Vec<f32>,
}

/// A function of each number on its own. What is no number (NaN) stays so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unary {
    /// max(x, 0).
    Relu,
    /// x within these bounds; ReLU6 is 0 and 6, infinite bounds are allowed.
    Clip(f32, f32),
    /// x above 0, else x times the slope.
    Leaky(f32),
    /// x above 0, else x times the slope of its channel.
    Prelu(Vec<f32>),
    /// `scale[c] * x + shift[c]` for each channel, or with lists of one number the same for all.
    Affine {
        /// The factors.
        scale: Vec<f32>,
        /// What is added.
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
    /// The square root.
    Sqrt,
    /// 1 / x.
    Recip,
}

/// The number of a channel in a list with one for each, or with one for all.
pub(crate) fn of_channel(list: &[f32], channel: usize) -> f32 {
    if list.len() == 1 { list[0] } else { list[channel] }
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// The larger; of a number and what is none, the number.
    Max,
    /// The smaller; of a number and what is none, the number.
    Min,
}

/// What a pooling window gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// The largest number; what lies outside the map or is no number does not count.
    Max,
    /// The mean of the numbers inside the map.
    Average,
    /// The mean over the window, with zeros outside the map.
    AverageWithPads,
}

/// How a resized map is interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The pixel at the whole coordinate below.
    Nearest,
    /// Linearly between the two nearest rows and columns; beyond the outermost their own value.
    Linear,
}

/// Where the pixel `i` of `n` resized ones lies among the `m` of the map, in pixel-index coordinates. Named as in ONNX's
/// `Resize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coordinates {
    /// i * m / n
    Asymmetric,
    /// (i + 0.5) * m / n - 0.5
    HalfPixel,
    /// i * (m - 1) / (n - 1)
    AlignCorners,
}

/// In which order an output's numbers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Channel by channel, as ONNX has them.
    Planar,
    /// Pixel by pixel.
    Interleaved,
}
