//! Depthwise convolution: each channel on its own, one row of output at a time.

use super::byte_matmul::{ByteWeights, byte, store_part};
use super::tile::{Epilogue, VectorEpilogue, next_tile_len, pad_to_vectors};
use crate::aligned::AlignedVec;
use crate::isa::Isa;
use crate::simd::dispatch::{kernel, unroll};
use crate::simd::vector::{Call, Dot, Simd};

/// The weights of the window, tap by tap. The channels of each tap are padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct DepthwiseTaps {
    isa: Isa,
    channels: usize,
    height: usize,
    width: usize,
    data: AlignedVec<f32>,
    bias: AlignedVec<f32>,
}

impl DepthwiseTaps {
    /// Lays out weights that are given channel by channel, row by row.
    pub(crate) fn new(isa: Isa, height: usize, width: usize, weights: &[f32], bias: &[f32]) -> Self {
        let channels = bias.len();
        let taps = height * width;
        assert_eq!(weights.len(), channels * taps, "weights of a depthwise convolution");
        let wide = channels.next_multiple_of(isa.lanes());
        let mut data = AlignedVec::zeroed(wide * taps);
        for (c, window) in weights.chunks_exact(taps).enumerate() {
            for (tap, weight) in window.iter().enumerate() {
                data[tap * wide + c] = *weight;
            }
        }
        Self { isa, channels, height, width, data, bias: pad_to_vectors(isa, bias) }
    }

    /// Returns the number of channels.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        (self.data.len() + self.bias.len()) * size_of::<f32>()
    }
}

/// The input of some rows of output.
pub(crate) struct Band<'a> {
    /// The rows of input that the windows see, from the first row of the first window on. A row outside the map is
    /// `None`.
    pub(crate) sources: &'a [Option<&'a [f32]>],
    /// The rows of output.
    pub(crate) rows: usize,
    /// The pixels in a row of input.
    pub(crate) width: usize,
    /// The pixels in a row of output.
    pub(crate) out_width: usize,
    /// The rows and columns from an output pixel's window to the next one's.
    pub(crate) stride: (usize, usize),
    /// The rows and columns from a tap to the next.
    pub(crate) dilation: (usize, usize),
    /// The number of columns by which the first window begins beyond the row.
    pub(crate) pad: usize,
    /// Added to the outputs.
    pub(crate) residual: Option<&'a [f32]>,
}

/// The destination of rows of output, one after another.
pub(crate) enum DepthwiseOutput<'a> {
    /// Writes f32.
    Floats(&'a mut [f32]),
    /// Writes the bytes that these weights multiply.
    Bytes(&'a ByteWeights, &'a mut [u8]),
}

/// The destination as the kernel needs it.
#[derive(Clone, Copy)]
enum Out {
    Floats(*mut f32),
    Bytes { out: *mut u8, factors: *const f32, zeros: *const f32 },
}

