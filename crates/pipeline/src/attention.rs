//! Which tracks are worth an embedding or an attribute estimate now.

use std::collections::HashMap;

use passerby_types::{Face, TrackId};

/// When a track is worth a look: at first a few times, then for a clearly better view, then when the last look is old.
/// A settled track costs nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
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
}

impl Policy {
    /// For embeddings. Faces below 30 pixels cannot be told apart, three looks make a person, and once a second
    /// of 25 frames was the original system's rhythm.
    pub const EMBED: Self = Self { min_size: 30.0, first: 3, gap: 2, better: 1.25, stale: 25 };
    /// For age and gender: single estimates scatter by seven years, so more of them are taken, but seldom later.
    pub const CLASSIFY: Self = Self { min_size: 20.0, first: 5, gap: 6, better: 1.25, stale: 50 };
    /// Every face of every frame, whatever its size: for evaluation.
    pub const ALWAYS: Self = Self { min_size: 0.0, first: u32::MAX, gap: 0, better: 0.0, stale: 0 };

    /// True where this view of a track is worth a look, after `look` and at frame `seq`.
    #[must_use]
    pub fn wants(&self, face: &Face, look: Option<&Look>, seq: u64) -> bool {
        if face.landmarks.is_none() || face.size() < self.min_size {
            return false;
        }
        let Some(look) = look else { return self.first > 0 };
        let since = seq.saturating_sub(look.last);
        (look.count < self.first && since >= self.gap)
            || face.quality() > look.best * self.better
            || since >= self.stale
    }
}

/// What was seen of a track so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// How many looks it got.
    pub count: u32,
    /// The best [`Face::quality`] of them.
    pub best: f32,
    /// The frame of the last one.
    pub last: u64,
}

/// The looks that the live tracks of one camera got, for one kind of look.
#[derive(Clone, Debug)]
pub struct Attention {
    policy: Policy,
    looks: HashMap<TrackId, Look>,
}

impl Attention {
    /// No track looked at yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, looks: HashMap::new() }
    }

    /// True where this view of the track is worth a look now.
    #[must_use]
    pub fn wants(&self, track: TrackId, face: &Face, seq: u64) -> bool {
        self.policy.wants(face, self.looks.get(&track), seq)
    }

    /// The track got a look.
    pub fn looked(&mut self, track: TrackId, face: &Face, seq: u64) {
        let look = self.looks.entry(track).or_default();
        *look = Look { count: look.count.saturating_add(1), best: look.best.max(face.quality()), last: seq };
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
        let policy = Policy { min_size: 30.0, first: 3, gap: 4, better: 1.25, stale: 25 };
        let (mut attention, track) = (Attention::new(policy), TrackId(1));
        let mut looks = Vec::new();
        for seq in 0..80 {
            let view = face(if seq < 40 { 50.0 } else { 80.0 });
            if attention.wants(track, &view, seq) {
                attention.looked(track, &view, seq);
                looks.push(seq);
            }
        }
        // New three times, stale after 25, better at 40, stale 25 later.
        assert_eq!(looks, [0, 4, 8, 33, 40, 65]);
        attention.end(track);
        assert!(attention.wants(track, &face(50.0), 80), "an ended track is forgotten");
    }

    #[test]
    fn small_faces_and_faces_without_landmarks_get_no_look() {
        let attention = Attention::new(Policy::EMBED);
        assert!(!attention.wants(TrackId(1), &face(29.0), 0));
        assert!(attention.too_small(TrackId(1), &face(29.0)));
        assert!(attention.wants(TrackId(1), &face(31.0), 0));
        assert!(!attention.wants(TrackId(1), &Face::new(BBox::from_xywh(0.0, 0.0, 90.0, 90.0), 0.9), 0));
        let always = Attention::new(Policy::ALWAYS);
        assert!((0..9).all(|seq| always.wants(TrackId(1), &face(5.0), seq)));
    }
}
