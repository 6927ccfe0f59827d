//! Notices what may have put another face under a track's number, so that the track must be looked at again.

use std::collections::HashMap;
use std::time::Duration;

use passerby_types::{BBox, Face, Image, TrackId, TrackedFace};

use crate::scene::luma_grid::LumaGrid;

/// The time without a detection after which a face that is found again may be another one.
const MIN_GAP: Duration = Duration::from_millis(250);
/// How far a face's centre may lie from the place where its velocity would have taken it, in sizes of the face.
const MAX_JUMP: f32 = 0.6;
/// The largest ratio of a face's heights in two detections in a row.
const MAX_GROWTH: f32 = 1.35;
/// How far the detector's score falls below its average in a dip.
const MIN_SCORE_DIP: f32 = 0.2;
/// How far below its average the score is when a dip is over. The average follows, so each dip ends.
const MAX_SCORE_DIFFERENCE: f32 = 0.1;
/// The weight of the newest score in the average.
const SCORE_WEIGHT: f32 = 0.2;
/// The intersection over union from which two tracks overlap.
const MIN_OVERLAP: f32 = 0.05;
/// The correlation of two detections in a row below which the face looks different. Measured on the clips of the tests with real
/// detections: of the same face 1 in 100 pairs of neighbouring frames lies below 0.43 to 0.77, of two faces the middle pair lies
/// at 0.17 to 0.39, except for a classroom filmed from afar.
const MIN_LIKENESS: f32 = 0.5;
/// The correlation of a detection and the last sample below which the view is new. Without a sample of the views in between, a
/// face that turns slowly looks like another one in the end.
const MIN_SAMPLE_LIKENESS: f32 = 0.45;
/// The shortest time between two samples of new views.
const MIN_SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
/// How far the compared part of the picture reaches beyond the face, in sizes of its box.
const MARGIN: f32 = 0.25;

/// The looks of a track when its face was last found.
struct Seen {
    at: Duration,
    bbox: BBox,
    /// The velocity of the centre in pixels a second, or `None` if the face was found only once, or only once since a jump.
    velocity: Option<(f32, f32)>,
    /// The average of the detector's scores.
    score: f32,
    look: LumaGrid<8, 8>,
    /// The time of the last sample, and the look at it.
    sampled: (Duration, LumaGrid<8, 8>),
    /// True if the detector has run since and did not find the face.
    was_missed: bool,
    /// True if the track overlaps another one.
    overlaps: bool,
    /// True if the detector's score has fallen and is not back: the face is hidden, turned away, or is becoming another one.
    dips: bool,
}

/// Watches the live tracks of one camera from detection to detection.
#[derive(Default)]
pub(crate) struct FaceWatch {
    tracks: HashMap<TrackId, Seen>,
}

impl FaceWatch {
    /// Takes the next frame on which the detector ran, at time `at` on the sampling clock, and calls `suspect` with each track
    /// that may show another face than before: after a gap, a jump of the box or of its size, a dip of the detector's score, an
    /// overlap of two tracks that has ended, or if the part of the picture looks different from the last detection or sample.
    pub(crate) fn watch(
        &mut self,
        image: &Image,
        tracks: &[TrackedFace],
        at: Duration,
        mut suspect: impl FnMut(TrackId),
    ) {
        for tracked in tracks {
            let Some(face) = &tracked.face else {
                if let Some(seen) = self.tracks.get_mut(&tracked.track) {
                    seen.was_missed = true;
                }
                continue;
            };
            let overlaps = tracks
                .iter()
                .any(|other| other.track != tracked.track && other.bbox.iou(&tracked.bbox) >= MIN_OVERLAP);
            let margin = MARGIN * face.size();
            let BBox { x1, y1, x2, y2 } = face.bbox;
            let area = BBox::new(x1 - margin, y1 - margin, x2 + margin, y2 + margin);
            let look = LumaGrid::of(image, &area);
            let seen = self.tracks.get(&tracked.track);
            if seen.is_some_and(|seen| seen.is_suspect(face, &look, overlaps, at)) {
                suspect(tracked.track);
            }
            let next = Seen {
                at,
                bbox: face.bbox,
                velocity: seen.and_then(|seen| seen.velocity_to(face, at)),
                score: seen.map_or(face.score, |seen| seen.score + SCORE_WEIGHT * (face.score - seen.score)),
                look,
                sampled: seen.map_or((at, look), |seen| seen.sampled),
                was_missed: false,
                overlaps,
                dips: seen.is_some_and(|seen| seen.begins_dip(face) || (seen.dips && !seen.ends_dip(face))),
            };
            self.tracks.insert(tracked.track, next);
        }
    }

