//! Views of embeddings and templates as arrays of the `ndarray` crate. They copy nothing.

use ndarray::{ArrayView1, ArrayView2};
use passerby_types::{Embedding, PersonId};

use crate::gallery::Gallery;

/// Returns the numbers of an embedding as an array.
///
/// ```
/// use passerby_reid::embedding_view;
/// use passerby_types::Embedding;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let a = Embedding::new(vec![0.6, 0.8])?;
/// let b = Embedding::new(vec![1.0, 0.0])?;
/// let cosine = embedding_view(&a).dot(&embedding_view(&b));
/// assert!((cosine - 0.6).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn embedding_view(embedding: &Embedding) -> ArrayView1<'_, f32> {
    ArrayView1::from(embedding.as_slice())
}

impl Gallery {
    /// Returns the templates of all persons as a matrix, one template a row.
    ///
    /// The rows have unit length, so the product with an embedding is the cosine to each template. Their order is
    /// arbitrary; [`Gallery::template_persons`] returns the person of each row. The matrix has no rows if the gallery is
    /// empty, and no columns either if it never had a template.
    ///
    /// ```
    /// use passerby_reid::{Gallery, embedding_view};
    /// use passerby_types::Embedding;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// let ann = gallery.enroll(&[Embedding::new(vec![0.6, 0.8])?])?;
    /// let bob = gallery.enroll(&[Embedding::new(vec![1.0, 0.0])?])?;
    ///
    /// let cosines = gallery.templates().dot(&embedding_view(&Embedding::new(vec![1.0, 0.0])?));
    /// assert_eq!(gallery.template_persons().collect::<Vec<_>>(), [ann, bob]);
    /// assert!((cosines[0] - 0.6).abs() < 1e-6);
    /// assert!((cosines[1] - 1.0).abs() < 1e-6);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn templates(&self) -> ArrayView2<'_, f32> {
        let index = &self.state().index;
        let shape = (index.len(), index.template_length().unwrap_or_default());
        // The index keeps whole rows only, so the shape always fits.
        ArrayView2::from_shape(shape, index.values()).unwrap_or_else(|_| ArrayView2::from(&[[0.0; 0]; 0]))
    }

    /// Returns the person of each row of [`Gallery::templates`], in the same order.
    pub fn template_persons(&self) -> impl Iterator<Item = PersonId> {
        self.state().index.persons_by_row()
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::direction;

    use super::*;

    #[test]
    fn an_empty_gallery_has_a_matrix_without_rows() {
        assert_eq!(Gallery::new().templates().dim(), (0, 0));
    }

    #[test]
    fn a_row_holds_the_template_of_its_person() {
        let mut gallery = Gallery::new();
        let faces = [direction(1, 0), direction(2, 0), direction(3, 0)];
        let ids = faces.each_ref().map(|face| gallery.enroll(std::slice::from_ref(face)).unwrap());
        gallery.remove(ids[0]);
        let templates = gallery.templates();
        assert_eq!(templates.dim(), (2, 192));
        for (row, person) in templates.rows().into_iter().zip(gallery.template_persons()) {
            let of = ids.iter().position(|id| *id == person).unwrap();
            assert_eq!(row, embedding_view(&faces[of]));
        }
    }
}
