//! What goes into a network and what comes out, as plain numbers.

/// The name and shape of one input or output of a network, as its file states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name in the file.
    pub name: String,
    /// The length along each axis; `None` where the file leaves it free. Empty where the file states no shape.
    pub dims: Vec<Option<usize>>,
}

/// Numbers in rows: the answers of a network for a batch. The first axis is the batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// `data` is as long as the product of `shape`, and `shape` has a first axis.
    pub(crate) fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        debug_assert!(!shape.is_empty() && shape.iter().product::<usize>() == data.len());
        Self { shape, data }
    }

    /// The length along each axis; the first is the number of items in the batch, 0 for an empty one.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All numbers, item after item, the last axis running fastest. Empty for an empty batch.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The numbers of item `index` of the batch.
    ///
    /// # Panics
    /// If the batch has no such item.
    #[must_use]
    pub fn item(&self, index: usize) -> &[f32] {
        assert!(index < self.shape[0], "a batch of {} has no item {index}", self.shape[0]);
        let len = self.data.len() / self.shape[0];
        &self.data[index * len..][..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_slices_of_the_batch() {
        let tensor = Tensor::new(vec![2, 1, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(tensor.shape(), [2, 1, 3]);
        assert_eq!(tensor.item(1), [3.0, 4.0, 5.0]);
        assert!(Tensor::new(vec![0, 4], vec![]).data().is_empty());
        assert!(Tensor::new(vec![2, 0], vec![]).item(1).is_empty());
    }

    #[test]
    #[should_panic(expected = "no item 0")]
    fn an_empty_batch_has_no_item() {
        let _ = Tensor::new(vec![0, 4], vec![]).item(0);
    }
}
