//! SORT: a Kalman filter for each track, and the best assignment over all of them.

use std::time::Duration;

use passerby_types::{BBox, Face, FrameMeta, TrackId, TrackState, TrackUpdate, TrackedFace, Tracker};

use crate::assign::Assigner;
use crate::frame_counter::FrameCounter;
use crate::heading::Heading;
use crate::kalman::Motion;
use crate::lifecycle::{Life, Track, TrackIds, begin_frame, end_frame};
use crate::mean_score::MeanScore;
use crate::overlap::{IndexedBox, Pair, find_overlaps, is_trackable};

/// The most frames that a prediction moves on over one gap; after them the box stands still.
///
/// The limit is far above every sensible [`SortSettings::max_age`], so it changes no result. It bounds the cost of a
/// `seq` that jumps to its largest number.
const MAX_PREDICTED_FRAMES: u64 = 1000;

/// The part of the usual score below which the scores of a track are faint.
const FAINT: f32 = 0.9;

/// The least score of a pair that may be assigned, even if its direction speaks against it.
const LEAST_SCORE: f32 = 1e-3;

/// The settings of [`Sort`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SortSettings {
    /// The number of detections that confirm a track. Until then, its first miss ends it. Default 3, as in the
    /// reference implementation of Bewley et al.: a detection that appears only once or twice is mostly no face.
    pub min_hits: u32,
    /// The least match score of a prediction and a detection, 0 to 1. The score is the intersection over union of the
    /// two boxes, both grown by `box_margin`, times the ratio of the smaller height to the larger. Default 0.25.
    pub match_threshold: f32,
    /// How far each side of a box moves out before boxes are compared, as a part of the box's width or height, 0 to 10.
    /// A margin helps at low frame rates, at which the boxes of one face may not overlap. Default 0.2; with 0 the boxes
    /// are compared as they are.
    pub box_margin: f32,
    /// The detection score from which a detection is strong, 0 to 1. A weak detection can continue a confirmed track
    /// that no strong one fits, and never starts a track. Default 0.6; with 0 every detection is strong.
    pub strong_score: f32,
    /// The number of frames for which a track lives without a detection. It ends at the next frame. Default 30.
    pub max_age: u32,
    /// The margin of a second round, in which lost tracks choose among the strong detections that no track took. It is measured
    /// as `box_margin` is, and should be larger: a prediction drifts while a face is hidden. Default 0.6; with 0 there is
    /// no such round.
    pub lost_margin: f32,
    /// How far a low detection score lowers the match score of a strong detection, 0 to 1: the match score is multiplied by
    /// `1 - score_weight * (1 - s)`, in which `s` is the detection's score over the average of the tracks that are being
    /// followed, at most 1. So a doubtful detection must fit better. Default 0.8; with 0 scores do not count.
    pub score_weight: f32,
    /// The number of further detections that confirm a faint track: one whose scores average less than nine tenths of the
    /// usual ones. Default 1; with 0 all tracks need `min_hits`. With a `min_hits` of 1 every track is confirmed at once.
    pub faint_hits: u32,
    /// How much the direction of a face counts, 0 to 1: the cosine of the angle between the way of the track and the way to
    /// the detection, times this weight and `s`, is added to the match score of each pair that reaches
    /// `match_threshold`. Default 0.07; with 0 the direction does not count.
    pub direction_weight: f32,
    /// How far the noise of the motion model follows the errors of a track's predictions, 0 to 1. Faces that
    /// stop and turn, and cameras that move, need more of it than people who walk past. Default 0.5; with 0 it is the same
    /// for all.
    pub noise_adaptation: f32,
}

impl Default for SortSettings {
    fn default() -> Self {
        Self {
            min_hits: 3,
            match_threshold: 0.25,
            box_margin: 0.2,
            strong_score: 0.6,
            max_age: 30,
            lost_margin: 0.6,
            score_weight: 0.8,
            faint_hits: 1,
            direction_weight: 0.07,
            noise_adaptation: 0.5,
        }
    }
}

