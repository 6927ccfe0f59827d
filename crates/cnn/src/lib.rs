//! Convolutional networks on a CPU.
//!
//! Describe a network as a [`Graph`], compile it into a [`Plan`] for one instruction set, and run the plan in one
//! [`PlanSession`] per worker. A [`RangeCalibrator`] finds the [`ActivationRanges`] with which [`Plan::quantized`]
//! multiplies bytes instead of f32. [`Graph`] has a complete example. A [`GraphFile`] stores a graph, and
//! [`Graph::with_input`] returns it for another input shape.
//!
//! [`resample`] has the SIMD kernels that turn the bytes of a picture into the input of a network. Most callers want
//! the crate `passerby-pixels` instead, which applies them to images.

mod aligned;
mod conv;
mod error;
mod f16;
mod graph;
mod graph_file;
mod isa;
mod kernel;
mod layer;
mod op;
mod plan;
mod quantize;
mod reference;
pub mod resample;
mod session;
mod simd;
mod with_input;

pub use error::{BatchLengthError, GraphError};
pub use graph::{Graph, Value};
pub use graph_file::{GraphFile, GraphFileError};
pub use isa::Isa;
pub use op::{
    Binary, Conv, CoordinateMode, Interpolation, Pads, Pooling, Shape, TensorLayout, Unary, Window,
};
pub use plan::Plan;
pub use quantize::{ActivationRanges, ActivationRangesError, RangeCalibrator};
pub use session::PlanSession;