/// Computes rows of output.
///
/// # Panics
/// Panics if a slice is shorter than `band` requires. With bytes as output, panics if there is a residual or if the
/// weights have another number of inputs.
pub(crate) fn depthwise(
    taps: &DepthwiseTaps,
    epilogue: &Epilogue,
    band: &Band<'_>,
    out: DepthwiseOutput<'_>,
) {
    let Some(before_last) = band.rows.checked_sub(1) else { return };
    let needed = band.rows * band.out_width * taps.channels;
    let reach = before_last * band.stride.0 + (taps.height - 1) * band.dilation.0 + 1;
    assert!(band.sources.len() >= reach, "a source for each row that a window sees");
    assert!(band.sources.iter().flatten().all(|s| s.len() >= band.width * taps.channels), "inputs");
    assert!(band.residual.is_none_or(|r| r.len() >= needed), "residual");
    let out = match out {
        DepthwiseOutput::Floats(out) => {
            assert!(out.len() >= needed, "outputs");
            Out::Floats(out.as_mut_ptr())
        }
        DepthwiseOutput::Bytes(weights, out) => {
            let (factors, zeros) = weights.quantizers();
            assert!(out.len() >= needed && band.residual.is_none(), "outputs as bytes");
            assert!(
                factors.len() == taps.bias.len() && zeros.len() == taps.bias.len(),
                "the weights' inputs"
            );
            Out::Bytes { out: out.as_mut_ptr(), factors: factors.as_ptr(), zeros: zeros.as_ptr() }
        }
    };
    assert!(epilogue.slopes.as_ref().is_none_or(|s| s.len() == taps.bias.len()), "slopes");
    // Windows of three that reach at most one pixel beyond the row.
    let beyond = (band.out_width * band.stride.1 + 3).saturating_sub(band.stride.1 + band.pad + band.width);
    let three = taps.width == 3 && band.dilation.1 == 1 && band.pad <= 1 && beyond <= 1;
    // SAFETY: the sources hold `width` pixels, `out` and the residual `rows` x `out_width`. The constructors pad
    // weights, bias and slopes to whole vectors. The kernel skips taps beyond the row. The kernels for windows of three
    // run only for such windows.
    unsafe {
        match band.stride.1 {
            1 if three => three_by_one(taps.isa, taps, epilogue, band, out),
            2 if three => three_by_two(taps.isa, taps, epilogue, band, out),
            _ => any(taps.isa, taps, epilogue, band, out),
        }
    }
}

