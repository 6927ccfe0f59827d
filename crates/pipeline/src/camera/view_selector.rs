//! Which tracks are worth an embedding or an attribute estimate now.

use std::collections::HashMap;

use passerby_types::{Face, TrackId};

/// When a track is worth a look: at first a few times, then for a clearly better view, then when the last look is old.
/// A settled track, of which is known what the looks are for, costs nothing but a look for a clearly better view, of
/// which there are few, and one at long intervals, in case the tracker took another face for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingPolicy {
    /// The shorter side a face must have, in pixels.
    pub min_size: f32,
    /// How many looks a new track gets at first.
    pub first: u32,
    /// How many frames lie between these at the least: neighbouring frames show nearly the same view, and a face that
    /// is just entering the picture is not at its best.
    pub gap: u64,
    /// How much better ([`Face::quality`], as a ratio) than the best view so far a view must be.
    pub better: f32,
    /// After how many frames a look is old.
    pub stale: u64,
    /// The same for a settled track.
    pub recheck: u64,
}

impl SamplingPolicy {
    /// For embeddings. Faces below 30 pixels cannot be told apart, three looks make a person, and once a second
    /// of 25 frames was the original system's rhythm.
    pub const EMBED: Self = Self { min_size: 30.0, first: 3, gap: 2, better: 1.25, stale: 25, recheck: 250 };
    /// For age and gender: single estimates scatter by seven years, so more of them are taken, but seldom later.
    pub const CLASSIFY: Self =
        Self { min_size: 20.0, first: 5, gap: 6, better: 1.25, stale: 50, recheck: 500 };
    /// Every face of every frame, whatever its size: for evaluation.
    pub const ALWAYS: Self =
        Self { min_size: 0.0, first: u32::MAX, gap: 0, better: 0.0, stale: 0, recheck: 0 };

    /// Why this view of a track is worth a look at frame `seq`, after `look`; `None` where it is not.
    #[must_use]
    pub fn interest(&self, face: &Face, look: Option<&ViewHistory>, seq: u64) -> Option<SampleReason> {
        if face.landmarks.is_none() || face.size() < self.min_size {
            return None;
        }
        let Some(look) = look else { return (self.first > 0).then_some(SampleReason::New) };
        let since = seq.saturating_sub(look.last);
        if look.count < self.first && since >= self.gap {
            return Some(SampleReason::Early);
        }
        if face.quality() > look.best * self.better {
            return Some(SampleReason::Better);
        }
        let settled = look.settled && look.count >= self.first;
        (since >= if settled { self.recheck } else { self.stale }).then_some(SampleReason::Stale)
    }
}

/// Why a view of a track is worth a look, the least urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleReason {
    /// The last look is old.
    Stale,
    /// The view is clearly better than the best so far.
    Better,
    /// The track has not had its first looks yet.
    Early,
    /// The track never had a look.
    New,
}

impl SampleReason {
    /// The place in a queue of looks: what is more urgent first, and of two alike the better view.
    #[must_use]
    pub fn priority(self, face: &Face) -> f32 {
        f32::from(self as u8) + face.quality().min(0.999)
    }
}

/// What was seen of a track so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewHistory {
    /// How many looks it got.
    pub count: u32,
    /// The best [`Face::quality`] of them.
    pub best: f32,
    /// The frame of the last one.
    pub last: u64,
    /// True where it is known what the looks are for.
    pub settled: bool,
}

/// The looks that the live tracks of one camera got, for one kind of look.
#[derive(Clone, Debug)]
pub struct ViewSelector {
    policy: SamplingPolicy,
    looks: HashMap<TrackId, ViewHistory>,
}

impl ViewSelector {
    /// No track looked at yet.
    #[must_use]
    pub fn new(policy: SamplingPolicy) -> Self {
        Self { policy, looks: HashMap::new() }
    }

    /// Why this view of the track is worth a look now; `None` where it is not.
    #[must_use]
    pub fn interest(&self, track: TrackId, face: &Face, seq: u64) -> Option<SampleReason> {
        self.policy.interest(face, self.looks.get(&track), seq)
    }

    /// The track gets a look. Gives what was known before, for [`ViewSelector::failed`].
    pub fn look(&mut self, track: TrackId, face: &Face, seq: u64) -> Option<ViewHistory> {
        let before = self.looks.get(&track).copied();
        let ViewHistory { count, best, settled, .. } = before.unwrap_or_default();
        let best = best.max(face.quality());
        let look = ViewHistory { count: count.saturating_add(1), best, last: seq, settled };
        self.looks.insert(track, look);
        before
    }

