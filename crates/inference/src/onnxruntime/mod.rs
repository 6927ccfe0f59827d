//! Networks on ONNX Runtime. They need the feature `ort`.

#[cfg(feature = "ort")]
mod dynamic;
#[cfg(not(feature = "ort"))]
mod missing;

#[cfg(feature = "ort")]
pub(crate) use dynamic::{Network, Run};
#[cfg(not(feature = "ort"))]
pub(crate) use missing::{Network, Run};
