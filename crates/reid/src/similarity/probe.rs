//! A face to search for.

use passerby_types::Embedding;

use super::impostors::{independent_views, mean_pair_cosine, views_raise, youth_raise};
use crate::policy::GalleryPolicy;

/// A face to search for: one view, or the mean of several.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) embedding: Embedding,
    /// The number of views.
    pub(crate) count: usize,
    /// How much the threshold rises for this face, or `None` if thresholds do not depend on faces.
    pub(crate) raise: Option<f32>,
}

impl Probe {
    /// Creates the probe of a single view.
    pub(crate) fn single(view: &Embedding, policy: &GalleryPolicy) -> Self {
        let raise = policy.matching.has_raises().then(|| raise(view.as_slice(), 1.0));
        Self { embedding: view.clone(), count: 1, raise }
    }

    /// Creates the probe of a mean and the views that it comes from. `views` returns the same views at each call.
    pub(crate) fn mean_of<'a, I: Iterator<Item = &'a [f32]>>(
        mean: Embedding,
        views: impl Fn() -> I,
        policy: &GalleryPolicy,
    ) -> Self {
        let count = views().count();
        let raise = policy.matching.has_raises().then(|| {
            let independent = independent_views(count, mean_pair_cosine(views));
            raise(mean.as_slice(), independent)
        });
        Self { embedding: mean, count, raise }
    }
}

/// Returns how much a threshold rises for a face that is worth this many independent views.
pub(crate) fn raise(face: &[f32], independent_views: f32) -> f32 {
    youth_raise(face) + views_raise(independent_views)
}
