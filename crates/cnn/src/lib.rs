//! Convolutional networks on a CPU.
//!
//! Describe a network as a [`Graph`], compile it into a [`Plan`] for one instruction set, and run the plan in one
//! [`PlanSession`] per worker. A [`RangeCalibrator`] finds the [`ActivationRanges`] with which [`Plan::quantized`]
//! multiplies bytes instead of f32.
//!
//! ```
//! use passerby_cnn::{Conv, Graph, Isa, Plan, Shape, TensorLayout, Unary, Window};
//!
//! // Sums three channels in a window of 3 x 3, then replaces negative sums by 0.
//! let (mut graph, input) = Graph::new(Shape::new(3, 8, 8))?;
//! let conv = Conv {
//!     channels: 1,
//!     groups: 1,
//!     window: Window::square(3, 1, 1),
//!     weights: vec![1.0; 3 * 3 * 3],
//!     bias: vec![],
//! };
//! let sums = graph.conv(input, conv)?;
//! let positive = graph.unary(sums, Unary::Relu)?;
//! graph.output(positive, TensorLayout::Nchw);
//!
//! let plan = Plan::new(&graph, Isa::preferred())?; // shared by all threads
//! let mut session = plan.session(); // one for each thread
//! session.input().fill(1.0);
//! session.run();
//! assert_eq!(session.output(0)[..2], [12.0, 18.0]); // a corner sees 2 x 2 pixels, its neighbour 2 x 3
//! # Ok::<(), passerby_cnn::GraphError>(())
//! ```
//!
//! # How the pieces fit
//! [`Graph`] checks shapes as it grows, and [`Graph::evaluate`] computes it directly: this is the reference for all tests. A
//! [`Plan`] chooses an algorithm for each convolution and packs the weights. A run of a session allocates nothing and uses one
//! thread. Plans exist for AVX-512, AVX2, NEON and plain Rust; [`Isa::preferred`] picks the best one of this processor. To run an
//! ONNX file, use the crate `passerby-inference`, which builds the graph from it. A [`GraphFile`]
//! stores a graph, and [`Graph::with_input`] returns it for another input shape.
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
mod siblings;
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
