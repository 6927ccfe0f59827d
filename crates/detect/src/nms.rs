//! One face for many boxes: greedy non-maximum suppression.

use passerby_types::Face;

/// Keeps the best of each heap of overlapping faces and takes the others out: in the order of falling scores a face is kept
/// unless its box overlaps that of a kept one by an IoU of more than `max_iou`. Stops at `max_faces`.
///
/// What is left is sorted, best first; of equal scores the one that came first stands first. Any two of its faces
/// overlap by `max_iou` or less, and each face left out for its overlap has more than that with a kept one that is
/// no worse. Empty boxes overlap nothing and are kept. No faces in, none out.
///
/// Takes time of faces in times faces out, so `max_faces` bounds what a hostile picture can cost. Allocates nothing.
pub fn nms(faces: &mut Vec<Face>, max_iou: f32, max_faces: usize) {
    let mut kept = 0;
    while kept < faces.len().min(max_faces) {
        // What is not kept yet stays in its order.
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
    faces.truncate(kept);
}

#[cfg(test)]
mod tests {
    use passerby_types::BBox;
    use proptest::prelude::*;

    use super::*;

    fn face(x: f32, score: f32) -> Face {
        Face::new(BBox::from_xywh(x, 0.0, 10.0, 10.0), score)
    }

    fn left(faces: &[Face], max_iou: f32, max_faces: usize) -> Vec<Face> {
        let mut faces = faces.to_vec();
        nms(&mut faces, max_iou, max_faces);
        faces
    }

    #[test]
    fn the_best_of_a_heap_stays() {
        let faces = [face(2.0, 0.6), face(0.0, 0.9), face(1.0, 0.8), face(30.0, 0.7)];
        assert_eq!(left(&faces, 0.3, 10), [face(0.0, 0.9), face(30.0, 0.7)]);
    }

    #[test]
    fn an_overlap_of_just_the_limit_is_allowed() {
        // Shifted by half a side: 50 of 150 square pixels.
        let pair = [face(0.0, 0.9), face(5.0, 0.8)];
        assert_eq!(left(&pair, 1.0 / 3.0, 10).len(), 2);
        assert_eq!(left(&pair, 0.33, 10).len(), 1);
    }

    #[test]
    fn equal_scores_keep_their_order_and_the_limit_holds() {
        let row = [0.0, 20.0, 40.0].map(|x| face(x, 0.5));
        assert_eq!(left(&row, 0.3, 10), row);
        assert_eq!(left(&row, 0.3, 2), row[..2]);
        assert!(left(&row, 0.3, 0).is_empty());
        assert!(left(&[], 0.3, 10).is_empty());
    }

    #[test]
    fn broken_numbers_do_not_break_it() {
        let broken = Face::new(BBox::new(f32::NAN, 0.0, f32::INFINITY, 1.0), f32::NAN);
        assert_eq!(left(&[broken, face(0.0, 0.5), broken], 0.3, 10).len(), 3);
    }

    proptest! {
        #[test]
        fn kept_faces_are_apart_and_dropped_ones_overlap_a_better_one(
            boxes in prop::collection::vec((0f32..60.0, 0f32..60.0, 1f32..40.0, 1f32..40.0, 0f32..1.0), 0..60),
            max_iou in 0f32..1.0,
        ) {
            let faces: Vec<Face> =
                boxes.iter().map(|&(x, y, w, h, score)| Face::new(BBox::from_xywh(x, y, w, h), score)).collect();
            let kept = left(&faces, max_iou, usize::MAX);
            prop_assert!(kept.windows(2).all(|w| w[0].score >= w[1].score));
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(faces.contains(a));
                prop_assert!(kept[..i].iter().all(|b| a.bbox.iou(&b.bbox) <= max_iou));
            }
            // As it is defined: sorted first, then one after another.
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