    /// The look at frame `seq` came to nothing: the track is worth another as `before` it, unless it got a later one.
    pub fn failed(&mut self, track: TrackId, seq: u64, before: Option<ViewHistory>) {
        if self.looks.get(&track).is_some_and(|look| look.last == seq) {
            match before {
                Some(look) => self.looks.insert(track, look),
                None => self.looks.remove(&track),
            };
        }
    }

    /// It is known, or not any more, what the looks at the track are for.
    pub fn settle(&mut self, track: TrackId, settled: bool) {
        if let Some(look) = self.looks.get_mut(&track) {
            look.settled = settled;
        }
    }

    /// True where the track never got a look and this view is too small for one.
    #[must_use]
    pub fn too_small(&self, track: TrackId, face: &Face) -> bool {
        !self.looks.contains_key(&track) && face.size() < self.policy.min_size
    }

    /// The track ended.
    pub fn end(&mut self, track: TrackId) {
        self.looks.remove(&track);
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::frontal;
    use passerby_types::BBox;

    use super::*;

    fn face(size: f32) -> Face {
        let bbox = BBox::from_xywh(10.0, 10.0, size, size);
        Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
    }

    #[test]
    fn a_track_is_looked_at_when_new_when_better_when_stale_and_else_not() {
        let policy =
            SamplingPolicy { min_size: 30.0, first: 3, gap: 4, better: 1.25, stale: 25, recheck: 250 };
        let (mut attention, track) = (ViewSelector::new(policy), TrackId(1));
        let mut looks = Vec::new();
        for seq in 0..80 {
            let view = face(if seq < 40 { 50.0 } else { 80.0 });
            if let Some(interest) = attention.interest(track, &view, seq) {
                attention.look(track, &view, seq);
                looks.push((seq, interest));
            }
        }
        // New three times, stale after 25, better at 40, stale 25 later.
        use SampleReason::{Better, Early, New, Stale};
        assert_eq!(looks, [(0, New), (4, Early), (8, Early), (33, Stale), (40, Better), (65, Stale)]);
        attention.end(track);
        assert_eq!(attention.interest(track, &face(50.0), 80), Some(New), "an ended track is forgotten");
    }

    #[test]
    fn a_settled_track_is_looked_at_for_a_better_view_and_once_in_ten_seconds() {
        let (mut attention, track) = (ViewSelector::new(SamplingPolicy::EMBED), TrackId(1));
        let mut looks = Vec::new();
        for seq in 0..700 {
            let view = face(if seq < 100 { 50.0 } else { 80.0 });
            if let Some(interest) = attention.interest(track, &view, seq) {
                attention.look(track, &view, seq);
                looks.push((seq, interest));
            }
            // Known from the second look on, and for a while not any more.
            attention.settle(track, looks.len() > 1 && !(400..410).contains(&seq));
        }
        use SampleReason::{Better, Early, New, Stale};
        let seen =
            [(0, New), (2, Early), (4, Early), (100, Better), (350, Stale), (401, Stale), (651, Stale)];
        assert_eq!(looks, seen);
    }

    #[test]
    fn a_look_that_failed_is_taken_back_and_a_later_one_stays() {
        let (mut attention, track, view) = (ViewSelector::new(SamplingPolicy::EMBED), TrackId(1), face(50.0));
        let before = attention.look(track, &view, 0);
        assert_eq!(attention.interest(track, &view, 0), None);
        attention.failed(track, 0, before);
        assert_eq!(attention.interest(track, &view, 0), Some(SampleReason::New));
        attention.look(track, &view, 0);
        let before = attention.look(track, &view, 2);
        attention.look(track, &view, 4);
        attention.failed(track, 2, before);
        assert_eq!(attention.interest(track, &view, 5), None, "three looks were taken, the last at 4");
    }

    #[test]
    fn what_is_new_goes_first_and_of_two_alike_the_better_view() {
        use SampleReason::{Better, Early, New, Stale};
        let order = [Stale, Better, Early, New].map(|i| i.priority(&face(50.0)));
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert!(Better.priority(&face(90.0)) > Better.priority(&face(31.0)));
        assert!(Better.priority(&face(900.0)) < Early.priority(&face(31.0)));
    }

    #[test]
    fn small_faces_and_faces_without_landmarks_get_no_look() {
        let attention = ViewSelector::new(SamplingPolicy::EMBED);
        assert_eq!(attention.interest(TrackId(1), &face(29.0), 0), None);
        assert!(attention.too_small(TrackId(1), &face(29.0)));
        assert!(attention.interest(TrackId(1), &face(31.0), 0).is_some());
        let blind = Face::new(BBox::from_xywh(0.0, 0.0, 90.0, 90.0), 0.9);
        assert_eq!(attention.interest(TrackId(1), &blind, 0), None);
        let always = ViewSelector::new(SamplingPolicy::ALWAYS);
        assert!((0..9).all(|seq| always.interest(TrackId(1), &face(5.0), seq).is_some()));
    }
}
