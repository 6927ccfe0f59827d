//! Stages that do as a script says.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use passerby_types::{
    Age, AttributeFusion, Attributes, Classifier, Detector, Embedder, Embedding, EmbeddingPool, Face,
    FaceChip, Frame, FrameMeta, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
    StageError, TrackId, TrackKey, TrackState, TrackUpdate, TrackedFace, Tracker,
};

use crate::fixtures::color_of;

/// What a [`ScriptedSource`] does at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gives a grey picture of this size.
    Picture(u32, u32),
    /// Loses one frame.
    Damaged,
    /// Ends with an error.
    Truncated,
    /// Panics.
    Panic,
}

/// A source that follows a script.
#[derive(Debug)]
pub struct ScriptedSource {
    steps: VecDeque<Step>,
    info: SourceInfo,
    given: u64,
}

impl ScriptedSource {
    /// A file-like source with these steps.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let info = SourceInfo { name: "script".into(), ..SourceInfo::default() };
        Self { steps: steps.into_iter().collect(), info, given: 0 }
    }
}

impl FrameSource for ScriptedSource {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let Some(step) = self.steps.pop_front() else {
            return Ok(None);
        };
        let frame = self.given;
        self.given += 1;
        match step {
            Step::Picture(width, height) => {
                let layout = PixelLayout::Gray8;
                let bytes = vec![128; layout.tight_len(width, height)];
                let image = Image::from_vec(layout, width, height, color_of(layout), bytes)
                    .map_err(|e| SourceError::Malformed { input: "script".into(), what: e.to_string() })?;
                Ok(Some(Picture::new(image, Some(Duration::from_millis(40 * frame)))))
            }
            Step::Damaged => {
                Err(SourceError::Damaged { input: "script".into(), frame, what: "as the script says".into() })
            }
            Step::Truncated => {
                self.steps.clear();
                Err(SourceError::Truncated { input: "script".into(), frames: frame, expected: None })
            }
            Step::Panic => panic!("as the script says"),
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// A detector that gives the faces a script names for a frame's `seq`, and fails where the script says.
#[derive(Clone, Debug, Default)]
pub struct ScriptedDetector {
    /// The faces of each frame; a frame not named has none.
    pub faces: HashMap<u64, Vec<Face>>,
    /// Frames on which it panics.
    pub panics: Vec<u64>,
    /// Frames on which it fails with `Skip`.
    pub skips: Vec<u64>,
    /// Frames on which it fails with `Fatal`.
    pub fatals: Vec<u64>,
}

impl Detector for ScriptedDetector {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            let seq = frame.meta.seq;
            assert!(!self.panics.contains(&seq), "as the script says, at frame {seq}");
            if self.skips.contains(&seq) {
                return Err(StageError::skip("detect", "as the script says").at(&frame.meta));
            }
            if self.fatals.contains(&seq) {
                return Err(StageError::fatal("detect", "as the script says").at(&frame.meta));
            }
            faces.clear();
            faces.extend_from_slice(self.faces.get(&seq).map_or(&[], Vec::as_slice));
        }
        Ok(())
    }
}

/// An embedder whose embedding depends on the brightness of the face's middle pixel alone. Clones share their memory.
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

/// A classifier that says the same of everybody.
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

/// A tracker for which the first face of every frame is one track, the second another, and so on, confirmed at once
/// and ended with the first detection that misses it.
#[derive(Clone, Debug, Default)]
pub struct ByOrder {
    live: Vec<TrackedFace>,
    next: u64,
    panics: Vec<u64>,
}

impl ByOrder {
    /// One that panics on these frames.
    #[must_use]
    pub fn panicking(frames: impl IntoIterator<Item = u64>) -> Self {
        Self { panics: frames.into_iter().collect(), ..Self::default() }
    }
}

impl Tracker for ByOrder {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        assert!(!self.panics.contains(&meta.seq), "as the script says, at frame {}", meta.seq);
        out.clear();
        match faces {
            None => self.live.iter_mut().for_each(|t| t.face = None),
            Some(faces) => {
                let kept = faces.len().min(self.live.len());
                out.ended.extend(self.live.drain(kept..).map(|t| t.track));
                for (i, face) in faces.iter().enumerate() {
                    if i == self.live.len() {
                        self.next += 1;
                        let (track, state) = (TrackId(self.next), TrackState::Confirmed);
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

/// An [`AttributeFusion`] whose answer for a track is its latest estimate.
#[derive(Default)]
pub struct LatestEstimate {
    tracks: BTreeMap<TrackKey, Attributes>,
}

impl AttributeFusion for LatestEstimate {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, _quality: f32) {
        self.tracks.insert(track, *estimate);
    }

    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        self.tracks.get(&track).copied()
    }

    fn end(&mut self, track: TrackKey) {
        self.tracks.remove(&track);
    }
}
