//! Calls of stages by tests, into memory in which the answers of another batch stand.

use passerby_types::{
    Attributes, BBox, Classifier, Detector, Embedder, Embedding, Face, FaceChip, Frame, FrameMeta,
    StageError, TrackId, TrackState, TrackUpdate, TrackedFace, Tracker,
};

use crate::FixedClassifier;

/// What no stage says of itself: a score, and the number of a track.
const STALE: (f32, TrackId) = (7.5, TrackId(u64::MAX));

/// The faces that the detector finds in each frame.
///
/// # Errors
/// What the detector says.
///
/// # Panics
/// Where it leaves something of what stood in the lists.
pub fn detect<D: Detector + ?Sized>(
    detector: &mut D,
    frames: &[Frame],
) -> Result<Vec<Vec<Face>>, StageError> {
    let stale = Face::new(BBox::new(1.0, 2.0, 3.0, 4.0), STALE.0);
    let mut lists: Vec<_> = (0..frames.len()).map(|i| vec![stale; i % 3 * 2 + 1]).collect();
    detector.detect(frames, &mut lists)?;
    assert!(lists.iter().flatten().all(|face| face.score != STALE.0), "faces of another batch are left");
    Ok(lists)
}

/// What the tracker says of the frame.
///
/// # Panics
/// Where it leaves something of what stood in the lists.
pub fn track<T: Tracker + ?Sized>(tracker: &mut T, meta: &FrameMeta, faces: Option<&[Face]>) -> TrackUpdate {
    let bbox = BBox::new(1.0, 2.0, 3.0, 4.0);
    let stale = TrackedFace { track: STALE.1, state: TrackState::Lost, bbox, face: None };
    let mut update = TrackUpdate { tracks: vec![stale; 3], ended: vec![STALE.1; 3] };
    tracker.update(meta, faces, &mut update);
    let mut ids = update.tracks.iter().map(|t| t.track).chain(update.ended.iter().copied());
    assert!(ids.all(|id| id != STALE.1), "tracks of another frame are left");
    update
}

/// What the embedder says of each chip.
///
/// # Errors
/// What the embedder says.
///
/// # Panics
/// Where it leaves something of what stood in the places.
pub fn embed<E: Embedder + ?Sized>(
    embedder: &mut E,
    chips: &[FaceChip],
) -> Result<Vec<Option<Embedding>>, StageError> {
    // Of a length that no network has.
    let stale = Embedding::new(vec![1.0]).ok();
    let mut out = vec![stale.clone(); chips.len()];
    embedder.embed(chips, &mut out)?;
    assert!(out.iter().all(|answer| answer.is_none() || *answer != stale), "another batch's answer is left");
    Ok(out)
}

/// What the classifier says of each chip.
///
/// # Errors
/// What the classifier says.
///
/// # Panics
/// Where it leaves something of what stood in the places.
pub fn classify<C: Classifier + ?Sized>(
    classifier: &mut C,
    chips: &[FaceChip],
) -> Result<Vec<Option<Attributes>>, StageError> {
    let stale = Some(Attributes { p_male: STALE.0, ..FixedClassifier::default().0 });
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

    /// Says nothing, and leaves what stood there.
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

    #[test]
    fn what_a_stage_leaves_of_another_batch_is_found() {
        let frames = || [frame(0, uniform(PixelLayout::Gray8, 8, 8, 9))];
        let face = Face::new(BBox::new(2.0, 2.0, 6.0, 6.0), 0.9);
        let chips = || [FaceChip::cut(&frames()[0], &face, &ChipPool::default()).expect("it lies inside")];
        assert!(catch_unwind(|| detect(&mut Silent, &frames())).is_err());
        assert!(catch_unwind(|| track(&mut Silent, &meta(0, 0), None)).is_err());
        assert!(catch_unwind(|| embed(&mut Silent, &chips())).is_err());
        assert!(catch_unwind(|| classify(&mut Silent, &chips())).is_err());
        assert_eq!(detect(&mut Silent, &[]).map(|lists| lists.len()).ok(), Some(0));
    }
}
