//! The inner loops. Each has a safe function that checks its slices. Each `unsafe` block says why it is sound. Maps are
//! in NHWC order.

pub(crate) mod byte_matmul;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod layout;
pub(crate) mod matmul;
pub(crate) mod pool;
pub(crate) mod resize;
pub(crate) mod tile;
pub(crate) mod winograd;
