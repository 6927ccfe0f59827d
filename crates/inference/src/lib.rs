//! Neural networks for passerby.
mod check;
mod error;
mod guard;
mod model;
mod preprocess;
mod session;
mod tensor;

pub use error::{ModelError, RunError};
pub use model::Model;
pub use preprocess::{Border, ChannelOrder, Letterbox, Normalize, Scratch, letterbox, to_rgb, warp};
pub use session::Session;
pub use tensor::{Tensor, TensorSpec};
