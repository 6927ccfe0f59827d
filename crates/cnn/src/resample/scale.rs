//! The two passes of a separable scaling: rows of bytes into one row of f32, and that row into a narrower one.

use super::color::ColorTransform;
use super::color::store_pixels;
use super::plane::SamplePlane;
use crate::aligned::AlignedVec;
use crate::isa::Isa;
use crate::simd::dispatch::{kernel, unroll};
use crate::simd::vector::ByteSimd;

/// The number of elements that a vector may read or write beyond the last sample of a row.
const OVERHANG: usize = 32;

/// One row of each channel of a picture, scaled vertically. [`vertical_pass`] writes it and [`horizontal_pass`] reads
/// it. Callers should reuse it, because it allocates only if a row is longer than all rows before.
#[derive(Clone, Debug, Default)]
pub struct ChannelRows([AlignedVec<f32>; 3]);

/// Writes the weighted sum of rows of samples into `rows`, for each channel of the plane. The rows are `first` and
/// those below it, one for each of the `weights`, which must be finite.
///
/// # Panics
/// Panics if there are no weights, or if a row or sample is outside the plane's bytes.
pub fn vertical_pass(
    isa: Isa,
    plane: &SamplePlane<'_>,
    first: usize,
    weights: &[f32],
    rows: &mut ChannelRows,
) {
    plane.check();
    assert!(!weights.is_empty(), "at least one row");
    assert!(first.checked_add(weights.len()).is_some_and(|end| end <= plane.rows), "rows inside the plane");
    let mut strip = Strip {
        data: plane.data[first * plane.stride..].as_ptr(),
        stride: plane.stride,
        columns: plane.columns,
        weights,
        channels: [(0, std::ptr::null_mut()); 3],
    };
    let mut count = 0;
    for (byte, row) in plane.bytes.iter().zip(&mut rows.0) {
        if let Some(byte) = byte {
            if row.len() < plane.columns + OVERHANG {
                *row = AlignedVec::zeroed(plane.columns + OVERHANG);
            }
            strip.channels[count] = (*byte, row.as_mut_ptr());
            count += 1;
        }
    }
    // SAFETY: the rows lie in the plane's bytes and the bytes of channels in their samples. The destinations are
    // different buffers, each with room for the samples and `OVERHANG` more.
    unsafe { run_vertical(isa, &strip, plane.step, count) }
}

/// Some rows of a plane, and the destination of each channel.
struct Strip<'a> {
    /// The first row.
    data: *const u8,
    stride: usize,
    columns: usize,
    weights: &'a [f32],
    /// The byte of a sample and the destination.
    channels: [(usize, *mut f32); 3],
}

kernel! { fn run_vertical(strip: &Strip<'_>, step: usize, count: usize) = vertical_generic }

/// # Safety
/// The conditions that [`vertical_pass`] checks must hold.
#[inline(always)]
unsafe fn vertical_generic<S: ByteSimd>(strip: &Strip<'_>, step: usize, count: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match (step, count) {
            (_, 0) => {}
            (1, 1) => strip.run::<S, 1, 1, 4>(),
            (2, 1) => strip.run::<S, 2, 1, 4>(),
            (3, 1) => strip.run::<S, 3, 1, 4>(),
            (4, 1) => strip.run::<S, 4, 1, 4>(),
            (1, 2) => strip.run::<S, 1, 2, 2>(),
            (2, 2) => strip.run::<S, 2, 2, 2>(),
            (3, 2) => strip.run::<S, 3, 2, 2>(),
            (4, 2) => strip.run::<S, 4, 2, 2>(),
            (1, _) => strip.run::<S, 1, 3, 2>(),
            (2, _) => strip.run::<S, 2, 3, 2>(),
            (3, _) => strip.run::<S, 3, 3, 2>(),
            _ => strip.run::<S, 4, 3, 2>(),
        }
    }
}

