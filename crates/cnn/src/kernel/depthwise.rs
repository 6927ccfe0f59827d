//! Depthwise convolution: each channel on its own, a row of output at a time.

use super::dot::{ByteWeights, byte, store_part};
use super::tile::{Ending, Finish, padded, split};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Call, Dot, Simd, kernel, unroll};

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

    /// How many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        (self.data.len() + self.bias.len()) * size_of::<f32>()
    }
}

/// Where rows of output come from.
pub(crate) struct Band<'a> {
    /// The rows of input that the windows see, from the first row of the first window on; `None` where one lies outside
    /// the map.
    pub(crate) sources: &'a [Option<&'a [f32]>],
    /// Rows of output.
    pub(crate) rows: usize,
    /// Pixels in a row of input.
    pub(crate) width: usize,
    /// Pixels in a row of output.
    pub(crate) out_width: usize,
    /// Rows and columns from an output pixel's window to the next one's.
    pub(crate) stride: (usize, usize),
    /// Rows and columns from a tap to the next.
    pub(crate) dilation: (usize, usize),
    /// Columns by which the first window reaches beyond the row.
    pub(crate) pad: usize,
    /// What is added to the outputs.
    pub(crate) residual: Option<&'a [f32]>,
}

/// Where rows of output go, one after another.
pub(crate) enum Place<'a> {
    /// As they are.
    Numbers(&'a mut [f32]),
    /// As the bytes that these weights multiply.
    Bytes(&'a ByteWeights, &'a mut [u8]),
}

/// The same for a kernel: where numbers go, or bytes, with what makes these.
#[derive(Clone, Copy)]
enum Out {
    Numbers(*mut f32),
    Bytes { out: *mut u8, factors: *const f32, zeros: *const f32 },
}

/// Computes rows of output.
///
/// # Panics
/// If a slice is too short for what `band` says, or for bytes if there is a residual or the weights have other inputs.
pub(crate) fn depthwise(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Place<'_>) {
    let Some(before_last) = band.rows.checked_sub(1) else { return };
    let needed = band.rows * band.out_width * taps.channels;
    let reach = before_last * band.stride.0 + (taps.height - 1) * band.dilation.0 + 1;
    assert!(band.sources.len() >= reach, "a source for each row that a window sees");
    assert!(band.sources.iter().flatten().all(|s| s.len() >= band.width * taps.channels), "inputs");
    assert!(band.residual.is_none_or(|r| r.len() >= needed), "residual");
    let out = match out {
        Place::Numbers(out) => {
            assert!(out.len() >= needed, "outputs");
            Out::Numbers(out.as_mut_ptr())
        }
        Place::Bytes(weights, out) => {
            let (factors, zeros) = weights.inputs();
            assert!(out.len() >= needed && band.residual.is_none(), "outputs as bytes");
            assert!(
                factors.len() == taps.bias.len() && zeros.len() == taps.bias.len(),
                "the weights' inputs"
            );
            Out::Bytes { out: out.as_mut_ptr(), factors: factors.as_ptr(), zeros: zeros.as_ptr() }
        }
    };
    assert!(finish.slopes.as_ref().is_none_or(|s| s.len() == taps.bias.len()), "slopes");
    // Windows of three that reach one pixel beyond the row at most.
    let beyond = (band.out_width * band.stride.1 + 3).saturating_sub(band.stride.1 + band.pad + band.width);
    let three = taps.width == 3 && band.dilation.1 == 1 && band.pad <= 1 && beyond <= 1;
    // SAFETY: the sources hold `width` pixels, `out` and the residual `rows` x `out_width`; weights, bias and slopes are
    // padded to whole vectors by their constructors; taps beyond the row are left out by the kernel; the kernels for
    // windows of three are called for such windows only.
    unsafe {
        match band.stride.1 {
            1 if three => three_by_one(taps.isa, taps, finish, band, out),
            2 if three => three_by_two(taps.isa, taps, finish, band, out),
            _ => any(taps.isa, taps, finish, band, out),
        }
    }
}

kernel! { fn any(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) = any_window }
kernel! { fn three_by_one(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) = window_of_three_by_one }
kernel! { fn three_by_two(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) = window_of_three_by_two }

/// # Safety
/// As [`generic`].
#[inline(always)]
unsafe fn any_window<S: Dot>(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) {
    // SAFETY: passed on to the caller.
    unsafe { generic::<S, 0>(taps, finish, band, out) }
}

/// # Safety
/// As [`generic`].
#[inline(always)]
unsafe fn window_of_three_by_one<S: Dot>(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) {
    // SAFETY: passed on to the caller.
    unsafe { generic::<S, 1>(taps, finish, band, out) }
}

/// # Safety
/// As [`generic`].
#[inline(always)]
unsafe fn window_of_three_by_two<S: Dot>(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) {
    // SAFETY: passed on to the caller.
    unsafe { generic::<S, 2>(taps, finish, band, out) }
}

/// The most pixels of a tile: enough sums at once that none waits for its last addition, where there are registers enough.
#[inline(always)]
fn most<S: Simd>() -> usize {
    S::PIXELS[0].min(8)
}