    /// Notes that the track's view in the last frame is sampled.
    pub(crate) fn record_sample(&mut self, track: TrackId) {
        if let Some(seen) = self.tracks.get_mut(&track) {
            seen.sampled = (seen.at, seen.look);
        }
    }

    /// Forgets a track that ended.
    pub(crate) fn end(&mut self, track: TrackId) {
        self.tracks.remove(&track);
    }
}

impl Seen {
    /// Returns true if the face that was found now may be another one.
    fn is_suspect(&self, face: &Face, look: &LumaGrid<8, 8>, overlaps: bool, at: Duration) -> bool {
        let elapsed = at.saturating_sub(self.at);
        let came_back = self.was_missed && elapsed >= MIN_GAP;
        let separated = self.overlaps && !overlaps;
        let growth = face.bbox.height() / self.bbox.height();
        let is_back = self.dips && self.ends_dip(face);
        let is_other_size = !(1.0 / MAX_GROWTH..=MAX_GROWTH).contains(&growth);
        let is_unlike =
            |grid: &LumaGrid<8, 8>, least| grid.correlation(look).is_some_and(|likeness| likeness < least);
        let (sampled_at, sampled) = &self.sampled;
        let is_new_view =
            at.saturating_sub(*sampled_at) >= MIN_SAMPLE_INTERVAL && is_unlike(sampled, MIN_SAMPLE_LIKENESS);
        let looks_different = is_new_view || is_unlike(&self.look, MIN_LIKENESS);
        came_back
            || separated
            || is_back
            || is_other_size
            || looks_different
            || self.has_jumped(face, elapsed)
    }

    fn begins_dip(&self, face: &Face) -> bool {
        face.score < self.score - MIN_SCORE_DIP
    }

    fn ends_dip(&self, face: &Face) -> bool {
        face.score >= self.score - MAX_SCORE_DIFFERENCE
    }

    fn has_jumped(&self, face: &Face, elapsed: Duration) -> bool {
        let Some((x, y)) = self.velocity else { return false };
        let (from, to) = (self.bbox.center(), face.bbox.center());
        let seconds = elapsed.as_secs_f32();
        let off = (to.x - from.x - x * seconds).hypot(to.y - from.y - y * seconds);
        off > MAX_JUMP * face.size().max(1.0)
    }

    /// Returns the velocity from the last detection to this one, or `None` if no time lies between them, or a jump.
    fn velocity_to(&self, face: &Face, at: Duration) -> Option<(f32, f32)> {
        let elapsed = at.saturating_sub(self.at);
        let seconds = elapsed.as_secs_f32();
        let (from, to) = (self.bbox.center(), face.bbox.center());
        (seconds > 0.0 && !self.has_jumped(face, elapsed))
            .then(|| ((to.x - from.x) / seconds, (to.y - from.y) / seconds))
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout, TrackState};

    use super::*;

    /// A picture of 200x100 pixels that darkens to the right, or to the left if `turned`.
    fn picture(turned: bool) -> Image {
        let level = |x: usize| if turned { 255 - x } else { x };
        let bytes = (0..200 * 100).map(|i| level(i % 200) as u8).collect();
        Image::from_vec(PixelLayout::Gray8, 200, 100, ColorSpace::JPEG, bytes).unwrap()
    }

    fn tracked(track: u64, x: f32, size: f32, score: f32) -> TrackedFace {
        let face = Face::new(BBox::from_xywh(x, 20.0, size, size), score);
        let bbox = face.bbox;
        TrackedFace { track: TrackId(track), state: TrackState::Confirmed, bbox, face: Some(face) }
    }

    fn missed(track: u64, x: f32) -> TrackedFace {
        TrackedFace { face: None, state: TrackState::Lost, ..tracked(track, x, 40.0, 0.9) }
    }

    /// Returns the frames in which each track was suspected, at 25 frames a second.
    fn suspected(frames: impl IntoIterator<Item = Vec<TrackedFace>>) -> Vec<(u32, u64)> {
        let mut watch = FaceWatch::default();
        let image = picture(false);
        let mut suspected = Vec::new();
        for (frame, tracks) in (0..).zip(frames) {
            let at = Duration::from_millis(40) * frame;
            watch.watch(&image, &tracks, at, |track| suspected.push((frame, track.0)));
            tracks.iter().for_each(|tracked| watch.record_sample(tracked.track));
        }
        suspected
    }

    #[test]
    fn a_steady_walk_is_never_suspect() {
        let walk = (0..30).map(|i| vec![tracked(1, 4.0 * i as f32, 40.0 + 0.5 * i as f32, 0.9)]);
        assert_eq!(suspected(walk), []);
    }

