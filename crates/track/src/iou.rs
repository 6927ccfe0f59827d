//! Greedy matching of boxes that stand still.

use passerby_types::{Face, FrameMeta, TrackUpdate, Tracker};

use crate::life::{Book, Track, begin_frame, end_frame};
use crate::pair::{Pair, Slot, overlaps, usable};

/// The settings of [`Iou`].
#[derive(Clone, Debug, PartialEq)]
pub struct IouSettings {
    /// The least intersection over union of a track's last detection and a new one, 0 to 1. Default 0.3.
    pub iou: f32,
    /// How many frames a track may go without a detection; with one more it ends. Default 30.
    pub max_age: u32,
    /// From how many detections a track is confirmed; until then its first miss ends it. Default 1: at once.
    pub min_hits: u32,
}

impl Default for IouSettings {
    fn default() -> Self {
        Self { iou: 0.3, max_age: 30, min_hits: 1 }
    }
}

/// Follows faces by the overlap of detections alone: a track's box is its last detection.
///
/// Pairs of tracks and detections are taken by falling overlap, each track and each detection once; what overlaps by
/// less than [`IouSettings::iou`] stays apart. There is no motion, so a face that moves by more than about half its
/// width between two frames gets a new track; [`crate::Sort`] follows it.
///
/// [`TrackedFace::bbox`](passerby_types::TrackedFace::bbox) is the detection, or the last one where there was none. See the [crate's page](crate) for
/// coasting and gaps.
#[derive(Clone, Debug, Default)]
pub struct Iou {
    settings: IouSettings,
    book: Book,
    tracks: Vec<Track<()>>,
    rows: Vec<Slot>,
    cols: Vec<Slot>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
}

impl Iou {
    /// A tracker for one camera.
    #[must_use]
    pub fn new(settings: IouSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn detected(&mut self, faces: &[Face]) {
        let Self { settings, book, tracks, rows, cols, pairs, taken } = self;
        rows.clear();
        rows.extend(tracks.iter().enumerate().map(|(index, t)| Slot { index, bbox: t.bbox }));
        cols.clear();
        cols.extend(
            faces
                .iter()
                .enumerate()
                .filter(|(_, f)| usable(&f.bbox))
                .map(|(index, f)| Slot { index, bbox: f.bbox }),
        );
        pairs.clear();
        overlaps(rows, cols, pairs);
        pairs.retain(|p| p.score >= settings.iou);
        // Of equal overlaps the older track and the earlier detection come first.
        pairs.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then((a.row, a.col).cmp(&(b.row, b.col))));
        taken.clear();
        taken.resize(faces.len(), false);
        for pair in pairs.iter() {
            let track = &mut tracks[pair.row];
            if track.face.is_none() && !taken[pair.col] {
                taken[pair.col] = true;
                track.bbox = faces[pair.col].bbox;
                track.face = Some(faces[pair.col]);
                track.life.found(settings.min_hits);
            }
        }
        for track in tracks.iter_mut().filter(|t| t.face.is_none()) {
            track.life.missed();
        }
        for (face, _) in faces.iter().zip(taken).filter(|(f, taken)| !**taken && usable(&f.bbox)) {
            let life = book.begin(settings.min_hits);
            tracks.push(Track { life, bbox: face.bbox, face: Some(*face), motion: () });
        }
    }
}

impl Tracker for Iou {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        let step = self.book.step(meta.seq);
        let max_age = self.settings.max_age;
        begin_frame(&mut self.tracks, step, max_age, out);
        if let Some(faces) = faces {
            self.detected(faces);
        }
        end_frame(&mut self.tracks, max_age, out);
    }
}
