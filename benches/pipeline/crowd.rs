//! A gallery that already knows many persons.

use passerby::reid::{GalleryPolicy, SharedGallery};
use passerby::types::{BoxError, Embedding};

/// The length of MobileFaceNet's embeddings.
const EMBEDDING_LENGTH: usize = 192;

/// Returns a gallery with this number of random persons. No face of a video is like them: the embeddings of strangers have
/// cosines near 0.
pub(super) fn gallery(persons: usize) -> Result<SharedGallery, BoxError> {
    let policy = GalleryPolicy { max_persons: persons + 10_000, ..GalleryPolicy::default() };
    let gallery = SharedGallery::new(policy);
    let mut seed = 1_u64;
    for _ in 0..persons {
        let values = (0..EMBEDDING_LENGTH).map(|_| random(&mut seed)).collect::<Vec<f32>>();
        gallery.enroll(&[Embedding::new(values)?])?;
    }
    Ok(gallery)
}

/// Returns a random number from -0.5 to 0.5, by Knuth's MMIX generator.
fn random(seed: &mut u64) -> f32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
}
