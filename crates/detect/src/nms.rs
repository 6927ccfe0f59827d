//! One face for many boxes: greedy non-maximum suppression.

use passerby_types::Face;

/// Keeps the best of each heap of overlapping faces: in the order of falling scores a face is kept unless its box
/// overlaps that of a kept one by an IoU of more than `max_iou`. Stops at `max_faces`.
///
/// The answer is sorted, best first; of equal scores the one that came first stands first. Any two of its faces
/// overlap by `max_iou` or less, and each face left out for its overlap has more than that with a kept one that is
/// no worse. Empty boxes overlap nothing and are kept. No faces in, none out.
///
/// Takes time of faces in times faces out, so `max_faces` bounds what a hostile picture can cost.
#[must_use]
pub fn nms(mut faces: Vec<Face>, max_iou: f32, max_faces: usize) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.len() >= max_faces {
            break;
        }
        if kept.iter().all(|k| k.bbox.iou(&face.bbox) <= max_iou) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use passerby_types::BBox;
    use proptest::prelude::*;

    use super::*;

    fn face(x: f32, score: f32) -> Face {
        Face::new(BBox::from_xywh(x, 0.0, 10.0, 10.0), score)
    }

    #[test]
    fn the_best_of_a_heap_stays() {
        let faces = vec![face(2.0, 0.6), face(0.0, 0.9), face(1.0, 0.8), face(30.0, 0.7)];
        assert_eq!(nms(faces, 0.3, 10), [face(0.0, 0.9), face(30.0, 0.7)]);
    }

    #[test]
    fn an_overlap_of_just_the_limit_is_allowed() {
        // Shifted by half a side: 50 of 150 square pixels.
        let pair = vec![face(0.0, 0.9), face(5.0, 0.8)];
        assert_eq!(nms(pair.clone(), 1.0 / 3.0, 10).len(), 2);
        assert_eq!(nms(pair, 0.33, 10).len(), 1);
    }

    #[test]
    fn equal_scores_keep_their_order_and_the_limit_holds() {
        let row: Vec<Face> = [0.0, 20.0, 40.0].map(|x| face(x, 0.5)).to_vec();
        assert_eq!(nms(row.clone(), 0.3, 10), row);
        assert_eq!(nms(row.clone(), 0.3, 2), row[..2]);
        assert!(nms(row, 0.3, 0).is_empty());
        assert!(nms(vec![], 0.3, 10).is_empty());
    }

    #[test]
    fn broken_numbers_do_not_break_it() {
        let broken = Face::new(BBox::new(f32::NAN, 0.0, f32::INFINITY, 1.0), f32::NAN);
        assert_eq!(nms(vec![broken, face(0.0, 0.5), broken], 0.3, 10).len(), 3);
    }

    proptest! {
        #[test]
        fn kept_faces_are_apart_and_dropped_ones_overlap_a_better_one(
            boxes in prop::collection::vec((0f32..60.0, 0f32..60.0, 1f32..40.0, 1f32..40.0, 0f32..1.0), 0..60),
            max_iou in 0f32..1.0,
        ) {
            let faces: Vec<Face> =
                boxes.iter().map(|&(x, y, w, h, score)| Face::new(BBox::from_xywh(x, y, w, h), score)).collect();
            let kept = nms(faces.clone(), max_iou, usize::MAX);
            prop_assert!(kept.windows(2).all(|w| w[0].score >= w[1].score));
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(faces.contains(a));
                prop_assert!(kept[..i].iter().all(|b| a.bbox.iou(&b.bbox) <= max_iou));
            }
            for dropped in faces.iter().filter(|f| !kept.contains(f)) {
                prop_assert!(
                    kept.iter().any(|k| k.score >= dropped.score && k.bbox.iou(&dropped.bbox) > max_iou)
                );
            }
        }
    }
}