impl SortSettings {
    fn is_strong(&self, face: &Face) -> bool {
        face.score >= self.strong_score
    }

    /// Returns the number of detections that confirm a track with this average score.
    fn hits_to_confirm(&self, score: &MeanScore, usual: &MeanScore) -> u32 {
        let is_faint = self.min_hits > 1 && usual.relative(score.mean()) < FAINT;
        self.min_hits.saturating_add(if is_faint { self.faint_hits } else { 0 })
    }
}

/// Follows faces by their predicted position: A. Bewley et al., "Simple online and realtime tracking", ICIP 2016.
///
/// Each track predicts its box with a Kalman filter of constant velocity (section 3.2). Detections are assigned to
/// predictions so that the sum of the overlaps is greatest (section 3.3). Detections that remain start tracks, which are
/// confirmed after some hits and end when they are not found for some frames (section 3.4). Beyond the paper:
///
/// - The filter's noise is relative to the size of the box.
/// - Confirmed and lost tracks choose before tentative ones, so that a track that began on a second box of a face cannot
///   take the face away. This resembles the cascade of Wojke et al., "Simple online and realtime tracking with a deep
///   association metric", ICIP 2017, section 2.3.
/// - Detections with a low score come last and only continue tracks: Y. Zhang et al., "ByteTrack", ECCV 2022, section 3.
/// - Boxes are grown before they are compared: F. Yang et al., "Hard to track objects with irregular motions and
///   similar appearances? Make it easier by buffering the matching space", WACV 2023, section 3.2.
/// - A match scores less if the heights differ, after M. Yang et al., "Hybrid-SORT", AAAI 2024, section 3.2.
/// - A lost track that is found again is confirmed at once. The reference implementation waits for `min_hits` more.
/// - Lost tracks get a second round with a larger margin, as in the second matching of F. Yang et al., section 3.3.
/// - A match scores more if the detection continues the direction of the track: J. Cao et al., "Observation-centric SORT",
///   CVPR 2023, section 4.2.
/// - A match scores less if the detection's score is low, as in the fusion of scores of ByteTrack's code, but relative to the
///   scores that the camera's faces usually have.
/// - A track whose scores are low for its camera is confirmed later.
/// - The process noise of each track follows the errors of its predictions.
///
/// The last five have settings, and 0 turns each of them off. With `box_margin: 0.0`, `strong_score: 0.0` and
/// `match_threshold: 0.3` besides, what remains is the paper's method with noise relative to the box, the order of the
/// rounds, and the comparison of heights. `docs/decisions.md` says how the defaults were chosen, and lists the ideas that did not
/// pay: OC-SORT's re-update and recovery, compensation of camera motion, and others.
///
/// [`TrackedFace::bbox`] is the filter's estimate: the corrected box if the face was detected in this frame, else the
/// predicted one. See the [crate's page](crate) for coasting and gaps.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    settings: SortSettings,
    frames: FrameCounter,
    ids: TrackIds,
    tracks: Vec<Track<Trajectory>>,
    usual_score: MeanScore,
    /// The result of the latest [`Sort::step`].
    latest: TrackUpdate,
    assigner: Assigner,
    /// The number of frames so far, with those of gaps.
    now: u64,
    // Buffers that are kept from frame to frame.
    rows: Vec<IndexedBox>,
    cols: Vec<IndexedBox>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
}

/// The motion of a face, and the direction and scores of its detections.
#[derive(Clone, Debug)]
struct Trajectory {
    filter: Motion,
    heading: Heading,
    /// The average score of the detections.
    score: MeanScore,
}

/// The rounds in which tracks choose detections.
const ROUNDS: [Round; 4] = [
    Round { chooser: Chooser::Known, strong: true },
    Round { chooser: Chooser::Lost, strong: true },
    Round { chooser: Chooser::Tentative, strong: true },
    Round { chooser: Chooser::Known, strong: false },
];

/// One round: some tracks choose among either strong or weak detections.
struct Round {
    chooser: Chooser,
    strong: bool,
}

