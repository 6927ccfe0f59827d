//! Depthwise convolution: each channel on its own, a row of output at a time.

use super::matmul::{Finish, padded};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Simd, kernel, unroll};

/// The window's weights, tap by tap, each tap's channels padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct Taps {
    isa: Isa,
    channels: usize,
    height: usize,
    width: usize,
    data: Lines<f32>,
    bias: Lines<f32>,
}

impl Taps {
    /// Lays out weights given channel by channel, row by row.
    pub(crate) fn new(isa: Isa, height: usize, width: usize, weights: &[f32], bias: &[f32]) -> Self {
        let (channels, taps) = (bias.len(), height * width);
        assert_eq!(weights.len(), channels * taps, "weights of a depthwise convolution");
        let wide = channels.next_multiple_of(isa.lanes());
        let mut data = Lines::zeroed(wide * taps);
        for (c, window) in weights.chunks_exact(taps).enumerate() {
            for (tap, weight) in window.iter().enumerate() {
                data[tap * wide + c] = *weight;
            }
        }
        Self { isa, channels, height, width, data, bias: padded(isa, bias) }
    }

    /// Rows of the window.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        (self.data.len() + self.bias.len()) * size_of::<f32>()
    }
}

/// Where a row of output comes from.
pub(crate) struct Row<'a> {
    /// A row of input for each row of the window; `None` where it lies outside.
    pub(crate) sources: &'a [Option<&'a [f32]>],
    /// Pixels in a row of input.
    pub(crate) width: usize,
    /// Pixels in the row of output.
    pub(crate) out_width: usize,
    /// Input pixels from an output pixel's window to the next one's.
    pub(crate) stride: usize,
    /// Input pixels from a tap to the next.
    pub(crate) dilation: usize,
    /// Pixels by which the first window reaches beyond the row.
    pub(crate) pad: usize,
    /// What is added to the outputs.
    pub(crate) residual: Option<&'a [f32]>,
}

/// Computes one row of output.
///
/// # Panics
/// If a slice is too short for what `row` says.
pub(crate) fn depthwise(taps: &Taps, finish: &Finish, row: &Row<'_>, out: &mut [f32]) {
    let needed = row.out_width * taps.channels;
    assert_eq!(row.sources.len(), taps.height, "a source for each row of the window");
    assert!(row.sources.iter().flatten().all(|s| s.len() >= row.width * taps.channels), "inputs");
    assert!(out.len() >= needed && row.residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(finish.slopes.as_ref().is_none_or(|s| s.len() == taps.bias.len()), "slopes");
    // SAFETY: the sources hold `width` pixels, `out` and the residual `out_width`; weights, bias and slopes are
    // padded to whole vectors by their constructors; taps beyond the row are left out by the kernel.
    unsafe { run(taps.isa, taps, finish, row, out.as_mut_ptr()) }
}

kernel! { fn run(taps: &Taps, finish: &Finish, row: &Row<'_>, out: *mut f32) = generic }

/// Pixels of a tile: enough sums at once that none waits for its last addition.
const PIXELS: usize = 8;

/// # Safety
/// As [`depthwise`] checks.
#[inline(always)]
unsafe fn generic<S: Simd>(taps: &Taps, finish: &Finish, row: &Row<'_>, out: *mut f32) {
    let reach = (taps.width - 1) * row.dilation;
    // Output pixels whose whole window is inside the row.
    let inner = row.pad.div_ceil(row.stride).min(row.out_width);
    let end = match (row.width + row.pad).checked_sub(reach + 1) {
        Some(last) => (last / row.stride + 1).clamp(inner, row.out_width),
        None => inner,
    };
    for channel in (0..taps.channels).step_by(S::LANES) {
        let block = Block { taps, finish, row, channel, out };
        // SAFETY: passed on to the caller.
        unsafe {
            if taps.channels - channel >= S::LANES {
                block.run::<S, false>(inner, end);
            } else {
                block.run::<S, true>(inner, end);
            }
        }
    }
}

/// One vector of channels.
struct Block<'a> {
    taps: &'a Taps,
    finish: &'a Finish,
    row: &'a Row<'a>,
    channel: usize,
    out: *mut f32,
}

impl Block<'_> {
    /// # Safety
    /// As [`generic`].
    #[inline(always)]
    unsafe fn run<S: Simd, const TAIL: bool>(&self, inner: usize, end: usize) {
        // SAFETY: passed on to the caller; from `inner` to `end` every tap is inside.
        unsafe {
            for x in (0..inner).chain(end..self.row.out_width) {
                self.tile::<S, 1, TAIL, true>(x);
            }
            let mut x = inner;
            while x < end {
                let count = match end - x {
                    left if left <= PIXELS => left,
                    left if left < 2 * PIXELS => left.div_ceil(2),
                    _ => PIXELS,
                };
                match count {
                    1 => self.tile::<S, 1, TAIL, false>(x),
                    2 => self.tile::<S, 2, TAIL, false>(x),
                    3 => self.tile::<S, 3, TAIL, false>(x),
                    4 => self.tile::<S, 4, TAIL, false>(x),
                    5 => self.tile::<S, 5, TAIL, false>(x),
                    6 => self.tile::<S, 6, TAIL, false>(x),
                    7 => self.tile::<S, 7, TAIL, false>(x),
                    _ => self.tile::<S, PIXELS, TAIL, false>(x),
                }
                x += count;
            }
        }
    }

    /// P pixels from `x` on; with `EDGE` taps beyond the row are left out.
    ///
    /// # Safety
    /// As [`generic`]; without `EDGE` every tap is inside the row.
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const TAIL: bool, const EDGE: bool>(&self, x: usize) {
        let (taps, row, channels) = (self.taps, self.row, self.taps.channels);
        // SAFETY: passed on to the caller.
        unsafe {
            let tail = S::tail((channels - self.channel).min(S::LANES));
            let load = |from| if TAIL { S::load_tail(from, tail) } else { S::load(from) };
            let bias = S::load(taps.bias.as_ptr().add(self.channel));
            let mut sums = [bias; P];
            let wide = channels.next_multiple_of(S::LANES);
            for (y, source) in row.sources.iter().enumerate() {
                let Some(source) = source else { continue };
                for t in 0..taps.width {
                    let at = (x * row.stride + t * row.dilation).wrapping_sub(row.pad);
                    if EDGE && at >= row.width {
                        continue;
                    }
                    let weight = S::load(taps.data.as_ptr().add((y * taps.width + t) * wide + self.channel));
                    let source = source.as_ptr().add(at * channels + self.channel);
                    unroll!(J < P => {
                        sums[J] = load(source.add(J * row.stride * channels)).mul_add(weight, sums[J]);
                    });
                }
            }
            let finish = self.finish;
            let (low, high) = (S::splat(finish.before.0), S::splat(finish.before.1));
            let (after_low, after_high) = (S::splat(finish.after.0), S::splat(finish.after.1));
            let slope = finish.slopes.as_ref().map(|slopes| S::load(slopes.as_ptr().add(self.channel)));
            unroll!(J < P => {
                let place = (x + J) * channels + self.channel;
                let mut value = match slope {
                    Some(slope) => sums[J].min(S::zero()).mul_add(slope, sums[J].max(S::zero())),
                    None => sums[J].max(low).min(high),
                };
                if let Some(residual) = row.residual {
                    value = value.add(load(residual.as_ptr().add(place))).max(after_low).min(after_high);
                }
                if TAIL {
                    value.store_tail(self.out.add(place), tail);
                } else {
                    value.store(self.out.add(place));
                }
            });
        }
    }
}
