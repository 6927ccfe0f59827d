//! SORT: a Kalman filter for each track, and the best assignment over all of them.

use std::time::Duration;

use passerby_types::{BBox, Face, FrameMeta, TrackId, TrackState, TrackUpdate, TrackedFace, Tracker};

use crate::assign::Assigner;
use crate::frame_counter::FrameCounter;
use crate::kalman::Motion;
use crate::lifecycle::{Life, Track, TrackIds, begin_frame, end_frame};
use crate::overlap::{IndexedBox, Pair, find_overlaps, is_trackable};

/// The most frames that a prediction moves on over one gap; after them the box stands still.
///
/// The limit is far above every sensible [`SortSettings::max_age`], so it changes no result. It bounds the cost of a
/// `seq` that jumps to its largest number.
const MAX_PREDICTED_FRAMES: u64 = 1000;

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
}

impl Default for SortSettings {
    fn default() -> Self {
        Self { min_hits: 3, match_threshold: 0.25, box_margin: 0.2, strong_score: 0.6, max_age: 30 }
    }
}

impl SortSettings {
    fn is_strong(&self, face: &Face) -> bool {
        face.score >= self.strong_score
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
///
/// J. Cao et al., "Observation-centric SORT", CVPR 2023, was tried and left out: re-update, recovery by the last
/// observation, and direction consistency each left the scores over five MOT sequences unchanged or lower. So was a shift of all
/// predictions by the motion that most tracks have in common, as for a camera that moves: it raised HOTA by 0.3 to 0.5 on a
/// sequence from a moving camera, and lowered it by 0.4 to 1.3 on one from a camera that stands still.
///
/// [`TrackedFace::bbox`] is the filter's estimate: the corrected box if the face was detected in this frame, else the
/// predicted one. See the [crate's page](crate) for coasting and gaps.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    settings: SortSettings,
    frames: FrameCounter,
    ids: TrackIds,
    tracks: Vec<Track<Motion>>,
    /// The result of the latest [`Sort::step`].
    latest: TrackUpdate,
    assigner: Assigner,
    // Buffers that are kept from frame to frame.
    rows: Vec<IndexedBox>,
    cols: Vec<IndexedBox>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
}

/// The rounds in which tracks choose detections.
const ROUNDS: [Round; 3] = [
    Round { confirmed: true, strong: true },
    Round { confirmed: false, strong: true },
    Round { confirmed: true, strong: false },
];

/// One round: either confirmed (and lost) or tentative tracks choose among either strong or weak detections.
struct Round {
    confirmed: bool,
    strong: bool,
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
        begin_frame(&mut self.tracks, frames, max_age, out);
        for track in &mut self.tracks {
            for _ in 0..frames.min(MAX_PREDICTED_FRAMES) {
                track.motion.predict();
            }
            track.bbox = track.motion.bbox();
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
        for track in self.tracks.iter_mut().filter(|t| t.face.is_none()) {
            track.life.record_miss();
        }
        for (face, taken) in faces.iter().zip(&self.taken) {
            if !taken && self.settings.is_strong(face) && is_trackable(&face.bbox) {
                self.tracks.push(Track {
                    life: Life::new(self.ids.next_id(), self.settings.min_hits),
                    motion: Motion::new(&face.bbox),
                    bbox: face.bbox,
                    face: Some(*face),
                });
            }
        }
    }

    /// Assigns the detections of one round to the tracks that choose in it.
    fn match_round(&mut self, round: &Round, faces: &[Face]) {
        let Self { settings, tracks, assigner, rows, cols, pairs, taken, .. } = self;
        let margin = settings.box_margin.clamp(0.0, 10.0);
        let chooses = |t: &Track<Motion>| {
            t.face.is_none() && (t.life.state() != TrackState::Tentative) == round.confirmed
        };
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
        pairs.retain_mut(|pair| {
            let a = tracks[pair.row].bbox.height();
            let b = faces[pair.col].bbox.height();
            pair.score *= a.min(b) / a.max(b);
            pair.score >= settings.match_threshold
        });
        for &(row, col) in assigner.solve(pairs, tracks.len(), faces.len()) {
            let track = &mut tracks[row];
            let face = &faces[col];
            taken[col] = true;
            track.face = Some(*face);
            track.life.record_hit(settings.min_hits);
            track.motion.update(&face.bbox);
            track.bbox = track.motion.bbox();
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