/// The tracks that choose in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chooser {
    /// Confirmed and lost tracks.
    Known,
    /// Lost tracks, with the margin for them.
    Lost,
    Tentative,
}

impl Chooser {
    fn includes(self, state: TrackState) -> bool {
        match self {
            Chooser::Known => state != TrackState::Tentative,
            Chooser::Lost => state == TrackState::Lost,
            Chooser::Tentative => state == TrackState::Tentative,
        }
    }

    /// Returns how far boxes grow in the round of these tracks, or `None` if the settings leave the round out.
    fn margin(self, settings: &SortSettings) -> Option<f32> {
        let margin = if self == Chooser::Lost { settings.lost_margin } else { settings.box_margin };
        (self != Chooser::Lost || margin > 0.0).then(|| margin.clamp(0.0, 10.0))
    }
}

impl Sort {
    /// Creates a tracker for one camera with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a tracker for one camera with the given settings.
    ///
    /// ```
    /// use passerby_track::{Sort, SortSettings};
    ///
    /// // Confirms each track at once, for example for a detector that makes no mistakes.
    /// let tracker = Sort::with_settings(SortSettings { min_hits: 1, ..SortSettings::default() });
    /// ```
    #[must_use]
    pub fn with_settings(settings: SortSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Tracks the faces of the next frame and returns every live track, sorted by id.
    ///
    /// Call it once for every frame, with an empty slice if the detector found nothing. The slice is empty while no face
    /// is tracked. It includes lost tracks, whose box is a prediction. [`Sort::ended`] lists the tracks that ended.
    ///
    /// `step` numbers the frames itself. If the frames have numbers, or if the detector skips some, use
    /// [`Tracker::update`]. A `step` after an `update` counts as the frame after it.
    ///
    /// ```
    /// use passerby_track::Sort;
    /// use passerby_types::{BBox, Face};
    ///
    /// let mut tracker = Sort::new();
    /// let door = Face::new(BBox::from_xywh(100.0, 50.0, 40.0, 52.0), 0.9);
    /// let hall = Face::new(BBox::from_xywh(300.0, 50.0, 40.0, 52.0), 0.9);
    /// let tracks = tracker.step(&[door, hall]);
    /// assert_eq!(tracks[0].face, Some(door));
    /// assert_eq!(tracks[1].face, Some(hall));
    /// ```
    pub fn step(&mut self, faces: &[Face]) -> &[TrackedFace] {
        let seq = self.frames.next_seq();
        let mut update = std::mem::take(&mut self.latest);
        self.track(seq, None, Some(faces), &mut update);
        self.latest = update;
        &self.latest.tracks
    }

    /// Returns the tracks that ended with the latest [`Sort::step`], sorted by id. They never come back.
    #[must_use]
    pub fn ended(&self) -> &[TrackId] {
        &self.latest.ended
    }

    /// Tracks frame `seq`, which is shown at `pts`; `faces` is `None` if the detector did not run on it.
    fn track(&mut self, seq: u64, pts: Option<Duration>, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        let max_age = self.settings.max_age;
        let frames = self.frames.advance_to(seq, pts, max_age);
        self.now = self.now.saturating_add(frames);
        let adaptation = f64::from(share(self.settings.noise_adaptation));
        begin_frame(&mut self.tracks, frames, max_age, out);
        for track in &mut self.tracks {
            for _ in 0..frames.min(MAX_PREDICTED_FRAMES) {
                track.motion.filter.predict(adaptation);
            }
            track.bbox = track.motion.filter.bbox();
        }
        if let Some(faces) = faces {
            self.match_faces(faces);
        }
        end_frame(&mut self.tracks, max_age, out);
    }

    /// Assigns the detections of a frame to tracks and starts tracks with the strong ones that remain.
    fn match_faces(&mut self, faces: &[Face]) {
        self.taken.clear();
        self.taken.resize(faces.len(), false);
        for round in &ROUNDS {
            self.match_round(round, faces);
        }
        for track in &mut self.tracks {
            match &track.face {
                None => track.life.record_miss(),
                Some(face) if track.life.state() == TrackState::Confirmed => self.usual_score.add(face.score),
                Some(_) => {}
            }
        }
        for (face, taken) in faces.iter().zip(&self.taken) {
            if !taken && self.settings.is_strong(face) && is_trackable(&face.bbox) {
                let score = MeanScore::of(face.score);
                let min_hits = self.settings.hits_to_confirm(&score, &self.usual_score);
                self.tracks.push(Track {
                    life: Life::new(self.ids.next_id(), min_hits),
                    motion: Trajectory {
                        filter: Motion::new(&face.bbox),
                        heading: Heading::new(self.now, face.bbox.center()),
                        score,
                    },
                    bbox: face.bbox,
                    face: Some(*face),
                });
            }
        }
    }

    /// Assigns the detections of one round to the tracks that choose in it.
    fn match_round(&mut self, round: &Round, faces: &[Face]) {
        let Self { settings, tracks, usual_score, assigner, now, rows, cols, pairs, taken, .. } = self;
        let Some(margin) = round.chooser.margin(settings) else { return };
        let chooses = |t: &Track<Trajectory>| t.face.is_none() && round.chooser.includes(t.life.state());
        rows.clear();
        rows.extend(
            tracks
                .iter()
                .enumerate()
                .filter(|(_, t)| chooses(t))
                .map(|(index, t)| IndexedBox { index, bbox: grow(&t.bbox, margin) }),
        );
        cols.clear();
        if !rows.is_empty() {
            let is_offered = |f: &Face| settings.is_strong(f) == round.strong && is_trackable(&f.bbox);
            cols.extend(
                faces
                    .iter()
                    .enumerate()
                    .filter(|&(index, f)| !taken[index] && is_offered(f))
                    .map(|(index, f)| IndexedBox { index, bbox: grow(&f.bbox, margin) }),
            );
        }
        pairs.clear();
        find_overlaps(rows, cols, pairs);
        let score_weight = if round.strong { share(settings.score_weight) } else { 0.0 };
        let direction_weight = share(settings.direction_weight);
        pairs.retain_mut(|pair| {
            let (track, face) = (&tracks[pair.row], &faces[pair.col]);
            let (a, b) = (track.bbox.height(), face.bbox.height());
            let certainty = usual_score.relative(face.score);
            pair.score *= a.min(b) / a.max(b) * (1.0 - score_weight * (1.0 - certainty));
            let fits = pair.score >= settings.match_threshold;
            if fits && direction_weight > 0.0 {
                let agreement = track.motion.heading.agreement(face.bbox.center());
                pair.score = (pair.score + direction_weight * certainty * agreement).max(LEAST_SCORE);
            }
            fits
        });
        for &(row, col) in assigner.solve(pairs, tracks.len(), faces.len()) {
            let track = &mut tracks[row];
            let face = &faces[col];
            taken[col] = true;
            track.face = Some(*face);
            track.motion.score.add(face.score);
            track.life.record_hit(settings.hits_to_confirm(&track.motion.score, usual_score));
            track.motion.filter.update(&face.bbox);
            track.motion.heading.push(*now, face.bbox.center());
            track.bbox = track.motion.filter.bbox();
        }
    }
}

impl Tracker for Sort {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        self.track(meta.seq, meta.pts, faces, out);
    }
}

/// Returns the box with each side moved out by `margin` times its width or height.
fn grow(bbox: &BBox, margin: f32) -> BBox {
    let dx = bbox.width() * margin;
    let dy = bbox.height() * margin;
    BBox::new(bbox.x1 - dx, bbox.y1 - dy, bbox.x2 + dx, bbox.y2 + dy)
}

/// Returns a setting from 0 to 1. One that is not a number counts as 0.
fn share(setting: f32) -> f32 {
    if setting.is_nan() { 0.0 } else { setting.clamp(0.0, 1.0) }
}
