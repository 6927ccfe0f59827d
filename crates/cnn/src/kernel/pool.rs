//! The maximum or mean of each channel in a window, and sums over a whole map.

use crate::isa::Isa;
use crate::op::{Pooling, Shape, Window};
use crate::simd::dispatch::kernel;
use crate::simd::vector::Simd;

/// The window of a maximum that always lies on the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxWindow {
    pub(crate) channels: usize,
    /// The columns of the window.
    pub(crate) columns: usize,
    /// The columns from a window to the next.
    pub(crate) stride: usize,
}

/// Computes a row of output, in NHWC order: the maximum of each channel under each window, NaN
/// left out. `rows` are the rows of input under the window.
///
/// # Panics
/// Panics if a row is shorter than the windows.
pub(crate) fn max_row(isa: Isa, window: &MaxWindow, rows: &[&[f32]], out: &mut [f32]) {
    let Some(before_last) = (out.len() / window.channels).checked_sub(1) else { return };
    let needed = (before_last * window.stride + window.columns) * window.channels;
    assert!(rows.iter().all(|row| row.len() >= needed), "inputs");
    // SAFETY: every row holds the last window, and `out` whole pixels.
    unsafe { max_pixels(isa, window, rows, out) }
}

kernel! { fn max_pixels(window: &MaxWindow, rows: &[&[f32]], out: &mut [f32]) = max_generic }

/// # Safety
/// The conditions that [`max_row`] checks must hold.
#[inline(always)]
unsafe fn max_generic<S: Simd>(window: &MaxWindow, rows: &[&[f32]], out: &mut [f32]) {
    let MaxWindow { channels, columns, stride } = *window;
    for (x, out) in out.chunks_exact_mut(channels).enumerate() {
        let first = x * stride * channels;
        for channel in (0..channels).step_by(S::LANES) {
            // SAFETY: guaranteed by the caller; of the last vector only the existing channels are read and written.
            unsafe {
                let left = channels - channel;
                let tail = S::tail(left.min(S::LANES));
                let mut largest = S::splat(f32::NEG_INFINITY);
                for row in rows {
                    let mut from = row.as_ptr().add(first + channel);
                    for _ in 0..columns {
                        let value = if left < S::LANES { S::load_tail(from, tail) } else { S::load(from) };
                        largest = value.max(largest); // skips NaN
                        from = from.wrapping_add(channels);
                    }
                }
                let to = out.as_mut_ptr().add(channel);
                if left < S::LANES { largest.store_tail(to, tail) } else { largest.store(to) }
            }
        }
    }
}

/// Slides a window over a map in NHWC order.
pub(crate) fn pool(
    pool: Pooling,
    window: &Window,
    (from, input): (Shape, &[f32]),
    (to, out): (Shape, &mut [f32]),
) {
    let channels = from.channels;
    // Returns the first input position under the window that lies on the map, and the number of its taps on the map.
    let inside = |at: usize, stride: usize, pad: usize, dilation: usize, taps: usize, len: usize| {
        let first = (at * stride).saturating_sub(pad);
        let skipped = pad.saturating_sub(at * stride).div_ceil(dilation);
        let start = at * stride + skipped * dilation - pad;
        debug_assert!(start >= first);
        let count = if start < len { (len - start).div_ceil(dilation) } else { 0 };
        (start, count.min(taps.saturating_sub(skipped)))
    };
    for y in 0..to.height {
        let (top, rows) =
            inside(y, window.stride.0, window.pads.top, window.dilation.0, window.kernel.0, from.height);
        for x in 0..to.width {
            let (left, columns) =
                inside(x, window.stride.1, window.pads.left, window.dilation.1, window.kernel.1, from.width);
            let out = &mut out[(y * to.width + x) * channels..][..channels];
            out.fill(if pool == Pooling::Max { f32::NEG_INFINITY } else { 0.0 });
            for row in 0..rows {
                for column in 0..columns {
                    let at = (top + row * window.dilation.0) * from.width + left + column * window.dilation.1;
                    let input = &input[at * channels..][..channels];
                    if pool == Pooling::Max {
                        out.iter_mut().zip(input).for_each(|(o, x)| *o = if *x > *o { *x } else { *o });
                    } else {
                        out.iter_mut().zip(input).for_each(|(o, x)| *o += x);
                    }
                }
            }
            let count = match pool {
                Pooling::Max => continue,
                Pooling::Average => rows * columns,
                Pooling::AverageIncludingPads => window.kernel.0 * window.kernel.1,
            };
            let part = 1.0 / count as f32;
            out.iter_mut().for_each(|o| *o *= part);
        }
    }
}

/// Computes the mean of each channel over all pixels.
pub(crate) fn mean(input: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    let pixels = input.len() / out.len();
    for pixel in input.chunks_exact(out.len()) {
        out.iter_mut().zip(pixel).for_each(|(o, x)| *o += x);
    }
    let part = 1.0 / pixels as f32;
    out.iter_mut().for_each(|o| *o *= part);
}

/// Computes the sum of each pixel's channels.
pub(crate) fn sum(channels: usize, input: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(input.chunks_exact(channels)).for_each(|(o, pixel)| *o = pixel.iter().sum());
}

/// Computes the softmax over each pixel's channels.
pub(crate) fn softmax(channels: usize, input: &[f32], out: &mut [f32]) {
    for (out, input) in out.chunks_exact_mut(channels).zip(input.chunks_exact(channels)) {
        let top = input.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for (o, x) in out.iter_mut().zip(input) {
            *o = (x - top).exp();
            total += *o;
        }
        out.iter_mut().for_each(|o| *o /= total);
    }
}
