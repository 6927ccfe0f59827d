//! The alignment of a face in the inputs of dlib's networks.

use passerby_types::{Landmarks, Point, Similarity};

/// The five landmarks in dlib's mean face, which is a unit square around the 51 inner points: the centres of the eyes, the
/// tip of the nose, the corners of the mouth. They come from `mean_face_shape_x` and `mean_face_shape_y` of dlib,
/// `dlib/image_transforms/interpolation.h`, `get_face_chip_details`.
const MEAN_FACE: [(f32, f32); 5] =
    [(0.2273, 0.2214), (0.7528, 0.2212), (0.4901, 0.5156), (0.2541, 0.7802), (0.7261, 0.7802)];

/// The padding on each side, as a part of the unit square. The networks were trained on chips with this padding.
const CHIP_PADDING: f32 = 0.2;

/// Returns the transform from pixels of a chip with `side` pixels to pixels of the picture in which `landmarks` were found.
///
/// It is the inverse of the least-squares fit of the landmarks to the mean face. Returns `None` if the five points coincide
/// or one is not finite, because they then fit nothing.
pub(crate) fn picture_from_chip(landmarks: &Landmarks, side: usize) -> Option<Similarity> {
    let place = |u: f32| (CHIP_PADDING + u) / (1.0 + 2.0 * CHIP_PADDING) * side as f32;
    let template = MEAN_FACE.map(|(x, y)| Point::new(place(x), place(y)));
    Similarity::fit(&landmarks.0, &template)?.inverse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_the_places_of_the_networks() {
        let at = [(19.534, 19.264), (43.557, 19.255), (31.547, 32.713), (20.759, 44.809), (42.336, 44.809)];
        let landmarks = Landmarks(at.map(|(x, y)| Point::new(x, y)));
        let same = picture_from_chip(&landmarks, 64).unwrap();
        let half = picture_from_chip(&landmarks, 32).unwrap();
        for p in landmarks.0 {
            assert!(same.apply(p).distance(p) < 0.01);
            assert!(half.apply(Point::new(p.x / 2.0, p.y / 2.0)).distance(p) < 0.01);
        }
    }

    #[test]
    fn landmarks_that_fit_no_face_have_no_chip() {
        assert_eq!(picture_from_chip(&Landmarks::default(), 64), None);
        assert_eq!(picture_from_chip(&Landmarks([Point::new(f32::NAN, 1.0); 5]), 64), None);
    }
}
