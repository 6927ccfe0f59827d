//! Convolutional networks on a CPU: describe a [`Graph`], make a [`Plan`] of it, run it in a [`Session`] for each worker.

mod arena;
mod buffer;
mod calibration;
mod chain;
mod deconv;
mod error;
mod graph;
mod half;
mod isa;
mod kernel;
mod layer;
mod op;
mod patches;
pub mod pixels;
mod plan;
mod ranges;
mod reference;
mod session;
mod simd;
mod stage;
mod step;
mod winograd;

pub use calibration::Calibration;
pub use error::{GraphError, InputError};
pub use graph::{Graph, Value};
pub use isa::Isa;
pub use op::{Binary, Conv, Coordinates, Interpolation, Order, Pads, Pool, Shape, Unary, Window};
pub use plan::Plan;
pub use ranges::{Ranges, RangesError};
pub use session::Session;
