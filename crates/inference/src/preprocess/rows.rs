//! The two passes of a separable scaling: rows of bytes into one row of numbers, and that row into a narrower one.

use passerby_types::Plane;

use super::axis::Axis;

/// Writes the weighted sum of the rows of `plane` that make up target row `y`, byte by byte, whatever the bytes
/// mean. Neighbouring bytes are independent here, so this is the pass that vectorises best, and it goes first.
pub(super) fn down(plane: &Plane<'_>, axis: &Axis, y: usize, out: &mut [f32]) {
    let (start, weights) = axis.run(y);
    for (group, weights) in weights.chunks(4).enumerate() {
        let row = |k: usize| plane.row(start + 4 * group + k);
        let add = group > 0;
        match *weights {
            [a] => blend(out, [row(0)], [a], add),
            [a, b] => blend(out, [row(0), row(1)], [a, b], add),
            [a, b, c] => blend(out, [row(0), row(1), row(2)], [a, b, c], add),
            [a, b, c, d] => blend(out, [row(0), row(1), row(2), row(3)], [a, b, c, d], add),
            _ => {}
        }
    }
}

#[inline]
fn blend<const N: usize>(out: &mut [f32], rows: [&[u8]; N], weights: [f32; N], add: bool) {
    let rows = rows.map(|row| &row[..out.len()]);
    for x in 0..out.len() {
        let mut sum = if add { out[x] } else { 0.0 };
        for k in 0..N {
            sum += f32::from(rows[k][x]) * weights[k];
        }
        out[x] = sum;
    }
}

/// Writes the weighted sums of the samples of `row` that make up each pixel of `out`. The samples start at `first`
/// and lie `step` apart.
pub(super) fn across(row: &[f32], first: usize, step: usize, axis: &Axis, out: &mut [f32]) {
    let row = &row[first..];
    match step {
        1 => across_by::<1>(row, axis, out),
        2 => across_by::<2>(row, axis, out),
        3 => across_by::<3>(row, axis, out),
        _ => across_by::<4>(row, axis, out),
    }
}

fn across_by<const STEP: usize>(row: &[f32], axis: &Axis, out: &mut [f32]) {
    match axis.taps {
        1 => across_taps::<STEP, 1>(row, axis, out),
        2 => across_taps::<STEP, 2>(row, axis, out),
        3 => across_taps::<STEP, 3>(row, axis, out),
        4 => across_taps::<STEP, 4>(row, axis, out),
        5 => across_taps::<STEP, 5>(row, axis, out),
        6 => across_taps::<STEP, 6>(row, axis, out),
        7 => across_taps::<STEP, 7>(row, axis, out),
        taps => {
            let weights = axis.weights.chunks_exact(taps.max(1));
            for ((out, &start), weights) in out.iter_mut().zip(&axis.starts).zip(weights) {
                let samples = row[start as usize * STEP..].iter().step_by(STEP);
                *out = samples.zip(weights).map(|(s, w)| s * w).sum();
            }
        }
    }
}

/// With both numbers known the loop over the taps is unrolled and one bounds check is left.
fn across_taps<const STEP: usize, const TAPS: usize>(row: &[f32], axis: &Axis, out: &mut [f32]) {
    let (weights, _) = axis.weights.as_chunks::<TAPS>();
    for ((out, &start), weights) in out.iter_mut().zip(&axis.starts).zip(weights) {
        let samples = &row[start as usize * STEP..][..(TAPS - 1) * STEP + 1];
        let mut sum = 0.0;
        for k in 0..TAPS {
            sum += samples[k * STEP] * weights[k];
        }
        *out = sum;
    }
}
