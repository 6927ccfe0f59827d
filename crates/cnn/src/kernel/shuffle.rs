//! The same numbers in another order or place.

use crate::op::{Pads, Shape};

/// From channel by channel to pixel by pixel.
pub(crate) fn interleave(channels: usize, input: &[f32], out: &mut [f32]) {
    let pixels = input.len() / channels;
    for (c, plane) in input.chunks_exact(pixels).enumerate() {
        out[c..].iter_mut().step_by(channels).zip(plane).for_each(|(o, x)| *o = *x);
    }
}

/// From pixel by pixel to channel by channel.
pub(crate) fn planar(channels: usize, input: &[f32], out: &mut [f32]) {
    let pixels = input.len() / channels;
    for (c, plane) in out.chunks_exact_mut(pixels).enumerate() {
        plane.iter_mut().zip(input[c..].iter().step_by(channels)).for_each(|(o, x)| *o = *x);
    }
}

/// Copies `channels` numbers of each pixel to the place `first` of pixels of `out_channels`.
pub(crate) fn merge(channels: usize, input: &[f32], out_channels: usize, first: usize, out: &mut [f32]) {
    let pixels = out.chunks_exact_mut(out_channels).zip(input.chunks_exact(channels));
    pixels.for_each(|(out, x)| out[first..][..channels].copy_from_slice(x));
}

/// The map with `value` around it and in additional channels.
pub(crate) fn pad(pads: &Pads, value: f32, (from, input): (Shape, &[f32]), (to, out): (Shape, &mut [f32])) {
    out.fill(value);
    for y in 0..from.height {
        let row = &input[y * from.width * from.channels..][..from.width * from.channels];
        let at = ((y + pads.top) * to.width + pads.left) * to.channels;
        merge(from.channels, row, to.channels, 0, &mut out[at..][..from.width * to.channels]);
    }
}