    #[test]
    fn a_jump_is_suspect() {
        let jump = (0..10).map(|i| vec![tracked(1, if i < 6 { 20.0 } else { 50.0 }, 40.0, 0.9)]);
        assert_eq!(suspected(jump), [(6, 1)]);
    }

    #[test]
    fn another_size_is_suspect() {
        let growth = (0..10).map(|i| vec![tracked(1, 20.0, if i < 6 { 40.0 } else { 58.0 }, 0.9)]);
        assert_eq!(suspected(growth), [(6, 1)]);
    }

    #[test]
    fn a_face_is_suspect_after_a_dip_of_its_score() {
        let dip = (0..12).map(|i| vec![tracked(1, 20.0, 40.0, if (6..9).contains(&i) { 0.65 } else { 0.9 })]);
        assert_eq!(suspected(dip), [(9, 1)]);
    }

    #[test]
    fn a_score_that_stays_low_is_suspect_as_soon_as_it_is_usual() {
        let low = (0..20).map(|i| vec![tracked(1, 20.0, 40.0, if i < 6 { 0.9 } else { 0.65 })]);
        assert_eq!(suspected(low), [(11, 1)]);
    }

    #[test]
    fn a_face_that_comes_back_after_a_quarter_of_a_second_is_suspect() {
        let gap = |frames: u32| {
            (0..20).map(move |i| {
                vec![if (5..5 + frames).contains(&i) { missed(1, 20.0) } else { tracked(1, 20.0, 40.0, 0.9) }]
            })
        };
        assert_eq!(suspected(gap(3)), [], "found again after 160 ms");
        assert_eq!(suspected(gap(6)), [(11, 1)], "found again after 280 ms");
    }

    #[test]
    fn two_tracks_that_separate_are_suspect() {
        // They overlap in the frames 6 to 8, of which one in between is lost.
        let crossing = (0..15).map(|i| {
            let apart = if (6..9).contains(&i) { 30.0 } else { 60.0 };
            let other = if i == 7 { missed(2, 20.0 + apart) } else { tracked(2, 20.0 + apart, 40.0, 0.9) };
            vec![tracked(1, 20.0, 40.0, 0.9), other]
        });
        let suspected: Vec<_> = suspected(crossing).into_iter().filter(|(_, track)| *track == 1).collect();
        assert_eq!(suspected, [(9, 1)]);
    }

    #[test]
    fn a_face_that_looks_different_is_suspect() {
        let mut watch = FaceWatch::default();
        let mut suspected = Vec::new();
        for frame in 0..8 {
            let image = picture(frame >= 5);
            let at = Duration::from_millis(40) * frame;
            watch.watch(&image, &[tracked(1, 60.0, 40.0, 0.9)], at, |_| suspected.push(frame));
            watch.record_sample(TrackId(1));
        }
        assert_eq!(suspected, [5]);
    }

    #[test]
    fn a_view_that_has_slowly_become_another_one_is_suspect() {
        // The light turns from the left to the right in twenty frames.
        let turned = |frame: u8| {
            let level = move |x: usize| (x * (20 - usize::from(frame)) + (200 - x) * usize::from(frame)) / 20;
            let bytes = (0..200 * 100).map(|i| level(i % 200) as u8 + ((i / 2000) % 2) as u8 * 30).collect();
            Image::from_vec(PixelLayout::Gray8, 200, 100, ColorSpace::JPEG, bytes).unwrap()
        };
        let mut watch = FaceWatch::default();
        let mut suspected = Vec::new();
        for frame in 0..20 {
            let at = Duration::from_millis(200) * u32::from(frame);
            let mut is_suspect = false;
            watch.watch(&turned(frame), &[tracked(1, 60.0, 40.0, 0.9)], at, |_| is_suspect = true);
            if is_suspect || frame == 0 {
                watch.record_sample(TrackId(1));
                suspected.push(frame);
            }
        }
        assert!((2..6).contains(&suspected.len()), "{suspected:?}");
    }

    #[test]
    fn an_ended_track_is_forgotten() {
        let mut watch = FaceWatch::default();
        let image = picture(false);
        watch.watch(&image, &[tracked(1, 20.0, 40.0, 0.9)], Duration::ZERO, |_| ());
        watch.end(TrackId(1));
        let mut suspected = false;
        watch.watch(&image, &[tracked(1, 90.0, 90.0, 0.1)], Duration::from_secs(1), |_| suspected = true);
        assert!(!suspected);
    }
}
