//! The results of tract's nodes.

use std::sync::Arc;

use tract_onnx::tract_core::internal::Tensor;

use super::mapped::MappedTensor;
use super::tensor::Reason;

/// The result of a node.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A value that does not depend on the input.
    Constant(Arc<Tensor>),
    /// A value that depends on the input.
    Mapped(MappedTensor),
    /// The condition that an element is positive, or that it is negative.
    Sign { of: MappedTensor, positive: bool },
}

/// Returns the operator's input `index`, which must depend on the network's input.
pub(crate) fn mapped_input(inputs: &[Slot], index: usize) -> Result<MappedTensor, Reason> {
    match inputs.get(index) {
        Some(Slot::Mapped(map)) => Ok(map.clone()),
        Some(_) => Err(format!("input {index} does not depend on the network's input")),
        None => Err(format!("no input {index}")),
    }
}

/// Returns the operator's input `index`, which must be a constant.
pub(crate) fn constant_input(inputs: &[Slot], index: usize) -> Result<&Tensor, Reason> {
    match inputs.get(index) {
        Some(Slot::Constant(tensor)) => Ok(tensor),
        Some(_) => Err(format!("input {index} is not a constant")),
        None => Err(format!("no input {index}")),
    }
}
