//! The best views of one track, and what they have in common.

use passerby_types::{Embedding, Sighting, Timestamp};

use crate::GalleryPolicy;

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

/// A few views of one track, one a frame.
#[derive(Clone, Default)]
pub(crate) struct Views(Vec<View>);

/// The largest group of a track's views that agree.
#[derive(Clone)]
pub(crate) struct Group {
    /// The direction of their quality-weighted mean.
    pub(crate) mean: Embedding,
    /// The views.
    pub(crate) views: Vec<View>,
}

impl Views {
    /// Takes one more view; of more than `keep`, the one goes that agrees with the fewest, of these the one of the
    /// least quality, of these the oldest. A second view of one frame is not taken.
    pub(crate) fn add(&mut self, view: View, keep: usize, policy: &GalleryPolicy) {
        if self.0.iter().any(|v| v.seq == view.seq) {
            return;
        }
        self.0.push(view);
        if self.0.len() > keep {
            let worth = |i: &usize| {
                let view = &self.0[*i];
                (self.agreeing(*i, policy).count(), view.quality, view.seq)
            };
            let least = (0..self.0.len()).min_by(|a, b| {
                let ((an, aq, aseq), (bn, bq, bseq)) = (worth(a), worth(b));
                an.cmp(&bn).then(aq.total_cmp(&bq)).then(aseq.cmp(&bseq))
            });
            least.map(|i| self.0.remove(i));
        }
    }

    /// Takes one more view; of more than `keep`, the one taken first goes. A second view of one frame is not taken.
    pub(crate) fn add_latest(&mut self, view: View, keep: usize) {
        if self.0.iter().any(|v| v.seq == view.seq) {
            return;
        }
        self.0.push(view);
        let surplus = self.0.len().saturating_sub(keep);
        self.0.drain(..surplus);
    }

    /// The largest group of views that agree with one of them; of two as large, the one of more quality. `None`
    /// where there is no view.
    pub(crate) fn group(&self, policy: &GalleryPolicy) -> Option<Group> {
        let views = self.agreeing(self.middle(policy)?, policy).map(|j| self.0[j].clone()).collect();
        Some(Group { mean: self.mean(policy)?.0, views })
    }

    /// The direction of the quality-weighted mean of the largest group, and of how many views it is. `None` where there is
    /// no view, or they cancel out.
    pub(crate) fn mean(&self, policy: &GalleryPolicy) -> Option<(Embedding, usize)> {
        let middle = self.middle(policy)?;
        let group = || self.agreeing(middle, policy).map(|j| &self.0[j]);
        Some((Embedding::mean(group().map(|view| (&view.embedding, view.quality)))?, group().count()))
    }

    /// The view with which the largest group agrees.
    fn middle(&self, policy: &GalleryPolicy) -> Option<usize> {
        let size = |i: usize| {
            let (mut count, mut quality) = (0, 0.0);
            for j in self.agreeing(i, policy) {
                count += 1;
                quality += self.0[j].quality;
            }
            (count, quality)
        };
        (0..self.0.len()).max_by(|&a, &b| {
            let ((an, aq), (bn, bq)) = (size(a), size(b));
            // Of equals the first.
            an.cmp(&bn).then(aq.total_cmp(&bq)).then(b.cmp(&a))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The frame of the earliest view.
    pub(crate) fn since(&self) -> Option<u64> {
        self.0.iter().map(|v| v.seq).min()
    }

    /// The views that agree with view `i`, itself among them.
    fn agreeing(&self, i: usize, policy: &GalleryPolicy) -> impl Iterator<Item = usize> {
        let with = &self.0[i].embedding;
        let agree = policy.agree;
        (0..self.0.len()).filter(move |&j| j == i || with.cosine(&self.0[j].embedding) >= agree)
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
    fn the_best_views_that_agree_are_kept() {
        let (policy, mut views) = (GalleryPolicy::default(), Views::default());
        assert!(views.group(&policy).is_none() && views.is_empty());
        for (seq, person, quality) in [(0, 1, 0.3), (1, 2, 0.99), (2, 1, 0.5), (3, 1, 0.9), (4, 1, 0.4)] {
            views.add(view(seq, person, quality), 3, &policy);
        }
        let group = views.group(&policy).unwrap();
        let kept: Vec<u64> = group.views.iter().map(|v| v.seq).collect();
        assert_eq!(kept, [2, 3, 4], "the stranger and the poorest went");
        assert!(group.mean.cosine(&direction(1, 3)) > 0.9);
        assert_eq!(views.since(), Some(2));
    }

    #[test]
    fn one_frame_is_one_view() {
        let (policy, mut views) = (GalleryPolicy::default(), Views::default());
        for _ in 0..4 {
            views.add(view(7, 1, 0.5), 5, &policy);
        }
        assert_eq!(views.group(&policy).unwrap().views.len(), 1);
    }
}
