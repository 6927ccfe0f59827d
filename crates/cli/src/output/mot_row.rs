//! The rows of the MOTChallenge format.

use std::io::Write;

use passerby::types::BBox;

/// Adds a row: the frame and the track, both from 1, the box in pixels, and the score with this number of decimals.
pub(crate) fn write_mot_row(
    out: &mut Vec<u8>,
    (frame, track): (u64, u64),
    bbox: &BBox,
    score: f32,
    score_decimals: usize,
) {
    let x = bbox.x1;
    let y = bbox.y1;
    let w = bbox.width();
    let h = bbox.height();
    // Writing into memory cannot fail.
    let _ = writeln!(out, "{frame},{track},{x:.2},{y:.2},{w:.2},{h:.2},{score:.score_decimals$},-1,-1,-1");
}
