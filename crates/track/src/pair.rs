//! Which boxes overlap: the pairs of tracks and detections that may belong together.

use passerby_types::BBox;

/// A track and a detection that may belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The track's index.
    pub(crate) row: usize,
    /// The detection's index.
    pub(crate) col: usize,
    /// How well they fit; more is better, above 0.
    pub(crate) score: f32,
}

/// A box with the index of what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    pub(crate) bbox: BBox,
}

/// Appends every pair of a row and a column that overlap, with their intersection over union, by rows.
///
/// Sorts the columns by their left edge, so that a row looks at those only that can reach it: in a crowd spread over
/// a picture most boxes are never compared.
pub(crate) fn overlaps(rows: &[Slot], cols: &mut [Slot], pairs: &mut Vec<Pair>) {
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

/// True for a box that can be tracked: finite, within a million pixels of the origin, a hundredth of a pixel or more
/// a side. Within these bounds no sum or product of the trackers leaves its type.
pub(crate) fn usable(bbox: &BBox) -> bool {
    let near = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].iter().all(|v| v.abs() <= 1e6);
    near && bbox.width() >= 0.01 && bbox.height() >= 0.01
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sweep_finds_what_comparing_all_with_all_finds(
            rows in prop::collection::vec((-50f32..50.0, -50f32..50.0, 0.1f32..40.0, 0.1f32..40.0), 0..20),
            cols in prop::collection::vec((-50f32..50.0, -50f32..50.0, 0.1f32..40.0, 0.1f32..40.0), 0..20),
        ) {
            let slots = |v: &[(f32, f32, f32, f32)]| -> Vec<Slot> {
                v.iter()
                    .enumerate()
                    .map(|(index, &(x, y, w, h))| Slot { index, bbox: BBox::from_xywh(x, y, w, h) })
                    .collect()
            };
            let (rows, mut cols) = (slots(&rows), slots(&cols));
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
            overlaps(&rows, &mut cols, &mut pairs);
            pairs.sort_unstable_by_key(|p| (p.row, p.col));
            let got: Vec<_> = pairs.iter().filter(|p| p.score > 0.0).map(|p| (p.row, p.col, p.score)).collect();
            prop_assert_eq!(got, want);
        }
    }
}
