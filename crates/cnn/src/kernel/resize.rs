//! Resizing of a map.

use crate::op::{CoordinateMode, Interpolation, Shape};
use crate::reference::position;

/// Resizes a map in NHWC order.
pub(crate) fn resize(
    interpolation: Interpolation,
    coordinates: CoordinateMode,
    (from, input): (Shape, &[f32]),
    (to, out): (Shape, &mut [f32]),
) {
    let channels = from.channels;
    // Returns the two input pixels around an output pixel, and the distance from the first of them.
    let between = |i: usize, n: usize, m: usize| {
        let at = position(coordinates, i, n, m).clamp(0.0, (m - 1) as f32);
        let first = at as usize;
        (first, (first + 1).min(m - 1), at - first as f32)
    };
    for (y, out) in out.chunks_exact_mut(to.width * channels).enumerate() {
        let (top, below, dy) = between(y, to.height, from.height);
        let row = |y: usize| &input[y * from.width * channels..][..from.width * channels];
        let upper = row(top);
        let lower = row(below);
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            let (left, right, dx) = between(x, to.width, from.width);
            let left = left * channels;
            let right = right * channels;
            if interpolation == Interpolation::Nearest {
                out.copy_from_slice(&upper[left..][..channels]);
                continue;
            }
            let weights = [(1.0 - dy) * (1.0 - dx), (1.0 - dy) * dx, dy * (1.0 - dx), dy * dx];
            let corners = [&upper[left..], &upper[right..], &lower[left..], &lower[right..]];
            let [a, b, c, d] = corners.map(|corner| &corner[..channels]);
            for (i, out) in out.iter_mut().enumerate() {
                *out = a[i] * weights[0] + b[i] * weights[1] + c[i] * weights[2] + d[i] * weights[3];
            }
        }
    }
}
