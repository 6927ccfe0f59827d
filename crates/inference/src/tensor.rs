//! The inputs and outputs of a network.

use crate::error::ModelError;

/// The name and shape of one input or output of a network, as stated in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name in the file.
    pub name: String,
    /// The length along each axis, or `None` if the file leaves it free. Empty if the file states no shape.
    pub dims: Vec<Option<usize>>,
}

/// Checks that the input accepts a batch of one item of this shape.
pub(crate) fn check_item(name: &str, input: &TensorSpec, item: [usize; 3]) -> Result<(), ModelError> {
    let given = vec![1, item[0], item[1], item[2]];
    let free = input.dims.is_empty();
    let fits =
        input.dims.len() == 4 && input.dims.iter().zip(&given).all(|(dim, n)| dim.is_none_or(|d| d == *n));
    // An item with more than 2^31 elements is a mistake, and its plan would only exhaust memory.
    let sane =
        item.iter().try_fold(1_usize, |product, n| product.checked_mul(*n)).is_some_and(|n| n < 1 << 31);
    if (free || fits) && sane && !item.contains(&0) {
        return Ok(());
    }
    let model = name.to_owned();
    let input_name = input.name.clone();
    let expected = input.dims.clone();
    Err(ModelError::Shape { model, input: input_name, expected, given })
}

/// One output of a network for a batch. The first axis is the batch, and the last axis varies fastest.
///
/// [`Session::run_batch`](crate::Session::run_batch) returns tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// Creates a tensor. `shape` must have a first axis, and `data` the length of their product.
    pub(crate) fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        debug_assert!(!shape.is_empty() && shape.iter().product::<usize>() == data.len());
        Self { shape, data }
    }

    /// Returns the length along each axis. The first is the number of items in the batch, which is 0 for an empty
    /// batch.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns all values, item after item. The slice is empty for an empty batch.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Returns the values of item `index` of the batch.
    ///
    /// # Panics
    /// Panics if the batch has no such item.
    #[must_use]
    pub fn item(&self, index: usize) -> &[f32] {
        assert!(index < self.shape[0], "a batch of {} has no item {index}", self.shape[0]);
        let len = self.data.len() / self.shape[0];
        &self.data[index * len..][..len]
    }

    /// Returns all values as a list, without a copy.
    ///
    /// ```
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let mut session = model.session([3, 6, 5])?;
    /// let mut tensors = session.run_batch(2, &vec![1.0; 2 * 3 * 6 * 5])?;
    /// let means: Vec<f32> = tensors.remove(0).into_vec();
    /// assert_eq!(means.len(), 2 * 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }
}

/// Array views, with the feature `ndarray`.
#[cfg(feature = "ndarray")]
impl Tensor {
    /// Returns the tensor as an array, without a copy.
    ///
    /// ```
    /// use ndarray::Axis;
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let mut session = model.session([3, 6, 5])?;
    /// let tensors = session.run_batch(2, &vec![1.0; 2 * 3 * 6 * 5])?;
    /// let means = tensors[0].view();
    /// assert_eq!(means.shape(), [2, 4]);
    /// assert_eq!(means.sum_axis(Axis(0)).len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn view(&self) -> ndarray::ArrayViewD<'_, f32> {
        view(&self.shape, &self.data)
    }
}

/// Moves the values of the tensor into an array, without a copy.
#[cfg(feature = "ndarray")]
impl From<Tensor> for ndarray::ArrayD<f32> {
    fn from(tensor: Tensor) -> Self {
        Self::from_shape_vec(tensor.shape, tensor.data).expect("a tensor has as many values as its shape")
    }
}

/// Returns a view of values whose number is the product of `shape`.
#[cfg(feature = "ndarray")]
pub(crate) fn view<'a>(shape: &[usize], data: &'a [f32]) -> ndarray::ArrayViewD<'a, f32> {
    ndarray::ArrayViewD::from_shape(shape, data).expect("a tensor has as many values as its shape")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_slices_of_the_batch() {
        let tensor = Tensor::new(vec![2, 1, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(tensor.shape(), [2, 1, 3]);
        assert_eq!(tensor.item(1), [3.0, 4.0, 5.0]);
    }

    #[test]
    fn an_empty_batch_has_no_values() {
        assert!(Tensor::new(vec![0, 4], vec![]).data().is_empty());
    }

    #[test]
    fn items_may_be_empty() {
        assert!(Tensor::new(vec![2, 0], vec![]).item(1).is_empty());
    }

    #[test]
    #[should_panic(expected = "no item 0")]
    fn an_empty_batch_has_no_item() {
        let _ = Tensor::new(vec![0, 4], vec![]).item(0);
    }
}
