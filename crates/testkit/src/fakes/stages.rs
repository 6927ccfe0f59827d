//! Detectors, trackers, embedders and classifiers with known answers.

use std::collections::HashMap;

use passerby_types::{
    Age, Attributes, Classifier, Detector, Embedder, Embedding, EmbeddingPool, Face, FaceChip, Frame,
    FrameMeta, StageError, TrackId, TrackState, TrackUpdate, TrackedFace, Tracker,
};

/// A detector that finds the faces that a script lists for the `seq` of a frame, or fails if the script says so.
#[derive(Clone, Debug, Default)]
pub struct ScriptedDetector {
    /// The faces of each frame. A frame that is not listed has no face.
    pub faces: HashMap<u64, Vec<Face>>,
    /// The frames on which the detector panics.
    pub panics: Vec<u64>,
    /// The frames on which the detector fails with `Skip`.
    pub skips: Vec<u64>,
    /// The frames on which the detector fails with `Fatal`.
    pub fatals: Vec<u64>,
}

impl Detector for ScriptedDetector {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            let seq = frame.meta.seq;
            assert!(!self.panics.contains(&seq), "the script asked for a panic at frame {seq}");
            if self.skips.contains(&seq) {
                return Err(StageError::skip("detect", "the script asked for it").at(&frame.meta));
            }
            if self.fatals.contains(&seq) {
                return Err(StageError::fatal("detect", "the script asked for it").at(&frame.meta));
            }
            faces.clear();
            faces.extend_from_slice(self.faces.get(&seq).map_or(&[], Vec::as_slice));
        }
        Ok(())
    }
}

/// An embedder whose embedding depends only on the brightness of the middle pixel of the face. Clones share a pool.
#[derive(Clone, Debug)]
pub struct FixedEmbedder {
    pool: EmbeddingPool,
}

impl Default for FixedEmbedder {
    fn default() -> Self {
        Self { pool: EmbeddingPool::new(256) }
    }
}

impl Embedder for FixedEmbedder {
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            let [r, ..] = chip.image.rgb_at(chip.image.width() / 2, chip.image.height() / 2);
            let angle = f32::from(r) / 255.0 * std::f32::consts::PI;
            let embedding = Embedding::new_in(&self.pool, &[angle.cos(), angle.sin()]);
            *out = chip.face.landmarks.and(embedding.ok());
        }
        Ok(())
    }
}

/// A classifier that returns the same attributes for every face with landmarks.
#[derive(Clone, Copy, Debug)]
pub struct FixedClassifier(pub Attributes);

impl Default for FixedClassifier {
    fn default() -> Self {
        Self(Attributes { age: Age { years: 40.0, low: 30.0, high: 50.0 }, p_male: 0.9 })
    }
}

impl Classifier for FixedClassifier {
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            *out = chip.face.landmarks.map(|_| self.0);
        }
        Ok(())
    }
}

/// A tracker that matches faces by their place in the list: the first face of every frame is one track, the second another, and
/// so on. A track is confirmed at once, and ends with the first detection that has no face at its place.
#[derive(Clone, Debug, Default)]
pub struct OrderTracker {
    live: Vec<TrackedFace>,
    next: u64,
    panics: Vec<u64>,
}

impl OrderTracker {
    /// Creates a tracker that panics on these frames.
    #[must_use]
    pub fn panicking(frames: impl IntoIterator<Item = u64>) -> Self {
        Self { panics: frames.into_iter().collect(), ..Self::default() }
    }
}

impl Tracker for OrderTracker {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        assert!(!self.panics.contains(&meta.seq), "the script asked for a panic at frame {}", meta.seq);
        out.clear();
        match faces {
            None => self.live.iter_mut().for_each(|t| t.face = None),
            Some(faces) => {
                let kept = faces.len().min(self.live.len());
                out.ended.extend(self.live.drain(kept..).map(|t| t.track));
                for (i, face) in faces.iter().enumerate() {
                    if i == self.live.len() {
                        self.next += 1;
                        let track = TrackId(self.next);
                        let state = TrackState::Confirmed;
                        self.live.push(TrackedFace { track, state, bbox: face.bbox, face: None });
                    }
                    self.live[i].bbox = face.bbox;
                    self.live[i].face = Some(*face);
                }
            }
        }
        out.tracks.extend_from_slice(&self.live);
    }
}
