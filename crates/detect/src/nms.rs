//! Non-maximum suppression: one face for several overlapping boxes.

use passerby_types::Face;

/// Keeps the best of the faces that overlap, and removes the others (greedy non-maximum suppression). Returns the number of
/// faces that overlap no kept face but are removed because there are more than `max_faces`. They may overlap each other.
///
/// The function takes the faces in the order of falling scores. It keeps a face if its box overlaps no kept box by an
/// intersection over union of more than `max_iou`, and stops at `max_faces`.
///
/// Afterwards `faces` is sorted, best first; faces with equal scores keep their order. An empty box overlaps no other box,
/// so it stays. If `faces` is empty, nothing happens.
///
/// The time grows with the number of given faces times the number of kept ones, so `max_faces` bounds the cost of a hostile
/// picture. The function allocates nothing.
///
/// ```
/// use passerby_detect::nms;
/// use passerby_types::{BBox, Face};
///
/// let best = Face::new(BBox::from_xywh(10.0, 10.0, 40.0, 50.0), 0.9);
/// let duplicate = Face::new(BBox::from_xywh(12.0, 11.0, 40.0, 50.0), 0.7);
/// let other = Face::new(BBox::from_xywh(200.0, 10.0, 40.0, 50.0), 0.6);
/// let mut faces = vec![other, duplicate, best];
/// nms(&mut faces, 0.3, 256);
/// assert_eq!(faces, [best, other]);
/// assert_eq!(nms(&mut faces, 0.3, 1), 1);
/// assert_eq!(faces, [best]);
/// ```
pub fn nms(faces: &mut Vec<Face>, max_iou: f32, max_faces: usize) -> usize {
    let mut kept = 0;
    while kept < faces.len().min(max_faces) {
        // The faces that are not kept yet stay in their order.
        let rest = &mut faces[kept..];
        let better = |best: usize, i: usize| {
            if rest[i].score.total_cmp(&rest[best].score).is_gt() { i } else { best }
        };
        let best = (1..rest.len()).fold(0, better);
        rest[..=best].rotate_right(1);
        let bbox = rest[0].bbox;
        kept += 1;
        let mut place = 0;
        faces.retain(|face| {
            place += 1;
            place <= kept || bbox.iou(&face.bbox) <= max_iou
        });
    }
    let left_out = faces.len() - kept;
    faces.truncate(kept);
    left_out
}

#[cfg(test)]
mod tests {
    use passerby_types::BBox;
    use proptest::prelude::*;

    use super::*;

    fn face(x: f32, score: f32) -> Face {
        Face::new(BBox::from_xywh(x, 0.0, 10.0, 10.0), score)
    }

    fn kept(faces: &[Face], max_iou: f32, max_faces: usize) -> Vec<Face> {
        let mut faces = faces.to_vec();
        nms(&mut faces, max_iou, max_faces);
        faces
    }

    #[test]
    fn the_best_of_overlapping_faces_stays() {
        let faces = [face(2.0, 0.6), face(0.0, 0.9), face(1.0, 0.8), face(30.0, 0.7)];
        assert_eq!(kept(&faces, 0.3, 10), [face(0.0, 0.9), face(30.0, 0.7)]);
    }

    #[test]
    fn an_overlap_equal_to_the_limit_is_allowed() {
        // A shift by half a side leaves 50 of 150 square pixels in common.
        let pair = [face(0.0, 0.9), face(5.0, 0.8)];
        assert_eq!(kept(&pair, 1.0 / 3.0, 10).len(), 2);
        assert_eq!(kept(&pair, 0.33, 10).len(), 1);
    }

    #[test]
    fn equal_scores_keep_their_order() {
        let row = [0.0, 20.0, 40.0].map(|x| face(x, 0.5));
        assert_eq!(kept(&row, 0.3, 10), row);
    }

    #[test]
    fn at_most_max_faces_are_kept() {
        let row = [0.0, 20.0, 40.0].map(|x| face(x, 0.5));
        assert_eq!(kept(&row, 0.3, 2), row[..2]);
        assert!(kept(&row, 0.3, 0).is_empty());
    }

    #[test]
    fn the_faces_beyond_max_faces_are_counted_without_the_suppressed_ones() {
        let row = [face(0.0, 0.9), face(1.0, 0.8), face(20.0, 0.7), face(40.0, 0.6)];
        for (max_faces, left_out) in [(0, 4), (1, 2), (2, 1), (3, 0), (4, 0)] {
            assert_eq!(nms(&mut row.to_vec(), 0.3, max_faces), left_out, "{max_faces}");
        }
    }

    #[test]
    fn an_empty_list_stays_empty() {
        assert!(kept(&[], 0.3, 10).is_empty());
    }

    #[test]
    fn faces_with_broken_numbers_are_kept() {
        let broken = Face::new(BBox::new(f32::NAN, 0.0, f32::INFINITY, 1.0), f32::NAN);
        assert_eq!(kept(&[broken, face(0.0, 0.5), broken], 0.3, 10).len(), 3);
    }

    proptest! {
        #[test]
        fn the_result_equals_the_definition(
            boxes in prop::collection::vec((0f32..60.0, 0f32..60.0, 1f32..40.0, 1f32..40.0, 0f32..1.0), 0..60),
            max_iou in 0f32..1.0,
        ) {
            let faces: Vec<Face> =
                boxes.iter().map(|&(x, y, w, h, score)| Face::new(BBox::from_xywh(x, y, w, h), score)).collect();
            let kept = kept(&faces, max_iou, usize::MAX);
            prop_assert!(kept.windows(2).all(|w| w[0].score >= w[1].score));
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(faces.contains(a));
                prop_assert!(kept[..i].iter().all(|b| a.bbox.iou(&b.bbox) <= max_iou));
            }
            // The definition: sort first, then take one face after another.
            let mut sorted = faces.clone();
            sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
            let mut plain: Vec<Face> = Vec::new();
            for face in sorted {
                if plain.iter().all(|k| k.bbox.iou(&face.bbox) <= max_iou) {
                    plain.push(face);
                }
            }
            prop_assert_eq!(&kept, &plain);
            for dropped in faces.iter().filter(|f| !kept.contains(f)) {
                prop_assert!(
                    kept.iter().any(|k| k.score >= dropped.score && k.bbox.iou(&dropped.bbox) > max_iou)
                );
            }
        }
    }
}
