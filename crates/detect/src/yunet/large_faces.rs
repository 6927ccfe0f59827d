//! Faces that are larger in the input than those that YuNet was trained for.
//!
//! YuNet was trained for faces of 10 to 300 pixels. A larger one gets a low score, or only parts of it are found: of 25
//! faces in square pictures of 1280 pixels, it found 2 if they filled 80 % of the height. But in each of these pictures some
//! cell had a score above 0.43 for a box of more than 200 pixels. So such a box is a reason to look at a smaller copy.

use passerby_types::{BBox, Face};

use crate::boxes::longer_side;

/// The score from which a box that is too large is a reason for another look.
const MIN_SCORE: f32 = 0.3;
/// The score from which the first look is sure of a face that is not too large.
const SURE_SCORE: f32 = 0.8;
/// The size in pixels of the input above which a face may be missed.
const MAX_TRAINED_SIZE: f32 = 320.0;
/// The greatest size in pixels of the input that the largest face gets in the smaller copy.
const SIZE_IN_COPY: f32 = 160.0;
/// The least longer side of the smaller copy.
const MIN_LONG_SIDE: u32 = 128;
/// A face of the smaller copy counts if it has at least this size in pixels of the first input. The first look sees smaller
/// ones better.
const MIN_SIZE: f32 = 120.0;
/// The part of a box that must lie inside a large face so that it is a part of that face.
const PART_INSIDE: f32 = 0.8;

/// Returns the longer side of the smaller copy, or `None` if the first look saw no face that may be too large for it. The side is
/// a power of two, so that there are few shapes. The faces are in pixels of an input whose longer side is `long_side`.
pub(super) fn smaller_long_side(faces: &[Face], long_side: u32) -> Option<u32> {
    let doubtful = faces.iter().filter(|face| {
        let size = longer_side(face);
        face.score > MIN_SCORE && (size > MAX_TRAINED_SIZE || (size > MIN_SIZE && face.score < SURE_SCORE))
    });
    let largest = doubtful.map(longer_side).fold(0.0, f32::max);
    if largest == 0.0 {
        return None;
    }
    let side = (long_side as f32 * SIZE_IN_COPY / largest) as u32;
    let side = 1 << side.max(MIN_LONG_SIDE).ilog2();
    // A copy of nearly the same size would show the same.
    (side <= long_side / 4 * 3).then_some(side)
}

/// Replaces the large faces of the first look by those of the smaller copy. All are in pixels of the picture, and
/// `input_from_picture` is the factor to the first input.
pub(super) fn replace(faces: &mut Vec<Face>, in_copy: &[Face], input_from_picture: f32) {
    let size = |face: &Face| longer_side(face) * input_from_picture;
    let large = || in_copy.iter().filter(|face| size(face) >= MIN_SIZE);
    faces.retain(|face| {
        let is_part = |of: &Face| {
            size(face) > MIN_SIZE / 2.0
                && face.score <= of.score
                && inside(&face.bbox, &of.bbox) > PART_INSIDE
        };
        size(face) <= MAX_TRAINED_SIZE && !large().any(is_part)
    });
    faces.extend(large());
}

/// Returns the part of a box that lies inside another, 0 to 1.
fn inside(part: &BBox, whole: &BBox) -> f32 {
    let width = (part.x2.min(whole.x2) - part.x1.max(whole.x1)).max(0.0);
    let height = (part.y2.min(whole.y2) - part.y1.max(whole.y1)).max(0.0);
    width * height / (part.width() * part.height())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, size: f32, score: f32) -> Face {
        Face::new(BBox::from_xywh(x, 0.0, size, size), score)
    }

    #[test]
    fn usual_faces_need_no_smaller_copy() {
        assert_eq!(smaller_long_side(&[face(0.0, 320.0, 0.9), face(0.0, 900.0, 0.3)], 960), None);
        assert_eq!(smaller_long_side(&[face(0.0, 120.0, 0.5)], 960), None);
        assert_eq!(smaller_long_side(&[], 960), None);
    }

    #[test]
    fn the_largest_face_becomes_80_to_160_pixels() {
        let faces = [face(0.0, 640.0, 0.4), face(0.0, 400.0, 0.9)];
        assert_eq!(smaller_long_side(&faces, 1280), Some(256));
        assert_eq!(smaller_long_side(&[face(0.0, 1e9, 0.4)], 1280), Some(128));
        assert_eq!(smaller_long_side(&[face(0.0, 256.0, 0.7)], 1280), Some(512), "a weak one");
    }

    #[test]
    fn a_copy_of_nearly_the_same_size_is_not_looked_at() {
        assert_eq!(smaller_long_side(&[face(0.0, 130.0, 0.5)], 480), None);
        assert_eq!(smaller_long_side(&[face(0.0, 130.0, 0.5)], 32), None);
    }

    #[test]
    fn a_weak_large_face_takes_no_better_one_away() {
        let sure = face(100.0, 100.0, 0.95);
        let copy = [face(0.0, 800.0, 0.35)];
        let mut faces = vec![sure];
        replace(&mut faces, &copy, 1.0);
        assert_eq!(faces, [sure, copy[0]]);
    }

    #[test]
    fn large_faces_come_from_the_smaller_copy() {
        let small = face(2000.0, 50.0, 0.9);
        let part = face(100.0, 100.0, 0.7);
        let inner = face(100.0, 20.0, 0.8);
        let mut faces = vec![face(0.0, 700.0, 0.5), part, small, inner];
        let copy = [face(0.0, 800.0, 0.9), face(2000.0, 60.0, 0.6)];
        replace(&mut faces, &copy, 1.0);
        assert_eq!(faces, [small, inner, copy[0]]);
    }

    #[test]
    fn a_large_face_that_the_copy_does_not_show_goes() {
        let mut faces = vec![face(0.0, 700.0, 0.5)];
        replace(&mut faces, &[], 1.0);
        assert_eq!(faces, []);
    }
}
