//! SORT: a Kalman filter a track, and the best assignment over all of them.

use passerby_types::{BBox, Face, FrameMeta, TrackState, TrackUpdate, Tracker};

use crate::assign::Assigner;
use crate::kalman::Motion;
use crate::life::{Book, Track, begin_frame, end_frame};
use crate::pair::{Pair, Slot, overlaps, usable};

/// A prediction goes on for this many frames over one gap and then stands still: within [`SortSettings::max_age`] of
/// any sense nothing changes, and a jump of `seq` to its largest number costs no more than any other.
const MOST_STEPS: u64 = 1000;

/// The settings of [`Sort`].
#[derive(Clone, Debug, PartialEq)]
pub struct SortSettings {
    /// From how many detections a track is confirmed; until then its first miss ends it. Default 3 (Bewley et al.'s
    /// reference implementation): what a detector sees once or twice is mostly no face.
    pub min_hits: u32,
    /// How well a prediction and a detection must fit, 0 to 1: the intersection over union of the two boxes, both
    /// grown by `margin`, times the ratio of their heights (the smaller over the larger). Default 0.25.
    pub iou: f32,
    /// By how much each side of a box moves out before boxes are compared, over the box's width and height, 0 to 10.
    /// Faces at a low frame rate may not overlap otherwise. Default 0.2; 0 compares the boxes themselves.
    pub margin: f32,
    /// The score from which a detection is strong, 0 to 1. A weak one can carry a confirmed track on that no strong
    /// one fits, and starts none. Default 0.6; 0 makes every detection strong.
    pub strong: f32,
    /// How many frames a track may go without a detection; with one more it ends. Default 30.
    pub max_age: u32,
}

impl Default for SortSettings {
    fn default() -> Self {
        Self { min_hits: 3, iou: 0.25, margin: 0.2, strong: 0.6, max_age: 30 }
    }
}

/// Follows faces by where they are expected: A. Bewley et al., "Simple online and realtime tracking", ICIP 2016.
///
/// Each track predicts its box with a Kalman filter of constant velocity (section 3.2); detections are assigned to
/// predictions so that the overlaps sum to the most (section 3.3); detections left over start tracks, which are
/// confirmed after some hits and end when not found for some frames (section 3.4). On top of the paper:
///
/// - The filter's noise is relative to the size of the box.
/// - Confirmed tracks, lost ones too, choose before tentative ones: a track begun on a second box of the same face
///   cannot take the face away. Something like the cascade of Wojke et al., "Simple online and realtime tracking with
///   a deep association metric", ICIP 2017, section 2.3.
/// - Detections of a low score come last and continue tracks only: Y. Zhang et al., "ByteTrack", ECCV 2022,
///   section 3.
/// - Boxes are grown before they are compared: F. Yang et al., "Hard to track objects with irregular motions and
///   similar appearances? Make it easier by buffering the matching space", WACV 2023, section 3.2.
/// - A match is worth less where the heights differ: after M. Yang et al., "Hybrid-SORT", AAAI 2024, section 3.2.
/// - A lost track that is found again is confirmed at once; the reference implementation waits for `min_hits` more.
///
/// J. Cao et al., "Observation-centric SORT", CVPR 2023, was tried: re-update, recovery by the last observation, and
/// direction consistency each left the scores over five MOT sequences as they were or lower, and are not here.
///
/// [`TrackedFace::bbox`](passerby_types::TrackedFace::bbox) is the filter's estimate: after the detection where there was one, else the prediction. See
/// the [crate's page](crate) for coasting and gaps.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    settings: SortSettings,
    book: Book,
    tracks: Vec<Track<Motion>>,
    assigner: Assigner,
    rows: Vec<Slot>,
    cols: Vec<Slot>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
}

/// The rounds in which tracks choose detections.
const ROUNDS: [Round; 3] = [
    Round { confirmed: true, strong: true },
    Round { confirmed: false, strong: true },
    Round { confirmed: true, strong: false },
];

/// Who may choose what: confirmed (and lost) tracks or tentative ones, among strong detections or weak ones.
struct Round {
    confirmed: bool,
    strong: bool,
}

impl Sort {
    /// A tracker for one camera.
    #[must_use]
    pub fn new(settings: SortSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn detected(&mut self, faces: &[Face]) {
        self.taken.clear();
        self.taken.resize(faces.len(), false);
        for round in &ROUNDS {
            self.round(round, faces);
        }
        for track in self.tracks.iter_mut().filter(|t| t.face.is_none()) {
            track.life.missed();
        }
        for (face, taken) in faces.iter().zip(&self.taken) {
            if !taken && self.settings.is_strong(face) && usable(&face.bbox) {
                self.tracks.push(Track {
                    life: self.book.begin(self.settings.min_hits),
                    motion: Motion::new(&face.bbox),
                    bbox: face.bbox,
                    face: Some(*face),
                });
            }
        }
    }

    fn round(&mut self, round: &Round, faces: &[Face]) {
        let Self { settings, tracks, assigner, rows, cols, pairs, taken, .. } = self;
        let margin = settings.margin.clamp(0.0, 10.0);
        let chooses = |t: &Track<Motion>| {
            t.face.is_none() && (t.life.state() != TrackState::Tentative) == round.confirmed
        };
        rows.clear();
        rows.extend(
            tracks
                .iter()
                .enumerate()
                .filter(|(_, t)| chooses(t))
                .map(|(index, t)| Slot { index, bbox: grown(&t.bbox, margin) }),
        );
        cols.clear();
        if !rows.is_empty() {
            let offered = |f: &Face| settings.is_strong(f) == round.strong && usable(&f.bbox);
            cols.extend(
                faces
                    .iter()
                    .enumerate()
                    .filter(|&(index, f)| !taken[index] && offered(f))
                    .map(|(index, f)| Slot { index, bbox: grown(&f.bbox, margin) }),
            );
        }
        pairs.clear();
        overlaps(rows, cols, pairs);
        pairs.retain_mut(|pair| {
            let (a, b) = (tracks[pair.row].bbox.height(), faces[pair.col].bbox.height());
            pair.score *= a.min(b) / a.max(b);
            pair.score >= settings.iou
        });
        for &(row, col) in assigner.solve(pairs, tracks.len(), faces.len()) {
            let (track, face) = (&mut tracks[row], &faces[col]);
            taken[col] = true;
            track.face = Some(*face);
            track.life.found(settings.min_hits);
            track.motion.update(&face.bbox);
            track.bbox = track.motion.bbox();
        }
    }
}

impl SortSettings {
    fn is_strong(&self, face: &Face) -> bool {
        face.score >= self.strong
    }
}

impl Tracker for Sort {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        let step = self.book.step(meta.seq);
        let max_age = self.settings.max_age;
        begin_frame(&mut self.tracks, step, max_age, out);
        for track in &mut self.tracks {
            for _ in 0..step.min(MOST_STEPS) {
                track.motion.predict();
            }
            track.bbox = track.motion.bbox();
        }
        if let Some(faces) = faces {
            self.detected(faces);
        }
        end_frame(&mut self.tracks, max_age, out);
    }
}

/// The box with each side moved out by `margin` times its width or height.
fn grown(bbox: &BBox, margin: f32) -> BBox {
    let (dx, dy) = (bbox.width() * margin, bbox.height() * margin);
    BBox::new(bbox.x1 - dx, bbox.y1 - dy, bbox.x2 + dx, bbox.y2 + dy)
}
