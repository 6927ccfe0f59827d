//! The sizes of boxes.

use passerby_types::{BBox, Face, Landmarks, Point};

/// Returns the face in pixels of a picture that is larger by these factors.
pub(crate) fn scaled(face: &Face, (x, y): (f32, f32)) -> Face {
    let BBox { x1, y1, x2, y2 } = face.bbox;
    Face {
        bbox: BBox::new(x1 * x, y1 * y, x2 * x, y2 * y),
        score: face.score,
        landmarks: face.landmarks.map(|l| Landmarks(l.0.map(|p| Point::new(p.x * x, p.y * y)))),
    }
}

/// Returns the longer side of the face's box in pixels.
pub(crate) fn longer_side(face: &Face) -> f32 {
    face.bbox.width().max(face.bbox.height())
}

/// Returns true if all numbers of the face are finite.
pub(crate) fn is_finite(face: &Face) -> bool {
    let BBox { x1, y1, x2, y2 } = face.bbox;
    let points = face.landmarks.iter().flat_map(|landmarks| &landmarks.0);
    [x1, y1, x2, y2, face.score].iter().all(|v| v.is_finite())
        && points.into_iter().all(|point| point.x.is_finite() && point.y.is_finite())
}
