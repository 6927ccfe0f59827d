//! Which views of a track are worth an embedding or an attribute estimate.

use std::collections::HashMap;
use std::time::Duration;

use passerby_types::{Face, TrackId};

/// When a view of a track is worth a sample: an embedding, or an attribute estimate.
///
/// A new track gets a few samples at first, then one for each clearly better view, and one when its last sample is old. A
/// settled track, whose identity or attributes are known, gets samples of clearly better views only, and one at longer
/// intervals in case the tracker has moved on to another face. A track that may show another face than before
/// ([`ViewSelector::suspect`], [`ViewSelector::doubt`]) gets one at once.
///
/// All times are on the camera's sampling clock:
/// - For a live source it is [`FrameMeta::captured`](passerby_types::FrameMeta::captured), the moment of arrival.
/// - For a lossless source, such as a file, it is [`FrameMeta::pts`](passerby_types::FrameMeta::pts), the time in the
///   stream, since a file is decoded faster or slower than it was recorded.
/// - If a picture of a lossless source has no presentation time, its number divided by the source's frame rate takes its
///   place, or by 25 if the source states none.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_pipeline::SamplingPolicy;
///
/// // Two embeddings of a new person, half a second apart, and then one a minute.
/// let sparse = SamplingPolicy {
///     initial_views: 2,
///     min_gap: Duration::from_millis(500),
///     stale_after: Duration::from_secs(60),
///     recheck_after: Duration::from_secs(60),
///     ..SamplingPolicy::EMBED
/// };
/// assert_eq!(sparse.min_size, 30.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SamplingPolicy {
    /// The smallest shorter side of a face that is sampled, in pixels.
    pub min_size: f32,
    /// The number of samples that a new track gets at first.
    pub initial_views: u32,
    /// The shortest time between two of these first samples. Neighbouring frames show nearly the same view, and a face that
    /// is just entering the picture is not at its best.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub min_gap: Duration,
    /// The smallest ratio of a view's [`Face::quality`] to that of the best view before, for which the view counts as
    /// clearly better.
    pub min_quality_gain: f32,
    /// The time after which the last sample of a track is old.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub stale_after: Duration,
    /// The same time for a settled track.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub recheck_after: Duration,
}

impl SamplingPolicy {
    /// The policy for embeddings. Faces below 30 pixels cannot be told apart. Three samples make a person: at 25 frames a
    /// second, those of every second frame. The original system took one each second. Every three seconds a settled track is
    /// looked at again: at 25 frames a second that is one embedding in 75 detections, in case nothing else showed that the face
    /// has changed.
    pub const EMBED: Self = Self {
        min_size: 30.0,
        initial_views: 3,
        min_gap: Duration::from_millis(80),
        min_quality_gain: 1.25,
        stale_after: Duration::from_secs(1),
        recheck_after: Duration::from_secs(3),
    };
    /// The policy for age and gender. A single-frame estimate is noisy, by about seven years of age, so a new track gets
    /// more samples, and later ones are rare.
    pub const CLASSIFY: Self = Self {
        min_size: 20.0,
        initial_views: 5,
        min_gap: Duration::from_millis(240),
        min_quality_gain: 1.25,
        stale_after: Duration::from_secs(2),
        recheck_after: Duration::from_secs(20),
    };
    /// Samples every face of every frame, whatever its size: for evaluation.
    pub const ALWAYS: Self = Self {
        min_size: 0.0,
        initial_views: u32::MAX,
        min_gap: Duration::ZERO,
        min_quality_gain: 0.0,
        stale_after: Duration::ZERO,
        recheck_after: Duration::ZERO,
    };

    /// Returns why a view of a track is worth a sample at time `at`, or `None` if it is not. `history` is `None` for a track
    /// without samples. A face without landmarks is never worth one.
    #[must_use]
    pub fn reason(&self, face: &Face, history: Option<&ViewHistory>, at: Duration) -> Option<SampleReason> {
        if face.landmarks.is_none() || face.size() < self.min_size {
            return None;
        }
        let Some(history) = history else { return (self.initial_views > 0).then_some(SampleReason::New) };
        let elapsed = at.saturating_sub(history.last_sample);
        let doubted = history.doubted && history.doubt_samples < MAX_DOUBT_SAMPLES;
        if (history.suspected || doubted) && elapsed >= self.min_gap {
            return Some(SampleReason::Doubted);
        }
        if history.samples < self.initial_views && elapsed >= self.min_gap {
            return Some(SampleReason::Early);
        }
        if face.quality() > history.best_quality * self.min_quality_gain {
            return Some(SampleReason::Better);
        }
        let settled = history.settled && history.samples >= self.initial_views;
        let due = if settled { self.recheck_after } else { self.stale_after };
        (elapsed >= due).then_some(SampleReason::Stale)
    }
}

