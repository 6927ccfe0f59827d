//! The alignment of a face in the embedder's input.

use passerby_types::{Landmarks, Point, Similarity};

/// The side of the embedder's input in pixels.
pub const INPUT_SIDE: usize = 112;

/// The landmarks of an upright frontal face in the 112x112 input, in the order of [`Landmarks`] and in pixel-index
/// coordinates.
///
/// They are those of the common ArcFace alignment: `arcface_dst` of deepinsight/insightface,
/// `python-package/insightface/utils/face_align.py`, to four digits.
pub const ALIGNED_LANDMARKS: Landmarks = Landmarks([
    Point::new(38.2946, 51.6963),
    Point::new(73.5318, 51.5014),
    Point::new(56.0252, 71.7366),
    Point::new(41.5493, 92.3655),
    Point::new(70.7299, 92.2041),
]);

/// Returns the transform from pixels of the embedder's input to pixels of the picture in which `landmarks` were found.
///
/// It is the inverse of the least-squares fit of the landmarks to [`ALIGNED_LANDMARKS`]: rotation, uniform scale and
/// translation, without reflection. Returns `None` if the five points coincide or one is not finite, because they then
/// fit nothing.
///
/// ```
/// use passerby_reid::{ALIGNED_LANDMARKS, picture_from_input};
/// use passerby_types::{Landmarks, Point};
///
/// // A face that is twice as large as the input.
/// let landmarks = Landmarks(ALIGNED_LANDMARKS.0.map(|p| Point::new(2.0 * p.x, 2.0 * p.y)));
/// let corner = picture_from_input(&landmarks).map(|transform| transform.apply(Point::new(100.0, 100.0)));
/// assert!(corner.is_some_and(|corner| corner.distance(Point::new(200.0, 200.0)) < 0.01));
/// ```
#[must_use]
pub fn picture_from_input(landmarks: &Landmarks) -> Option<Similarity> {
    Similarity::fit(&landmarks.0, &ALIGNED_LANDMARKS.0)?.inverse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn landmarks_that_fit_no_face_have_no_alignment() {
        assert_eq!(picture_from_input(&Landmarks::default()), None);
        assert_eq!(picture_from_input(&Landmarks([Point::new(7.5, 3.25); 5])), None);
        let mut broken = ALIGNED_LANDMARKS;
        broken.0[3].y = f32::NAN;
        assert_eq!(picture_from_input(&broken), None);
        broken.0[3].y = f32::INFINITY;
        assert_eq!(picture_from_input(&broken), None);
    }

    proptest! {
        #[test]
        fn the_transform_takes_the_template_to_the_landmarks(
            angle in -3.1f32..3.1, scale in 0.05f32..8.0, tx in -500f32..3000.0, ty in -500f32..3000.0,
        ) {
            let truth = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let found = Landmarks(ALIGNED_LANDMARKS.0.map(|p| truth.apply(p)));
            let transform = picture_from_input(&found).unwrap();
            for (input, picture) in ALIGNED_LANDMARKS.0.iter().zip(&found.0) {
                prop_assert!(transform.apply(*input).distance(*picture) < 0.01 * scale.max(1.0));
            }
        }
    }
}
