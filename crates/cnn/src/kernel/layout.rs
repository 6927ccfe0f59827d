//! Copies of the same elements in another order or place.

use crate::op::{Pads, Shape};

/// Converts from NCHW to NHWC order.
pub(crate) fn to_nhwc(channels: usize, input: &[f32], out: &mut [f32]) {
    let pixels = input.len() / channels;
    for (c, plane) in input.chunks_exact(pixels).enumerate() {
        out[c..].iter_mut().step_by(channels).zip(plane).for_each(|(o, x)| *o = *x);
    }
}

/// Converts from NHWC to NCHW order.
pub(crate) fn to_nchw(channels: usize, input: &[f32], out: &mut [f32]) {
    let pixels = input.len() / channels;
    for (c, plane) in out.chunks_exact_mut(pixels).enumerate() {
        plane.iter_mut().zip(input[c..].iter().step_by(channels)).for_each(|(o, x)| *o = *x);
    }
}

/// Copies the `channels` elements of each pixel to the channels from `first` on of pixels with `out_channels` elements.
pub(crate) fn copy_channels(
    channels: usize,
    input: &[f32],
    out_channels: usize,
    first: usize,
    out: &mut [f32],
) {
    let pixels = out.chunks_exact_mut(out_channels).zip(input.chunks_exact(channels));
    pixels.for_each(|(out, x)| out[first..][..channels].copy_from_slice(x));
}

/// Copies the channels from `first` on of pixels with `channels` elements to pixels with `out_channels` elements.
pub(crate) fn slice_channels(
    channels: usize,
    first: usize,
    input: &[f32],
    out_channels: usize,
    out: &mut [f32],
) {
    if out_channels == 1 {
        out.iter_mut().zip(input.iter().skip(first).step_by(channels)).for_each(|(out, x)| *out = *x);
        return;
    }
    let pixels = out.chunks_exact_mut(out_channels).zip(input.chunks_exact(channels));
    pixels.for_each(|(out, x)| out.copy_from_slice(&x[first..][..out_channels]));
}

/// Copies a map and fills the space around it, and its additional channels, with `value`.
pub(crate) fn pad(pads: &Pads, value: f32, (from, input): (Shape, &[f32]), (to, out): (Shape, &mut [f32])) {
    out.fill(value);
    for y in 0..from.height {
        let row = &input[y * from.width * from.channels..][..from.width * from.channels];
        let at = ((y + pads.top) * to.width + pads.left) * to.channels;
        copy_channels(from.channels, row, to.channels, 0, &mut out[at..][..from.width * to.channels]);
    }
}

/// Copies a row with `left` and `right` zeros around it, or writes only zeros if `row` is `None`.
pub(crate) fn pad_row(row: Option<&[f32]>, left: usize, right: usize, out: &mut [f32]) {
    let Some(row) = row else { return out.fill(0.0) };
    let end = out.len() - right;
    out[..left].fill(0.0);
    out[left..end].copy_from_slice(row);
    out[end..].fill(0.0);
}
