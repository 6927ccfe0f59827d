//! Greedy matching of boxes without a motion model.

use std::time::Duration;

use passerby_types::{Face, FrameMeta, TrackId, TrackUpdate, TrackedFace, Tracker};

use crate::frame_counter::FrameCounter;
use crate::lifecycle::{Life, Track, TrackIds, begin_frame, end_frame};
use crate::overlap::{IndexedBox, Pair, find_overlaps, is_trackable};

/// The settings of [`Iou`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct IouSettings {
    /// The least intersection over union of a track's last detection and a new one, 0 to 1. Default 0.3.
    pub min_iou: f32,
    /// The number of frames for which a track lives without a detection. It ends at the next frame. Default 30.
    pub max_age: u32,
    /// The number of detections that confirm a track. Until then, its first miss ends it. Default 1: at once.
    pub min_hits: u32,
}

impl Default for IouSettings {
    fn default() -> Self {
        Self { min_iou: 0.3, max_age: 30, min_hits: 1 }
    }
}

/// Follows faces by the overlap of detections alone: a track's box is its last detection.
///
/// The tracker takes pairs of tracks and detections in the order of falling overlap, and uses each track and each
/// detection once. It never joins a pair that overlaps by less than [`IouSettings::min_iou`]. Of equal overlaps, the
/// older track and the earlier detection come first. The tracker has no motion model, so a face that moves by more than about
/// half its width between two frames gets a new track; [`Sort`](crate::Sort) follows it.
///
/// [`TrackedFace::bbox`] is the latest detection. See the
/// [crate's page](crate) for coasting and gaps.
#[derive(Clone, Debug, Default)]
pub struct Iou {
    settings: IouSettings,
    frames: FrameCounter,
    ids: TrackIds,
    tracks: Vec<Track<()>>,
    /// The result of the latest [`Iou::step`].
    latest: TrackUpdate,
    // Buffers that are kept from frame to frame.
    rows: Vec<IndexedBox>,
    cols: Vec<IndexedBox>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
}

impl Iou {
    /// Creates a tracker for one camera with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a tracker for one camera with the given settings.
    ///
    /// ```
    /// use passerby_track::{Iou, IouSettings};
    ///
    /// let tracker = Iou::with_settings(IouSettings { min_iou: 0.5, ..IouSettings::default() });
    /// ```
    #[must_use]
    pub fn with_settings(settings: IouSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Tracks the faces of the next frame and returns every live track, sorted by id.
    ///
    /// Call it once for every frame, with an empty slice if the detector found nothing. The slice is empty while no face
    /// is tracked. It includes lost tracks, whose box is the last detection. [`Iou::ended`] lists the tracks that ended.
    ///
    /// `step` numbers the frames itself. If the frames have numbers, or if the detector skips some, use
    /// [`Tracker::update`]. A `step` after an `update` counts as the frame after it.
    ///
    /// ```
    /// use passerby_track::Iou;
    /// use passerby_types::{BBox, Face};
    ///
    /// let mut tracker = Iou::new();
    /// let face = Face::new(BBox::from_xywh(100.0, 50.0, 40.0, 52.0), 0.9);
    /// let first = tracker.step(&[face])[0].track;
    /// assert_eq!(tracker.step(&[face])[0].track, first);
    /// ```
    pub fn step(&mut self, faces: &[Face]) -> &[TrackedFace] {
        let seq = self.frames.next_seq();
        let mut update = std::mem::take(&mut self.latest);
        self.track(seq, None, Some(faces), &mut update);
        self.latest = update;
        &self.latest.tracks
    }

    /// Returns the tracks that ended with the latest [`Iou::step`], sorted by id. They never come back.
    #[must_use]
    pub fn ended(&self) -> &[TrackId] {
        &self.latest.ended
    }

    /// Tracks frame `seq`, which is shown at `pts`; `faces` is `None` if the detector did not run on it.
    fn track(&mut self, seq: u64, pts: Option<Duration>, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        let max_age = self.settings.max_age;
        let frames = self.frames.advance_to(seq, pts, max_age);
        begin_frame(&mut self.tracks, frames, max_age, out);
        if let Some(faces) = faces {
            self.match_faces(faces);
        }
        end_frame(&mut self.tracks, max_age, out);
    }

    /// Assigns the detections of a frame to tracks and starts tracks with those that remain.
    fn match_faces(&mut self, faces: &[Face]) {
        let Self { settings, ids, tracks, rows, cols, pairs, taken, .. } = self;
        rows.clear();
        rows.extend(tracks.iter().enumerate().map(|(index, t)| IndexedBox { index, bbox: t.bbox }));
        cols.clear();
        cols.extend(
            faces
                .iter()
                .enumerate()
                .filter(|(_, f)| is_trackable(&f.bbox))
                .map(|(index, f)| IndexedBox { index, bbox: f.bbox }),
        );
        pairs.clear();
        find_overlaps(rows, cols, pairs);
        pairs.retain(|p| p.score >= settings.min_iou);
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
                track.life.record_hit(settings.min_hits);
            }
        }
        for track in tracks.iter_mut().filter(|t| t.face.is_none()) {
            track.life.record_miss();
        }
        for (face, _) in faces.iter().zip(taken).filter(|(f, taken)| !**taken && is_trackable(&f.bbox)) {
            let life = Life::new(ids.next_id(), settings.min_hits);
            tracks.push(Track { life, bbox: face.bbox, face: Some(*face), motion: () });
        }
    }
}

impl Tracker for Iou {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        self.track(meta.seq, meta.pts, faces, out);
    }
}
