//! Where a face lies in the embedder's input.

use passerby_types::{Landmarks, Point, Similarity};

/// The side of the embedder's input in pixels.
pub const SIDE: usize = 112;

/// The landmarks of an upright frontal face in the 112x112 input, in the order of [`Landmarks`] and in pixel-index
/// coordinates. The places of the common ArcFace alignment: `arcface_dst` of deepinsight/insightface,
/// `python-package/insightface/utils/face_align.py`, to four digits.
pub const TEMPLATE: Landmarks = Landmarks([
    Point::new(38.2946, 51.6963),
    Point::new(73.5318, 51.5014),
    Point::new(56.0252, 71.7366),
    Point::new(41.5493, 92.3655),
    Point::new(70.7299, 92.2041),
]);

/// The similarity that takes pixels of the embedder's input to pixels of the picture in which `landmarks` were found.
///
/// It undoes the least-squares fit of the landmarks to [`TEMPLATE`]: rotation, uniform scale and translation, no
/// reflection. `None` where no fit exists: the five points coincide, or one is not finite.
#[must_use]
pub fn picture_from_input(landmarks: &Landmarks) -> Option<Similarity> {
    Similarity::fit(&landmarks.0, &TEMPLATE.0)?.inverse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn landmarks_that_fit_no_face_have_no_alignment() {
        assert_eq!(picture_from_input(&Landmarks::default()), None);
        assert_eq!(picture_from_input(&Landmarks([Point::new(7.5, 3.25); 5])), None);
        let mut broken = TEMPLATE;
        broken.0[3].y = f32::NAN;
        assert_eq!(picture_from_input(&broken), None);
        broken.0[3].y = f32::INFINITY;
        assert_eq!(picture_from_input(&broken), None);
    }

    proptest! {
        #[test]
        fn the_input_finds_its_landmarks_wherever_the_face_is(
            angle in -3.1f32..3.1, scale in 0.05f32..8.0, tx in -500f32..3000.0, ty in -500f32..3000.0,
        ) {
            let truth = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let found = Landmarks(TEMPLATE.0.map(|p| truth.apply(p)));
            let back = picture_from_input(&found).unwrap();
            for (at, place) in TEMPLATE.0.iter().zip(&found.0) {
                prop_assert!(back.apply(*at).distance(*place) < 0.01 * scale.max(1.0));
            }
        }
    }
}
