//! The loops that do the work. Each has a safe function that checks its slices; where it is `unsafe` inside, it says why
//! that is sound. Maps are pixel by pixel.

pub(crate) mod depthwise;
pub(crate) mod dot;
pub(crate) mod matmul;
pub(crate) mod points;
pub(crate) mod pool;
pub(crate) mod resize;
pub(crate) mod shuffle;
pub(crate) mod tile;
pub(crate) mod winograd;
