//! Calls of single stages. The memory that they lend holds the answers of another batch, none of which may be left.

use passerby_types::{
    Attributes, BBox, Classifier, Detector, Embedder, Embedding, Face, FaceChip, Frame, FrameMeta,
    StageError, TrackId, TrackState, TrackUpdate, TrackedFace, Tracker,
};

use crate::FixedClassifier;

/// A score that no stage returns.
const STALE_SCORE: f32 = 7.5;

/// The number of a track that no stage returns.
const STALE_TRACK: TrackId = TrackId(u64::MAX);

/// Returns the faces that the detector finds in each frame.
///
/// # Errors
/// Those of the detector.
///
/// # Panics
/// If the detector leaves a face of another batch in a list.
pub fn detect<D: Detector + ?Sized>(
    detector: &mut D,
    frames: &[Frame],
) -> Result<Vec<Vec<Face>>, StageError> {
    let stale = Face::new(BBox::new(1.0, 2.0, 3.0, 4.0), STALE_SCORE);
    let mut lists: Vec<_> = (0..frames.len()).map(|i| vec![stale; i % 3 * 2 + 1]).collect();
    detector.detect(frames, &mut lists)?;
    assert!(lists.iter().flatten().all(|face| face.score != STALE_SCORE), "faces of another batch are left");
    Ok(lists)
}

/// Returns the tracks after the frame.
///
/// # Panics
/// If the tracker leaves a track of another frame in a list.
pub fn track<T: Tracker + ?Sized>(tracker: &mut T, meta: &FrameMeta, faces: Option<&[Face]>) -> TrackUpdate {
    let bbox = BBox::new(1.0, 2.0, 3.0, 4.0);
    let stale = TrackedFace { track: STALE_TRACK, state: TrackState::Lost, bbox, face: None };
    let mut update = TrackUpdate { tracks: vec![stale; 3], ended: vec![STALE_TRACK; 3] };
    tracker.update(meta, faces, &mut update);
    let mut ids = update.tracks.iter().map(|t| t.track).chain(update.ended.iter().copied());
    assert!(ids.all(|id| id != STALE_TRACK), "tracks of another frame are left");
    update
}

/// Returns the embedding of each chip.
///
/// # Errors
/// Those of the embedder.
///
/// # Panics
/// If the embedder leaves an answer of another batch in a place.
pub fn embed<E: Embedder + ?Sized>(
    embedder: &mut E,
    chips: &[FaceChip],
) -> Result<Vec<Option<Embedding>>, StageError> {
    // No network has embeddings of this length.
    let stale = Embedding::new(vec![1.0]).ok();
    let mut out = vec![stale.clone(); chips.len()];
    embedder.embed(chips, &mut out)?;
    assert!(out.iter().all(|answer| answer.is_none() || *answer != stale), "another batch's answer is left");
    Ok(out)
}

/// Returns the attributes of each chip.
///
/// # Errors
/// Those of the classifier.
///
/// # Panics
/// If the classifier leaves an answer of another batch in a place.
pub fn classify<C: Classifier + ?Sized>(
    classifier: &mut C,
    chips: &[FaceChip],
) -> Result<Vec<Option<Attributes>>, StageError> {
    let stale = Some(Attributes { p_male: STALE_SCORE, ..FixedClassifier::default().0 });
    let mut out = vec![stale; chips.len()];
    classifier.classify(chips, &mut out)?;
    assert!(out.iter().all(|answer| *answer != stale), "another batch's answer is left");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use passerby_types::{ChipPool, PixelLayout};

    use super::*;
    use crate::{frame, meta, uniform};

    /// A stage that writes no answer.
    struct Silent;

    impl Detector for Silent {
        fn detect(&mut self, _: &[Frame], _: &mut [Vec<Face>]) -> Result<(), StageError> {
            Ok(())
        }
    }
    impl Tracker for Silent {
        fn update(&mut self, _: &FrameMeta, _: Option<&[Face]>, _: &mut TrackUpdate) {}
    }
    impl Embedder for Silent {
        fn embed(&mut self, _: &[FaceChip], _: &mut [Option<Embedding>]) -> Result<(), StageError> {
            Ok(())
        }
    }
    impl Classifier for Silent {
        fn classify(&mut self, _: &[FaceChip], _: &mut [Option<Attributes>]) -> Result<(), StageError> {
            Ok(())
        }
    }

    fn frames() -> [Frame; 1] {
        [frame(0, uniform(PixelLayout::Gray8, 8, 8, 9))]
    }

    fn chips() -> [FaceChip; 1] {
        let face = Face::new(BBox::new(2.0, 2.0, 6.0, 6.0), 0.9);
        [FaceChip::cut(&frames()[0], &face, &ChipPool::default()).unwrap()]
    }

    #[test]
    fn a_face_of_another_batch_is_found() {
        assert!(catch_unwind(|| detect(&mut Silent, &frames())).is_err());
    }

    #[test]
    fn a_track_of_another_frame_is_found() {
        assert!(catch_unwind(|| track(&mut Silent, &meta(0, 0), None)).is_err());
    }

    #[test]
    fn an_embedding_of_another_batch_is_found() {
        assert!(catch_unwind(|| embed(&mut Silent, &chips())).is_err());
    }

    #[test]
    fn an_estimate_of_another_batch_is_found() {
        assert!(catch_unwind(|| classify(&mut Silent, &chips())).is_err());
    }

    #[test]
    fn an_empty_batch_has_no_answers() {
        assert_eq!(detect(&mut Silent, &[]).map(|lists| lists.len()).ok(), Some(0));
    }
}