impl Strip<'_> {
    /// Processes samples of STEP bytes and N channels, U vectors of samples at a time.
    ///
    /// # Safety
    /// The conditions of [`vertical_generic`] must hold.
    #[inline(always)]
    unsafe fn run<S: ByteSimd, const STEP: usize, const N: usize, const U: usize>(&self) {
        let bytes = self.columns * STEP;
        let surplus = if STEP == 3 { 4 } else { 0 };
        let mut x = 0;
        // SAFETY: guaranteed by the caller; reads end within the row's `bytes`, or in the copy of its end.
        unsafe {
            while (x + U * S::LANES) * STEP + surplus <= bytes {
                self.tile::<S, STEP, N, U>(self.data.wrapping_add(x * STEP), self.stride, x);
                x += U * S::LANES;
            }
            while (x + S::LANES) * STEP + surplus <= bytes {
                self.tile::<S, STEP, N, 1>(self.data.wrapping_add(x * STEP), self.stride, x);
                x += S::LANES;
            }
            while x < self.columns {
                self.end::<S, STEP, N>(x);
                x += S::LANES;
            }
        }
    }

    /// Processes the samples from `x` on, of which there are fewer than a vector may read.
    ///
    /// # Safety
    /// The conditions of [`vertical_generic`] must hold, and `x` must be below `columns`.
    #[inline(always)]
    unsafe fn end<S: ByteSimd, const STEP: usize, const N: usize>(&self, x: usize) {
        let len = (self.columns - x).min(S::LANES) * STEP;
        let channels: [(usize, *mut f32); N] = std::array::from_fn(|i| self.channels[i]);
        for (y, weight) in self.weights.iter().enumerate() {
            let mut copy = [0_u8; 4 * 16 + 4];
            let row = self.data.wrapping_add(y * self.stride + x * STEP);
            // SAFETY: a vector has at most 16 samples, and those from `x` on are inside the row.
            unsafe {
                std::ptr::copy_nonoverlapping(row, copy.as_mut_ptr(), len);
                let words = S::samples::<STEP>(copy.as_ptr());
                unroll!(I < N => {
                    let (byte, row) = channels[I];
                    let sum = if y == 0 { S::zero() } else { S::load(row.add(x)) };
                    let value = S::select_byte(words, S::byte_selector::<STEP>(byte));
                    value.mul_add(S::splat(*weight), sum).store(row.add(x));
                });
            }
        }
    }

    /// Processes U vectors of samples, from `from` on in the first row. Writes them to the elements from `x` on.
    ///
    /// # Safety
    /// The conditions of [`vertical_generic`] must hold. The samples, and with a STEP of 3 four more bytes, must be in
    /// every row.
    #[inline(always)]
    unsafe fn tile<S: ByteSimd, const STEP: usize, const N: usize, const U: usize>(
        &self,
        from: *const u8,
        stride: usize,
        x: usize,
    ) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let mut picks = [S::byte_selector::<STEP>(0); N];
            for (pick, (byte, _)) in picks.iter_mut().zip(self.channels) {
                *pick = S::byte_selector::<STEP>(byte);
            }
            let rows: [*mut f32; N] = std::array::from_fn(|i| self.channels[i].1);
            let mut sums = [[S::zero(); N]; U];
            let mut row = from;
            for weight in self.weights {
                let weight = S::splat(*weight);
                unroll!(J < U => {
                    let words = S::samples::<STEP>(row.add(J * S::LANES * STEP));
                    unroll!(I < N => {
                        let value = if STEP == 1 { S::words_to_f32(words) } else { S::select_byte(words, picks[I]) };
                        sums[J][I] = value.mul_add(weight, sums[J][I]);
                    });
                });
                row = row.wrapping_add(stride);
            }
            unroll!(J < U => {
                unroll!(I < N => { sums[J][I].store(rows[I].add(x + J * S::LANES)); });
            });
        }
    }
}

/// A run of samples and their weights for each target sample of a scaled row, laid out for one instruction set.
#[derive(Clone, Debug)]
pub struct RowTaps {
    isa: Isa,
    /// The number of target samples.
    len: usize,
    /// The length of the longest run, in groups of four samples.
    groups: usize,
    /// The length that a row must have for the padded runs.
    reach: usize,
    /// The first sample of each run, padded to whole vectors.
    starts: AlignedVec<u32>,
    /// For each vector of targets and each four samples of their runs, the weights in the order of
    /// [`ByteSimd::neighbors`].
    weights: AlignedVec<f32>,
}

impl RowTaps {
    /// Lays out the runs that begin at `starts`. All runs have the same length, that of the `weights` of each start.
    ///
    /// # Panics
    /// Panics if the number of weights is not a multiple of the number of starts.
    #[must_use]
    pub fn new(isa: Isa, starts: &[u32], weights: &[f32]) -> Self {
        let taps = weights.len() / starts.len().max(1);
        assert_eq!(taps * starts.len(), weights.len(), "runs of the same length");
        let lanes = isa.lanes();
        let groups = taps.div_ceil(4).max(1);
        let wide = starts.len().next_multiple_of(lanes);
        let mut laid = Self {
            isa,
            len: starts.len(),
            groups,
            reach: starts.iter().max().map_or(0, |last| *last as usize) + 4 * groups,
            starts: AlignedVec::zeroed(wide),
            weights: AlignedVec::zeroed(wide * 4 * groups),
        };
        laid.starts[..starts.len()].copy_from_slice(starts);
        for (i, weight) in weights.iter().enumerate() {
            let target = i / taps;
            let tap = i % taps;
            let vector = target / lanes;
            let lane = target % lanes;
            // The order of `ByteSimd::neighbors`.
            let place = if isa == Isa::PORTABLE {
                tap % 4 * lanes + lane
            } else {
                lane % 4 * lanes + lane / 4 * 4 + tap % 4
            };
            laid.weights[(vector * groups + tap / 4) * 4 * lanes + place] = *weight;
        }
        laid
    }
}

