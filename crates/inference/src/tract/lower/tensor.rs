//! Shapes and constants of tract's tensors.

use tract_onnx::tract_core::internal::{Tensor, TypedFact};

/// The reason why an operator is not supported.
pub(crate) type Reason = String;

/// Returns a shape that must not have a free axis.
pub(crate) fn concrete(fact: &TypedFact) -> Result<Vec<usize>, Reason> {
    fact.shape
        .as_concrete()
        .map(<[usize]>::to_vec)
        .ok_or_else(|| format!("the shape {:?} has a free axis", fact.shape))
}

pub(crate) fn product(dims: &[usize]) -> usize {
    dims.iter().fold(1, |product, dim| product.saturating_mul(*dim))
}

/// Returns the values of a constant as f32.
pub(crate) fn floats(tensor: &Tensor) -> Result<Vec<f32>, Reason> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let cast = tensor.cast_to::<f32>().map_err(text)?;
    let plain = cast.try_as_plain_ram().map_err(text)?;
    Ok(plain.as_slice::<f32>().map_err(text)?.to_vec())
}