kernel! { fn any(taps: &DepthwiseTaps, epilogue: &Epilogue, band: &Band<'_>, out: Out) = any_window }
kernel! {
    fn three_by_one(taps: &DepthwiseTaps, epilogue: &Epilogue, band: &Band<'_>, out: Out)
        = window_of_three_by_one
}
kernel! {
    fn three_by_two(taps: &DepthwiseTaps, epilogue: &Epilogue, band: &Band<'_>, out: Out)
        = window_of_three_by_two
}

/// # Safety
/// The conditions of [`generic`] must hold.
#[inline(always)]
unsafe fn any_window<S: Dot>(taps: &DepthwiseTaps, epilogue: &Epilogue, band: &Band<'_>, out: Out) {
    // SAFETY: guaranteed by the caller.
    unsafe { generic::<S, 0>(taps, epilogue, band, out) }
}

/// # Safety
/// The conditions of [`generic`] must hold.
#[inline(always)]
unsafe fn window_of_three_by_one<S: Dot>(
    taps: &DepthwiseTaps,
    epilogue: &Epilogue,
    band: &Band<'_>,
    out: Out,
) {
    // SAFETY: guaranteed by the caller.
    unsafe { generic::<S, 1>(taps, epilogue, band, out) }
}

/// # Safety
/// The conditions of [`generic`] must hold.
#[inline(always)]
unsafe fn window_of_three_by_two<S: Dot>(
    taps: &DepthwiseTaps,
    epilogue: &Epilogue,
    band: &Band<'_>,
    out: Out,
) {
    // SAFETY: guaranteed by the caller.
    unsafe { generic::<S, 2>(taps, epilogue, band, out) }
}

/// Returns the largest number of pixels of a tile. If there are enough registers, there are enough sums at once that no
/// addition waits for the one before.
const fn max_pixels<S: Simd>() -> usize {
    if S::TILE_PIXELS[0] < 8 { S::TILE_PIXELS[0] } else { 8 }
}

/// `THREE` is 0 for any window. Otherwise it is the stride of a dense window that is three wide and reaches at most one
/// pixel beyond the row.
///
/// # Safety
/// The conditions that [`depthwise`] checks must hold, and `THREE` must describe the window.
#[inline(always)]
unsafe fn generic<S: Dot, const THREE: usize>(
    taps: &DepthwiseTaps,
    epilogue: &Epilogue,
    band: &Band<'_>,
    out: Out,
) {
    let reach = (taps.width - 1) * band.dilation.1;
    // The output pixels whose whole window is inside the row. Windows of three need no such limit.
    let mut inner = 0;
    let mut end = band.out_width;
    if THREE == 0 {
        inner = band.pad.div_ceil(band.stride.1).min(band.out_width);
        end = match (band.width + band.pad).checked_sub(reach + 1) {
            Some(last) => (last / band.stride.1 + 1).clamp(inner, band.out_width),
            None => inner,
        };
    }
    // The outer loops go over tiles of pixels and then channels, because neighbouring channels are neighbouring cache
    // lines. The innermost loop goes over rows, so that the input of a tile is read from the second-level cache once
    // for all rows that see it.
    let mut x = 0;
    while x < band.out_width {
        let (edge, until) = match x {
            _ if x < inner => (true, inner),
            _ if x < end => (false, end),
            _ => (true, band.out_width),
        };
        let count = if edge { 1 } else { next_tile_len(until - x, max_pixels::<S>()) };
        for channel in (0..taps.channels).step_by(S::LANES) {
            let column = Column { taps, epilogue, band, channel, out, x };
            // SAFETY: guaranteed by the caller; from `inner` to `end` every tap is inside.
            unsafe {
                match (edge, taps.channels - channel >= S::LANES) {
                    (true, true) => S::enter(&Tile::<1, false, true, 0>(&column)),
                    (true, false) => S::enter(&Tile::<1, true, true, 0>(&column)),
                    (false, true) => pixels::<S, false, THREE>(&column, count),
                    (false, false) => pixels::<S, true, THREE>(&column, count),
                }
            }
        }
        x += count;
    }
}

/// Some neighbouring pixels in all rows of the band, for one vector of channels.
struct Column<'a> {
    taps: &'a DepthwiseTaps,
    epilogue: &'a Epilogue,
    band: &'a Band<'a>,
    channel: usize,
    out: Out,
    /// The first pixel of each row.
    x: usize,
}

/// Computes `count` pixels of each row, all of whose taps are inside it.
///
/// # Safety
/// The conditions of [`generic`] must hold, and `count` must not exceed [`max_pixels`].
#[inline(always)]
unsafe fn pixels<S: Dot, const TAIL: bool, const THREE: usize>(column: &Column<'_>, count: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match count {
            1 => S::enter(&Tile::<1, TAIL, false, THREE>(column)),
            2 => S::enter(&Tile::<2, TAIL, false, THREE>(column)),
            3 => S::enter(&Tile::<3, TAIL, false, THREE>(column)),
            4 => S::enter(&Tile::<4, TAIL, false, THREE>(column)),
            6 => S::enter(&Tile::<6, TAIL, false, THREE>(column)),
            _ => S::enter(&Tile::<8, TAIL, false, THREE>(column)),
        }
    }
}

/// P pixels of each row. With `TAIL`, there are fewer channels than a vector has. With `EDGE`, taps beyond the row are
/// skipped. `THREE` is that of [`generic`].
struct Tile<'a, const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize>(&'a Column<'a>);

impl<const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize> Call
    for Tile<'_, P, TAIL, EDGE, THREE>
{
    #[inline(always)]
    unsafe fn call<S: Dot>(&self) {
        if const { P > max_pixels::<S>() } {
            return; // Never reached; generates no code.
        }
        let Column { epilogue, channel, band, .. } = *self.0;
        // SAFETY: guaranteed by the caller; the slopes are padded to whole vectors.
        unsafe {
            let ending = VectorEpilogue::<S>::new(epilogue).at(epilogue, channel);
            for y in 0..band.rows {
                self.row(y, &ending);
            }
        }
    }
}

impl<const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize> Tile<'_, P, TAIL, EDGE, THREE> {
    /// Computes the tile's pixels of row `y`.
    ///
    /// # Safety
    /// The conditions of [`generic`] must hold. Without `EDGE`, every tap must be inside the row.
    #[inline(always)]
    unsafe fn row<S: Dot>(&self, y: usize, ending: &VectorEpilogue<S>) {
        let Column { taps, band, channel, out, x, .. } = *self.0;
        let channels = taps.channels;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let tail = S::tail((channels - channel).min(S::LANES));
            let load = |from| if TAIL { S::load_tail(from, tail) } else { S::load(from) };
            let mut sums = [S::load(taps.bias.as_ptr().add(channel)); P];
            let wide = channels.next_multiple_of(S::LANES);
            let mut weights = taps.data.as_ptr().add(channel);
            for row in 0..taps.height {
                let source = band.sources.get_unchecked(y * band.stride.0 + row * band.dilation.0);
                let Some(source) = source else {
                    weights = weights.add(taps.width * wide);
                    continue;
                };
                let source = source.as_ptr().add(channel);
                if THREE == 0 {
                    for t in 0..taps.width {
                        let weight = S::load(weights);
                        weights = weights.add(wide);
                        let at = (x * band.stride.1 + t * band.dilation.1).wrapping_sub(band.pad);
                        if EDGE && at >= band.width {
                            continue;
                        }
                        let source = source.add(at * channels);
                        unroll!(J < P => {
                            let value = load(source.add(J * band.stride.1 * channels));
                            sums[J] = value.mul_add(weight, sums[J]);
                        });
                    }
                    continue;
                }
                // Windows of three with a stride of one or two share inputs, and each input is read once. Only the
                // first pixel of the first window and the last pixel of the last window can lie beyond the row.
                let before = x * THREE < band.pad;
                let beyond = (x + P - 1) * THREE + 2 - band.pad >= band.width;
                let at = (x * THREE).wrapping_sub(band.pad);
                let mut source = source.wrapping_add(at.wrapping_mul(channels));
                let a = S::load(weights);
                let b = S::load(weights.add(wide));
                let c = S::load(weights.add(2 * wide));
                weights = weights.add(3 * wide);
                let mut first = if before { S::zero() } else { load(source) };
                if THREE == 1 {
                    source = source.wrapping_add(channels);
                    let mut middle = load(source);
                    unroll!(J < P => {
                        source = source.wrapping_add(channels);
                        let last = if J == P - 1 && beyond { S::zero() } else { load(source) };
                        sums[J] = last.mul_add(c, middle.mul_add(b, first.mul_add(a, sums[J])));
                        first = middle;
                        middle = last;
                    });
                } else {
                    unroll!(J < P => {
                        let middle = load(source.wrapping_add(channels));
                        source = source.wrapping_add(2 * channels);
                        let last = if J == P - 1 && beyond { S::zero() } else { load(source) };
                        sums[J] = last.mul_add(c, middle.mul_add(b, first.mul_add(a, sums[J])));
                        first = last;
                    });
                }
            }
            let first = (y * band.out_width + x) * channels + channel;
            match out {
                // The usual case, without any test for each vector.
                Out::Floats(out) if !TAIL && ending.is_plain() && band.residual.is_none() => {
                    unroll!(J < P => { ending.bounded(sums[J]).store(out.add(first + J * channels)); });
                }
                Out::Floats(out) => {
                    unroll!(J < P => {
                        let place = first + J * channels;
                        ending.store(sums[J], band.residual, out, place, TAIL.then_some(tail));
                    });
                }
                Out::Bytes { out, factors, zeros } => {
                    let factor = S::load(factors.add(channel));
                    let zero = S::load(zeros.add(channel));
                    unroll!(J < P => {
                        let number = ending.apply(sums[J]);
                        let to = out.add(first + J * channels);
                        let byte = byte(number, factor, zero);
                        if TAIL {
                            store_part(byte, to, channels - channel);
                        } else {
                            byte.store_bytes(to);
                        }
                    });
                }
            }
        }
    }
}