/// Scales rows horizontally and finishes them. Target sample x becomes element `at` + x of each third of `out`.
///
/// `first` has the runs of the first channel and `others` those of the second and third. If `others` is `None`, the
/// picture has only the first channel, and the others are 0.
///
/// # Panics
/// Panics if the two have different numbers of targets or instruction sets, if a run reaches beyond its row, or if
/// `out` is too short.
pub fn horizontal_pass(
    first: &RowTaps,
    others: Option<&RowTaps>,
    rows: &ChannelRows,
    colors: &ColorTransform,
    out: &mut [f32],
    at: usize,
) {
    let plane = out.len() / 3;
    let [row, second, third] = &rows.0;
    assert!(first.reach <= row.len(), "runs inside the first row");
    if let Some(taps) = others {
        assert!((taps.isa, taps.len) == (first.isa, first.len), "the same targets");
        assert!(taps.reach <= second.len().min(third.len()), "runs inside the other rows");
    }
    assert!(at.checked_add(first.len).is_some_and(|end| end <= plane), "outputs");
    let rows = [row, second, third].map(|row| row.as_ptr());
    // SAFETY: no run reaches beyond its row, and the thirds of `out` hold the targets.
    unsafe { run_horizontal(first.isa, first, others, rows, colors, out.as_mut_ptr().add(at), plane) }
}

kernel! {
    fn run_horizontal(
        first: &RowTaps,
        others: Option<&RowTaps>,
        rows: [*const f32; 3],
        colors: &ColorTransform,
        out: *mut f32,
        plane: usize,
    ) = horizontal_generic
}

/// # Safety
/// The conditions that [`horizontal_pass`] checks must hold.
#[inline(always)]
unsafe fn horizontal_generic<S: ByteSimd>(
    first: &RowTaps,
    others: Option<&RowTaps>,
    rows: [*const f32; 3],
    colors: &ColorTransform,
    out: *mut f32,
    plane: usize,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        if first.groups == 1 && others.is_none_or(|taps| taps.groups == 1) {
            all::<S, true>(first, others, rows, colors, out, plane);
        } else {
            all::<S, false>(first, others, rows, colors, out, plane);
        }
    }
}

/// Computes all targets. With `SHORT`, no run is longer than four samples, which is the usual case.
///
/// # Safety
/// The conditions that [`horizontal_pass`] checks must hold.
#[inline(always)]
unsafe fn all<S: ByteSimd, const SHORT: bool>(
    first: &RowTaps,
    others: Option<&RowTaps>,
    [row, second, third]: [*const f32; 3],
    colors: &ColorTransform,
    out: *mut f32,
    plane: usize,
) {
    let runs = Runs::of(first);
    let others = others.map(Runs::of);
    // SAFETY: guaranteed by the caller.
    unsafe {
        for x in (0..first.len).step_by(S::LANES) {
            let [a] = runs.sums::<S, 1, SHORT>([row], x);
            let [b, c] = match &others {
                Some(runs) => runs.sums::<S, 2, SHORT>([second, third], x),
                None => [S::zero(); 2],
            };
            store_pixels([a, b, c], None, colors, out.add(x), plane, first.len - x);
        }
    }
}

/// The pointers of [`RowTaps`] for the loop.
#[derive(Clone, Copy)]
struct Runs {
    groups: usize,
    starts: *const u32,
    weights: *const f32,
}

impl Runs {
    #[inline(always)]
    fn of(taps: &RowTaps) -> Self {
        Self { groups: taps.groups, starts: taps.starts.as_ptr(), weights: taps.weights.as_ptr() }
    }

    /// Returns the sums of the runs of a vector of targets from `x` on, in each of N rows.
    ///
    /// # Safety
    /// The conditions that [`horizontal_pass`] checks must hold. With `SHORT`, there must be one group.
    #[inline(always)]
    unsafe fn sums<S: ByteSimd, const N: usize, const SHORT: bool>(
        &self,
        rows: [*const f32; N],
        x: usize,
    ) -> [S; N] {
        // SAFETY: guaranteed by the caller; starts and weights are padded to whole vectors.
        unsafe {
            let mut sums = [[S::zero(); 4]; N];
            let starts = self.starts.add(x);
            let groups = if SHORT { 1 } else { self.groups };
            let weights = self.weights.add(x * 4 * groups);
            for group in 0..groups {
                let mut from = rows;
                unroll!(I < N => { from[I] = from[I].add(4 * group); });
                add::<S, N, 4>(&mut sums, from, starts, weights.add(group * 4 * S::LANES));
            }
            let mut all = [S::zero(); N];
            unroll!(I < N => { all[I] = S::sum_neighbors(sums[I]); });
            all
        }
    }
}

/// Adds Q samples, four, of each run, times their weights.
///
/// # Safety
/// The conditions that [`horizontal_pass`] checks must hold.
#[inline(always)]
unsafe fn add<S: ByteSimd, const N: usize, const Q: usize>(
    sums: &mut [[S; Q]; N],
    rows: [*const f32; N],
    starts: *const u32,
    weights: *const f32,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        unroll!(P < Q => {
            let weight = S::load(weights.add(P * S::LANES));
            unroll!(I < N => {
                sums[I][P] = S::neighbors(rows[I], starts, P).mul_add(weight, sums[I][P]);
            });
        });
    }
}
