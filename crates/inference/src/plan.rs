//! A network prepared for items of one shape.

use crate::backend::Backend;
use crate::onnxruntime::Network;
use crate::tract::TractPlan;

/// A network prepared for items of one shape, in batches of one.
pub(crate) struct ModelPlan {
    pub(crate) model: String,
    /// The shape of an item: `[channels, height, width]`.
    pub(crate) item: [usize; 3],
    /// The shape of each output for one item. The first axis is 1.
    pub(crate) outputs: Vec<Vec<usize>>,
    pub(crate) backend: Backend,
    /// The reason why the network is not on the preferred device.
    pub(crate) fallback: Option<String>,
    pub(crate) runner: Runner,
}

/// The engine of a plan.
pub(crate) enum Runner {
    Cnn(passerby_cnn::Plan),
    Tract(TractPlan),
    OnnxRuntime(Network),
}
