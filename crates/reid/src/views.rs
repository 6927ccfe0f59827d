//! The best views of one track, and the largest group of them that agree.

use passerby_types::{Embedding, Sighting, Timestamp};

use crate::policy::GalleryPolicy;
use crate::similarity::Probe;

/// One view of a track.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) embedding: Embedding,
    pub(crate) quality: f32,
    pub(crate) seq: u64,
    pub(crate) captured: Timestamp,
}

impl From<&Sighting> for View {
    fn from(sighting: &Sighting) -> Self {
        Self {
            embedding: sighting.embedding.clone(),
            quality: sighting.quality,
            seq: sighting.seq,
            captured: sighting.captured,
        }
    }
}

/// A few views of one track, at most one of each frame.
#[derive(Clone, Default)]
pub(crate) struct Views(Vec<View>);

/// The largest group of a track's views that agree.
#[derive(Clone)]
pub(crate) struct Group {
    /// The direction of the quality-weighted mean, to search for.
    pub(crate) probe: Probe,
    pub(crate) views: Vec<View>,
}

impl Views {
    /// Adds a view and keeps the best `limit`. Ignores a second view of one frame.
    ///
    /// If there are too many, the view that agrees with the fewest others goes. Of several such views, the one with the
    /// lowest quality goes, and of those the oldest.
    pub(crate) fn add_best(&mut self, view: View, limit: usize, policy: &GalleryPolicy) {
        if self.0.iter().any(|v| v.seq == view.seq) {
            return;
        }
        self.0.push(view);
        if self.0.len() > limit {
            let agreement = |i: usize| self.agreeing(i, policy).count();
            let worst = (0..self.0.len()).min_by(|&i, &j| {
                let a = &self.0[i];
                let b = &self.0[j];
                let by_agreement = agreement(i).cmp(&agreement(j));
                by_agreement.then(a.quality.total_cmp(&b.quality)).then(a.seq.cmp(&b.seq))
            });
            worst.map(|i| self.0.remove(i));
        }
    }

    /// Adds a view and keeps the latest `limit`. Ignores a second view of one frame.
    pub(crate) fn add_latest(&mut self, view: View, limit: usize) {
        if self.0.iter().any(|v| v.seq == view.seq) {
            return;
        }
        self.0.push(view);
        let surplus = self.0.len().saturating_sub(limit);
        self.0.drain(..surplus);
    }

    /// Returns the largest group of views that agree with one of them, or `None` if there are no views.
    ///
    /// Of two groups with the same size, the one with more quality wins.
    pub(crate) fn group(&self, policy: &GalleryPolicy) -> Option<Group> {
        let views = self.agreeing(self.center(policy)?, policy).map(|j| self.0[j].clone()).collect();
        Some(Group { probe: self.probe(policy)?, views })
    }

    /// Returns the mean of the largest group as a face to search for, or `None` as for [`Views::mean`].
    pub(crate) fn probe(&self, policy: &GalleryPolicy) -> Option<Probe> {
        let center = self.center(policy)?;
        let views = || self.agreeing(center, policy).map(|j| self.0[j].embedding.as_slice());
        let (mean, _) = self.mean(policy)?;
        Some(Probe::mean_of(mean, views, policy))
    }

    /// Returns the direction of the quality-weighted mean of the largest group, and the number of its views.
    ///
    /// Returns `None` if there are no views, or if they cancel out.
    pub(crate) fn mean(&self, policy: &GalleryPolicy) -> Option<(Embedding, usize)> {
        let center = self.center(policy)?;
        let group = || self.agreeing(center, policy).map(|j| &self.0[j]);
        Some((Embedding::mean(group().map(|view| (&view.embedding, view.quality)))?, group().count()))
    }

    /// Returns the view with which the largest group agrees. Of equal groups, the first wins.
    fn center(&self, policy: &GalleryPolicy) -> Option<usize> {
        let size = |i: usize| {
            let mut count = 0;
            let mut quality = 0.0;
            for j in self.agreeing(i, policy) {
                count += 1;
                quality += self.0[j].quality;
            }
            (count, quality)
        };
        (0..self.0.len()).max_by(|&a, &b| {
            let (a_count, a_quality) = size(a);
            let (b_count, b_quality) = size(b);
            a_count.cmp(&b_count).then(a_quality.total_cmp(&b_quality)).then(b.cmp(&a))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the frame of the earliest view.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        self.0.iter().map(|v| v.seq).min()
    }

    /// Returns the views that agree with view `i`, including view `i`.
    fn agreeing(&self, i: usize, policy: &GalleryPolicy) -> impl Iterator<Item = usize> {
        let center = &self.0[i].embedding;
        let threshold = policy.agreement_threshold;
        (0..self.0.len()).filter(move |&j| j == i || center.cosine(&self.0[j].embedding) >= threshold)
    }
}

impl From<Group> for Views {
    fn from(group: Group) -> Self {
        Self(group.views)
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::{direction, sighting};

    use super::*;

    fn view(seq: u64, person: u64, quality: f32) -> View {
        View { quality, ..View::from(&sighting(1, seq, person)) }
    }

    #[test]
    fn no_views_have_no_group() {
        let views = Views::default();
        assert!(views.group(&GalleryPolicy::default()).is_none() && views.is_empty());
    }

    #[test]
    fn the_best_views_that_agree_are_kept() {
        let policy = GalleryPolicy::default();
        let mut views = Views::default();
        for (seq, person, quality) in [(0, 1, 0.3), (1, 2, 0.99), (2, 1, 0.5), (3, 1, 0.9), (4, 1, 0.4)] {
            views.add_best(view(seq, person, quality), 3, &policy);
        }
        let group = views.group(&policy).unwrap();
        let kept: Vec<u64> = group.views.iter().map(|v| v.seq).collect();
        assert_eq!(kept, [2, 3, 4], "the stranger and the view with the lowest quality went");
        assert!(group.probe.embedding.cosine(&direction(1, 3)) > 0.9);
        assert_eq!(views.first_seq(), Some(2));
    }

    #[test]
    fn a_frame_has_only_one_view() {
        let policy = GalleryPolicy::default();
        let mut views = Views::default();
        for _ in 0..4 {
            views.add_best(view(7, 1, 0.5), 5, &policy);
        }
        assert_eq!(views.group(&policy).unwrap().views.len(), 1);
    }
}
