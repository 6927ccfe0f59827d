//! ONNX files, which tract reads, and networks that run on tract. They need the feature `tract`.

#[cfg(feature = "tract")]
mod half_precision;
#[cfg(feature = "tract")]
mod lower;
#[cfg(not(feature = "tract"))]
mod missing;
#[cfg(feature = "tract")]
mod onnx;
#[cfg(feature = "tract")]
mod session;
#[cfg(feature = "tract")]
mod validate;

#[cfg(not(feature = "tract"))]
pub(crate) use missing::{OnnxNetwork, TractPlan, TractSession, TypedNetwork};
#[cfg(feature = "tract")]
pub(crate) use onnx::{OnnxNetwork, TypedNetwork};
#[cfg(feature = "tract")]
pub(crate) use session::{TractPlan, TractSession};
