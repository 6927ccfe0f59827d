//! The loops that do the work. Each has a safe function that checks its slices; inside it is `unsafe`.
pub(crate) mod depthwise;
pub(crate) mod matmul;