/// Why a view of a track is worth a sample, the least urgent reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleReason {
    /// The last sample is old.
    Stale,
    /// The view is clearly better than the best one before.
    Better,
    /// The track does not have all its first samples yet.
    Early,
    /// The track may show another face than before.
    Doubted,
    /// The track has no sample.
    New,
}

impl SampleReason {
    /// Returns the priority of the sample in a queue, 0 to 5. A more urgent reason always goes first. Of two samples with
    /// one reason, the better view goes first.
    #[must_use]
    pub fn priority(self, face: &Face) -> f32 {
        f32::from(self as u8) + face.quality().min(0.999)
    }
}

/// The samples of a track until now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewHistory {
    /// The number of samples.
    pub samples: u32,
    /// The best [`Face::quality`] of a sampled view.
    pub best_quality: f32,
    /// The time of the last sample on the sampling clock.
    pub last_sample: Duration,
    /// True if the track's identity or attributes are known.
    pub settled: bool,
    /// True if something has happened since the last sample after which the track may show another face.
    pub suspected: bool,
    /// True if another sample would help to decide who the track is.
    pub doubted: bool,
    /// The number of samples in a row since the track is doubted.
    pub doubt_samples: u32,
}

/// The number of samples in a row that a doubted track gets as fast as the policy's `min_gap` allows. After them it is sampled
/// like a track that is not settled.
const MAX_DOUBT_SAMPLES: u32 = 6;

/// Selects the views of one camera's live tracks that are worth a sample, for one kind of sample.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_pipeline::{SampleReason, SamplingPolicy, ViewSelector};
/// use passerby_types::{BBox, Face, Landmarks, Point, TrackId};
///
/// let landmarks = Landmarks([(35.0, 40.0), (65.0, 40.0), (50.0, 55.0), (40.0, 70.0), (60.0, 70.0)]
///     .map(|(x, y)| Point { x, y }));
/// let face = Face::new(BBox::new(20.0, 10.0, 80.0, 90.0), 0.9).with_landmarks(landmarks);
/// let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
///
/// assert_eq!(selector.reason(TrackId(1), &face, Duration::ZERO), Some(SampleReason::New));
/// selector.record(TrackId(1), &face, Duration::ZERO);
/// assert_eq!(selector.reason(TrackId(1), &face, Duration::from_millis(40)), None);
/// assert_eq!(selector.reason(TrackId(1), &face, Duration::from_millis(80)), Some(SampleReason::Early));
/// ```
#[derive(Clone, Debug)]
pub struct ViewSelector {
    policy: SamplingPolicy,
    tracks: HashMap<TrackId, ViewHistory>,
}

impl ViewSelector {
    /// Creates a selector that knows no track.
    #[must_use]
    pub fn new(policy: SamplingPolicy) -> Self {
        Self { policy, tracks: HashMap::new() }
    }

    /// Returns why a view of the track is worth a sample at time `at`, or `None` if it is not.
    #[must_use]
    pub fn reason(&self, track: TrackId, face: &Face, at: Duration) -> Option<SampleReason> {
        self.policy.reason(face, self.tracks.get(&track), at)
    }

    /// Records a sample of the track. Returns the history before it, for [`ViewSelector::retract`].
    pub fn record(&mut self, track: TrackId, face: &Face, at: Duration) -> Option<ViewHistory> {
        let before = self.tracks.get(&track).copied();
        let history = before.unwrap_or_default();
        let after = ViewHistory {
            samples: history.samples.saturating_add(1),
            best_quality: history.best_quality.max(face.quality()),
            last_sample: at,
            suspected: false,
            doubt_samples: history.doubt_samples.saturating_add(u32::from(history.doubted)),
            ..history
        };
        self.tracks.insert(track, after);
        before
    }

    /// Takes the sample at time `at` back because it failed, so that the track may be sampled again. `before` must be what
    /// [`ViewSelector::record`] returned. If the track has a later sample, or has ended, this does nothing.
    pub fn retract(&mut self, track: TrackId, at: Duration, before: Option<ViewHistory>) {
        let samples = before.unwrap_or_default().samples.saturating_add(1);
        let is_last = |history: &ViewHistory| history.last_sample == at && history.samples == samples;
        if self.tracks.get(&track).is_some_and(is_last) {
            match before {
                Some(history) => self.tracks.insert(track, history),
                None => self.tracks.remove(&track),
            };
        }
    }