/// `THREE` is 0 for any window, else the stride of a dense window three wide that reaches one pixel beyond the row at most.
///
/// # Safety
/// As [`depthwise`] checks; `THREE` is true.
#[inline(always)]
unsafe fn generic<S: Dot, const THREE: usize>(taps: &Taps, finish: &Finish, band: &Band<'_>, out: Out) {
    let reach = (taps.width - 1) * band.dilation.1;
    // Output pixels whose whole window is inside the row; windows of three need not be.
    let (mut inner, mut end) = (0, band.out_width);
    if THREE == 0 {
        inner = band.pad.div_ceil(band.stride.1).min(band.out_width);
        end = match (band.width + band.pad).checked_sub(reach + 1) {
            Some(last) => (last / band.stride.1 + 1).clamp(inner, band.out_width),
            None => inner,
        };
    }
    // Tiles of pixels outside, then channels: neighbouring channels are neighbouring cache lines. Rows inside: a tile's
    // input is read from the second-level cache once for all rows that see it.
    let mut x = 0;
    while x < band.out_width {
        let (edge, until) = match x {
            _ if x < inner => (true, inner),
            _ if x < end => (false, end),
            _ => (true, band.out_width),
        };
        let count = if edge { 1 } else { split(until - x, most::<S>()) };
        for channel in (0..taps.channels).step_by(S::LANES) {
            let column = Column { taps, finish, band, channel, out, x };
            // SAFETY: passed on to the caller; from `inner` to `end` every tap is inside.
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

/// Some pixels next to one another in all rows of the band, one vector of channels.
struct Column<'a> {
    taps: &'a Taps,
    finish: &'a Finish,
    band: &'a Band<'a>,
    channel: usize,
    out: Out,
    /// The first pixel of each row.
    x: usize,
}

/// `count` pixels of each row, all of whose taps are inside it.
///
/// # Safety
/// As [`generic`]; `count` is at most [`most`].
#[inline(always)]
unsafe fn pixels<S: Dot, const TAIL: bool, const THREE: usize>(column: &Column<'_>, count: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        match count {
            1 => S::enter(&Tile::<1, TAIL, false, THREE>(column)),
            2 => S::enter(&Tile::<2, TAIL, false, THREE>(column)),
            3 => S::enter(&Tile::<3, TAIL, false, THREE>(column)),
            4 => S::enter(&Tile::<4, TAIL, false, THREE>(column)),
            5 => S::enter(&Tile::<5, TAIL, false, THREE>(column)),
            6 => S::enter(&Tile::<6, TAIL, false, THREE>(column)),
            7 => S::enter(&Tile::<7, TAIL, false, THREE>(column)),
            _ => S::enter(&Tile::<8, TAIL, false, THREE>(column)),
        }
    }
}

/// P pixels of each row. With `TAIL` there are fewer channels than a vector has; with `EDGE` taps beyond the row are left out;
/// `THREE` as for [`generic`].
struct Tile<'a, const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize>(&'a Column<'a>);

impl<const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize> Call
    for Tile<'_, P, TAIL, EDGE, THREE>
{
    #[inline(always)]
    unsafe fn call<S: Dot>(&self) {
        if P > most::<S>() {
            return; // Never asked for; makes no code.
        }
        let Column { finish, channel, band, .. } = *self.0;
        // SAFETY: passed on to the caller; the slopes are padded to whole vectors.
        unsafe {
            let ending = Ending::<S>::new(finish).at(finish, channel);
            for y in 0..band.rows {
                self.row(y, &ending);
            }
        }
    }
}

impl<const P: usize, const TAIL: bool, const EDGE: bool, const THREE: usize> Tile<'_, P, TAIL, EDGE, THREE> {
    /// The tile's pixels of row `y`.
    ///
    /// # Safety
    /// As [`generic`]; without `EDGE` every tap is inside the row.
    #[inline(always)]
    unsafe fn row<S: Dot>(&self, y: usize, ending: &Ending<S>) {
        let Column { taps, band, channel, out, x, .. } = *self.0;
        let channels = taps.channels;
        // SAFETY: passed on to the caller.
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
                // Windows of three that move by one or two share inputs: each is read once. Only the first pixel of the
                // first and the last of the last can lie beyond the row.
                let before = x * THREE < band.pad;
                let beyond = (x + P - 1) * THREE + 2 - band.pad >= band.width;
                let at = (x * THREE).wrapping_sub(band.pad);
                let mut source = source.wrapping_add(at.wrapping_mul(channels));
                let (a, b, c) =
                    (S::load(weights), S::load(weights.add(wide)), S::load(weights.add(2 * wide)));
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
                // Most layers are so: nothing to be asked for each vector.
                Out::Numbers(out) if !TAIL && ending.is_plain() && band.residual.is_none() => {
                    unroll!(J < P => { ending.bounded(sums[J]).store(out.add(first + J * channels)); });
                }
                Out::Numbers(out) => {
                    unroll!(J < P => {
                        let place = first + J * channels;
                        ending.store(sums[J], band.residual, out, place, TAIL.then_some(tail));
                    });
                }
                Out::Bytes { out, factors, zeros } => {
                    let (factor, zero) = (S::load(factors.add(channel)), S::load(zeros.add(channel)));
                    unroll!(J < P => {
                        let (number, to) = (ending.apply(sums[J]), out.add(first + J * channels));
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
