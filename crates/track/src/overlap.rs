//! Overlapping boxes: the pairs of a track and a detection that may belong together.

use passerby_types::BBox;

/// A track and a detection that may belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The track's index.
    pub(crate) row: usize,
    /// The detection's index.
    pub(crate) col: usize,
    /// How well the two fit: above 0, and more is better.
    pub(crate) score: f32,
}

/// A box with the index of its track or detection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexedBox {
    pub(crate) index: usize,
    pub(crate) bbox: BBox,
}

/// Appends every pair of a row and a column that overlap, with their intersection over union, in the order of `rows`.
///
/// The function sorts `cols` by their left edge, so that it compares a row only with the columns that can reach it. In a
/// crowd that is spread over a picture, most boxes are never compared.
pub(crate) fn find_overlaps(rows: &[IndexedBox], cols: &mut [IndexedBox], pairs: &mut Vec<Pair>) {
    cols.sort_unstable_by(|a, b| a.bbox.x1.total_cmp(&b.bbox.x1).then(a.index.cmp(&b.index)));
    let widest = cols.iter().map(|c| c.bbox.width()).fold(0.0, f32::max);
    for row in rows {
        let first = cols.partition_point(|c| c.bbox.x1 < row.bbox.x1 - widest);
        let area = row.bbox.width() * row.bbox.height();
        for col in cols[first..].iter().take_while(|c| c.bbox.x1 < row.bbox.x2) {
            let width = row.bbox.x2.min(col.bbox.x2) - row.bbox.x1.max(col.bbox.x1);
            let height = row.bbox.y2.min(col.bbox.y2) - row.bbox.y1.max(col.bbox.y1);
            if width > 0.0 && height > 0.0 {
                let shared = width * height;
                let score = shared / (area + col.bbox.width() * col.bbox.height() - shared);
                pairs.push(Pair { row: row.index, col: col.index, score });
            }
        }
    }
}

/// Returns true if a box can be tracked: its sides are at least a hundredth of a pixel, and its corners are finite and
/// within a million pixels of the origin. Within these bounds no sum or product of the trackers overflows.
pub(crate) fn is_trackable(bbox: &BBox) -> bool {
    let near = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].iter().all(|v| v.abs() <= 1e6);
    near && bbox.width() >= 0.01 && bbox.height() >= 0.01
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sweep_equals_comparing_all_with_all(
            rows in prop::collection::vec((-50f32..50.0, -50f32..50.0, 0.1f32..40.0, 0.1f32..40.0), 0..20),
            cols in prop::collection::vec((-50f32..50.0, -50f32..50.0, 0.1f32..40.0, 0.1f32..40.0), 0..20),
        ) {
            let indexed = |v: &[(f32, f32, f32, f32)]| -> Vec<IndexedBox> {
                v.iter()
                    .enumerate()
                    .map(|(index, &(x, y, w, h))| IndexedBox { index, bbox: BBox::from_xywh(x, y, w, h) })
                    .collect()
            };
            let rows = indexed(&rows);
            let mut cols = indexed(&cols);
            let mut want = Vec::new();
            for r in &rows {
                for c in &cols {
                    let score = r.bbox.iou(&c.bbox);
                    if score > 0.0 {
                        want.push((r.index, c.index, score));
                    }
                }
            }
            let mut pairs = Vec::new();
            find_overlaps(&rows, &mut cols, &mut pairs);
            pairs.sort_unstable_by_key(|p| (p.row, p.col));
            let got: Vec<_> = pairs.iter().filter(|p| p.score > 0.0).map(|p| (p.row, p.col, p.score)).collect();
            prop_assert_eq!(got, want);
        }
    }
}