    /// Notes whether the track's identity or attributes are known. Without a sample of the track this does nothing.
    pub fn settle(&mut self, track: TrackId, settled: bool) {
        if let Some(history) = self.tracks.get_mut(&track) {
            history.settled = settled;
        }
    }

    /// Notes that something has happened after which the track may show another face, so that its next view is worth a sample.
    /// Without a sample of the track this does nothing: its first one is due anyway.
    pub fn suspect(&mut self, track: TrackId) {
        if let Some(history) = self.tracks.get_mut(&track) {
            history.suspected = true;
        }
    }

    /// Notes whether another sample would help to decide who the track is. Returns true while the track gets such samples as
    /// fast as the policy's `min_gap` allows, which is for the next six. Without a sample of the track this does nothing, and
    /// returns false.
    pub fn doubt(&mut self, track: TrackId, doubted: bool) -> bool {
        let Some(history) = self.tracks.get_mut(&track) else { return false };
        history.doubted = doubted;
        history.doubt_samples = if doubted { history.doubt_samples } else { 0 };
        doubted && history.doubt_samples < MAX_DOUBT_SAMPLES
    }

    /// Returns true if the track has no sample and this view is too small for one.
    #[must_use]
    pub fn too_small(&self, track: TrackId, face: &Face) -> bool {
        !self.tracks.contains_key(&track) && face.size() < self.policy.min_size
    }

    /// Forgets a track that ended.
    pub fn end(&mut self, track: TrackId) {
        self.tracks.remove(&track);
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::frontal;
    use passerby_types::BBox;

    use super::SampleReason::{Better, Doubted, Early, New, Stale};
    use super::*;

    const TRACK: TrackId = TrackId(1);

    fn face(size: f32) -> Face {
        let bbox = BBox::from_xywh(10.0, 10.0, size, size);
        Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
    }

    /// The time of a frame at 25 frames a second.
    fn at(frame: u32) -> Duration {
        Duration::from_millis(40) * frame
    }

    /// The frames of which a sample is taken, with the reason, at this frame rate.
    fn samples(
        policy: SamplingPolicy,
        frame_rate: u32,
        frames: u32,
        face: impl Fn(u32) -> Face,
    ) -> Vec<(u32, SampleReason)> {
        let mut selector = ViewSelector::new(policy);
        let mut samples = Vec::new();
        for frame in 0..frames {
            let at = Duration::from_secs(1) * frame / frame_rate;
            if let Some(reason) = selector.reason(TRACK, &face(frame), at) {
                selector.record(TRACK, &face(frame), at);
                samples.push((frame, reason));
            }
        }
        samples
    }

    #[test]
    fn a_track_is_sampled_if_it_is_new_better_or_stale() {
        let policy = SamplingPolicy { min_gap: at(4), ..SamplingPolicy::EMBED };
        let samples = samples(policy, 25, 80, |frame| face(if frame < 40 { 50.0 } else { 80.0 }));
        // New three times, stale after 25 frames, better at 40, stale 25 frames later.
        let expected = [(0, New), (4, Early), (8, Early), (33, Stale), (40, Better), (65, Stale)];
        assert_eq!(samples, expected);
    }

    #[test]
    fn a_second_is_a_second_at_five_frames_a_second() {
        // The first samples are further apart than the gap, and the next ones one and two seconds later.
        let embeddings = samples(SamplingPolicy::EMBED, 5, 20, |_| face(50.0));
        assert_eq!(embeddings, [(0, New), (1, Early), (2, Early), (7, Stale), (12, Stale), (17, Stale)]);
        let estimates = samples(SamplingPolicy::CLASSIFY, 5, 30, |_| face(50.0));
        let first = [(0, New), (2, Early), (4, Early), (6, Early), (8, Early)];
        assert_eq!(estimates[..5], first);
        assert_eq!(estimates[5..], [(18, Stale), (28, Stale)]);
    }

    #[test]
    fn every_frame_is_sampled_at_any_rate_under_always() {
        for frame_rate in [1, 5, 24, 25, 30, 1000] {
            let samples = samples(SamplingPolicy::ALWAYS, frame_rate, 50, |_| face(5.0));
            assert_eq!(samples.len(), 50, "{frame_rate} frames a second");
        }
    }

    #[test]
    fn an_ended_track_is_forgotten() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        selector.record(TRACK, &face(50.0), at(0));
        assert_eq!(selector.reason(TRACK, &face(50.0), at(1)), None);
        selector.end(TRACK);
        assert_eq!(selector.reason(TRACK, &face(50.0), at(1)), Some(New));
    }

