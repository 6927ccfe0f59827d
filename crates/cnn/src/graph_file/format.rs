//! The format of a graph file.
//!
//! A graph file has the operators of a network. Its weights may lie in another file, for example in the ONNX file that
//! the network comes from, so that they are stored only once. The graph file then has the length and the checksum of
//! that file, which is called the weight file, and the place of each list of weights in it.
//!
//! Numbers are little-endian. Counts, indices and sides are u32.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4 | [`VERSION`] |
//! | 4 | CRC-32 of everything after this field |
//! | 8, 4 | length of the weight file and its CRC-32 |
//! | 4, n | length of the metadata and its bytes, which have a meaning for the caller only |
//! | 12 | channels, rows and columns of the input |
//! | 4 | number of operators |
//! | | each operator: its tag ([`tag`]), the indices of the values it reads, its settings in the order of `reader.rs` |
//! | 4 | number of outputs |
//! | 5 each | the index of the value, and the index of its layout in [`LAYOUTS`] |
//!
//! Value 0 is the input, and value `n` is the result of operator `n - 1`. Nothing follows the last output.
//!
//! A list of weights begins with a byte of flags, [`HALF`] and [`IN_WEIGHT_FILE`], and its length. Then follows an offset
//! in the weight file (u64), or the values themselves. Values are f32, or half precision with the flag [`HALF`].

use crate::op::{Binary, CoordinateMode, Interpolation, Pooling, TensorLayout};

/// The first bytes of a graph file. As in PNG, the first byte is not ASCII, and the line ends reveal a file that was
/// copied as text.
pub(super) const MAGIC: [u8; 8] = *b"\x89CNN\r\n\x1a\n";

/// The version that this crate writes and reads.
pub(super) const VERSION: u32 = 1;

/// The bytes before the checked part: magic, version and checksum.
pub(super) const CHECKED_FROM: usize = 16;

/// The flag of a list in half precision.
pub(super) const HALF: u8 = 1;
/// The flag of a list that lies in the weight file.
pub(super) const IN_WEIGHT_FILE: u8 = 2;

/// How often a graph may refer to each byte of the weight file on average. Several operators may share weights, but a
/// small hostile file must not multiply a large one in memory.
pub(super) const MAX_WEIGHT_REUSE: usize = 8;

/// The tags of the operators.
pub(super) mod tag {
    pub(in crate::graph_file) const CONV: u8 = 1;
    pub(in crate::graph_file) const CONV_TRANSPOSE: u8 = 2;
    pub(in crate::graph_file) const UNARY: u8 = 3;
    pub(in crate::graph_file) const BINARY: u8 = 4;
    pub(in crate::graph_file) const POOL: u8 = 5;
    pub(in crate::graph_file) const MEAN: u8 = 6;
    pub(in crate::graph_file) const SUM: u8 = 7;
    pub(in crate::graph_file) const SOFTMAX: u8 = 8;
    pub(in crate::graph_file) const CONCAT: u8 = 9;
    pub(in crate::graph_file) const STACK: u8 = 10;
    pub(in crate::graph_file) const RESIZE: u8 = 11;
    pub(in crate::graph_file) const PAD: u8 = 12;
    pub(in crate::graph_file) const ROWS: u8 = 13;
    pub(in crate::graph_file) const SLICE_CHANNELS: u8 = 14;
}

/// The tags of the functions of one value.
pub(super) mod unary_tag {
    pub(in crate::graph_file) const RELU: u8 = 0;
    pub(in crate::graph_file) const CLIP: u8 = 1;
    pub(in crate::graph_file) const LEAKY: u8 = 2;
    pub(in crate::graph_file) const PRELU: u8 = 3;
    pub(in crate::graph_file) const AFFINE: u8 = 4;
    pub(in crate::graph_file) const SIGMOID: u8 = 5;
    pub(in crate::graph_file) const EXP: u8 = 6;
    pub(in crate::graph_file) const TANH: u8 = 7;
    pub(in crate::graph_file) const SQUARE: u8 = 8;
    pub(in crate::graph_file) const SQRT: u8 = 9;
    pub(in crate::graph_file) const RECIP: u8 = 10;
}

// The file has the index of a setting in these lists, so they may only grow at their ends.
pub(super) const BINARIES: [Binary; 5] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min];
pub(super) const POOLINGS: [Pooling; 3] = [Pooling::Max, Pooling::Average, Pooling::AverageIncludingPads];
pub(super) const INTERPOLATIONS: [Interpolation; 2] = [Interpolation::Nearest, Interpolation::Linear];
pub(super) const COORDINATE_MODES: [CoordinateMode; 3] =
    [CoordinateMode::Asymmetric, CoordinateMode::HalfPixel, CoordinateMode::AlignCorners];
pub(super) const LAYOUTS: [TensorLayout; 2] = [TensorLayout::Nchw, TensorLayout::Nhwc];