    #[test]
    fn a_settled_track_is_sampled_for_a_better_view_or_after_three_seconds() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        let mut samples = Vec::new();
        for frame in 0..350 {
            let view = face(if frame < 100 { 50.0 } else { 80.0 });
            if let Some(reason) = selector.reason(TRACK, &view, at(frame)) {
                selector.record(TRACK, &view, at(frame));
                samples.push((frame, reason));
            }
            // Known from the second sample on, except for a while in the middle.
            selector.settle(TRACK, samples.len() > 1 && !(250..260).contains(&frame));
        }
        let expected = [
            (0, New),
            (2, Early),
            (4, Early),
            (79, Stale),
            (100, Better),
            (175, Stale),
            (250, Stale),
            (325, Stale),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn a_suspected_track_is_sampled_once_at_its_next_view() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        for frame in 0..3 {
            selector.record(TRACK, &face(50.0), at(2 * frame));
        }
        selector.suspect(TRACK);
        selector.settle(TRACK, true);
        assert_eq!(selector.reason(TRACK, &face(50.0), at(5)), None, "a neighbouring frame");
        assert_eq!(selector.reason(TRACK, &face(29.0), at(6)), None, "too small");
        assert_eq!(selector.reason(TRACK, &face(50.0), at(7)), Some(Doubted));
        selector.record(TRACK, &face(50.0), at(7));
        assert_eq!(selector.reason(TRACK, &face(50.0), at(20)), None);
    }

    #[test]
    fn a_doubted_track_is_sampled_six_times_and_then_like_an_unsettled_one() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        let mut samples = Vec::new();
        for frame in 0..130 {
            if let Some(reason) = selector.reason(TRACK, &face(50.0), at(frame)) {
                selector.record(TRACK, &face(50.0), at(frame));
                samples.push((frame, reason));
            }
            let doubted = (10..100).contains(&frame);
            selector.settle(TRACK, !doubted);
            assert_eq!(selector.doubt(TRACK, doubted), doubted && frame < 21, "frame {frame}");
        }
        let first = [(0, New), (2, Early), (4, Early)];
        let doubted = [11, 13, 15, 17, 19, 21].map(|frame| (frame, Doubted));
        let later = [(46, Stale), (71, Stale), (96, Stale)];
        assert_eq!(samples, [&first[..], &doubted, &later].concat());
    }

    #[test]
    fn a_failed_sample_is_taken_back() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        let view = face(50.0);
        let before = selector.record(TRACK, &view, at(0));
        assert_eq!(selector.reason(TRACK, &view, at(0)), None);
        selector.retract(TRACK, at(0), before);
        assert_eq!(selector.reason(TRACK, &view, at(0)), Some(New));
    }

    #[test]
    fn a_later_sample_stays_if_an_earlier_one_fails() {
        let mut selector = ViewSelector::new(SamplingPolicy::EMBED);
        let view = face(50.0);
        selector.record(TRACK, &view, at(0));
        let before = selector.record(TRACK, &view, at(2));
        selector.record(TRACK, &view, at(4));
        selector.retract(TRACK, at(2), before);
        assert_eq!(selector.reason(TRACK, &view, at(5)), None, "there are three samples, the last at 4");
    }

    #[test]
    fn a_new_track_goes_first() {
        let order = [Stale, Better, Early, Doubted, New].map(|reason| reason.priority(&face(50.0)));
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert!(Better.priority(&face(900.0)) < Early.priority(&face(31.0)));
    }

    #[test]
    fn the_better_of_two_views_goes_first() {
        assert!(Better.priority(&face(90.0)) > Better.priority(&face(31.0)));
    }

    #[test]
    fn a_small_face_is_not_sampled() {
        let selector = ViewSelector::new(SamplingPolicy::EMBED);
        assert_eq!(selector.reason(TRACK, &face(29.0), at(0)), None);
        assert!(selector.too_small(TRACK, &face(29.0)));
        assert!(selector.reason(TRACK, &face(31.0), at(0)).is_some());
    }

    #[test]
    fn a_face_without_landmarks_is_not_sampled() {
        let selector = ViewSelector::new(SamplingPolicy::EMBED);
        let without = Face::new(BBox::from_xywh(0.0, 0.0, 90.0, 90.0), 0.9);
        assert_eq!(selector.reason(TRACK, &without, at(0)), None);
    }
}
