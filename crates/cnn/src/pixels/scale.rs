//! The two passes of a separable scaling: rows of bytes into one row of numbers, and that row into a narrower one.

use super::finish::finish;
use super::{Colors, Plane};
use crate::Isa;
use crate::buffer;
use crate::simd::{Bytes, kernel, unroll};

/// Numbers that a vector may read or write beyond the last sample of a line.
const BEYOND: usize = 32;

/// One row of each channel of a picture, scaled down but not yet across: what [`down`] writes and [`across`] reads.
/// Keep it: it allocates when a row is longer than all before.
#[derive(Clone, Debug, Default)]
pub struct Lines([buffer::Lines<f32>; 3]);

/// Writes the weighted sum of rows of samples: of row `first` of the plane and those below it, as many as there are
/// `weights` (finite ones), into the line of each channel that the plane has.
///
/// # Panics
/// If there are no weights, or the rows are not all in the plane's bytes.
pub fn down(isa: Isa, plane: &Plane<'_>, first: usize, weights: &[f32], lines: &mut Lines) {
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
    for (byte, line) in plane.bytes.iter().zip(&mut lines.0) {
        if let Some(byte) = byte {
            if line.len() < plane.columns + BEYOND {
                *line = buffer::Lines::zeroed(plane.columns + BEYOND);
            }
            strip.channels[count] = (*byte, line.as_mut_ptr());
            count += 1;
        }
    }
    // SAFETY: the rows lie in the plane's bytes, bytes of channels in their samples, and the lines are different
    // ones, each with room for the samples and `BEYOND` more.
    unsafe { run_down(isa, &strip, plane.step, count) }
}

/// Some rows of a plane, and where each of its channels goes.
struct Strip<'a> {
    /// The first row.
    data: *const u8,
    stride: usize,
    columns: usize,
    weights: &'a [f32],
    /// Which byte of a sample, and the line.
    channels: [(usize, *mut f32); 3],
}

kernel! { fn run_down(strip: &Strip<'_>, step: usize, count: usize) = generic_down }

/// # Safety
/// As [`down`] ensures.
#[inline(always)]
unsafe fn generic_down<S: Bytes>(strip: &Strip<'_>, step: usize, count: usize) {
    // SAFETY: passed on to the caller.
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
    /// Samples of STEP bytes, N channels, U vectors of samples at a time.
    ///
    /// # Safety
    /// As [`generic_down`].
    #[inline(always)]
    unsafe fn run<S: Bytes, const STEP: usize, const N: usize, const U: usize>(&self) {
        let bytes = self.columns * STEP;
        let surplus = if STEP == 3 { 4 } else { 0 };
        let mut x = 0;
        // SAFETY: passed on to the caller; what is read ends within the row's `bytes`, or in the copy of its end.
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

    /// The samples from `x` on, of which there are less than a vector may read.
    ///
    /// # Safety
    /// As [`generic_down`]; `x` is below `columns`.
    #[inline(always)]
    unsafe fn end<S: Bytes, const STEP: usize, const N: usize>(&self, x: usize) {
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
                    let (byte, line) = channels[I];
                    let sum = if y == 0 { S::zero() } else { S::load(line.add(x)) };
                    let value = S::byte(words, S::pick::<STEP>(byte));
                    value.mul_add(S::splat(*weight), sum).store(line.add(x));
                });
            }
        }
    }

    /// U vectors of samples from `from` on in the first row, which are those from `x` on of the lines.
    ///
    /// # Safety
    /// As [`generic_down`]; the samples, and with a STEP of 3 four bytes more, are in every row.
    #[inline(always)]
    unsafe fn tile<S: Bytes, const STEP: usize, const N: usize, const U: usize>(
        &self,
        from: *const u8,
        stride: usize,
        x: usize,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut picks = [S::pick::<STEP>(0); N];
            for (pick, (byte, _)) in picks.iter_mut().zip(self.channels) {
                *pick = S::pick::<STEP>(byte);
            }
            let lines: [*mut f32; N] = std::array::from_fn(|i| self.channels[i].1);
            let mut sums = [[S::zero(); N]; U];
            let mut row = from;
            for weight in self.weights {
                let weight = S::splat(*weight);
                unroll!(J < U => {
                    let words = S::samples::<STEP>(row.add(J * S::LANES * STEP));
                    unroll!(I < N => {
                        let value = if STEP == 1 { S::number(words) } else { S::byte(words, picks[I]) };
                        sums[J][I] = value.mul_add(weight, sums[J][I]);
                    });
                });
                row = row.wrapping_add(stride);
            }
            unroll!(J < U => {
                unroll!(I < N => { sums[J][I].store(lines[I].add(x + J * S::LANES)); });
            });
        }
    }
}

/// For each target sample of a scaled row, a run of samples and their weights, laid out for one instruction set.
#[derive(Clone, Debug)]
pub struct Taps {
    isa: Isa,
    /// Target samples.
    len: usize,
    /// The longest run, in steps of four samples.
    groups: usize,
    /// How long a line has to be for the runs so padded.
    reach: usize,
    /// Where the runs start, padded to whole vectors.
    starts: buffer::Lines<u32>,
    /// For each vector of targets, for each four samples of their runs, the weights as [`Bytes::neighbors`] has samples.
    weights: buffer::Lines<f32>,
}

impl Taps {
    /// The runs that start at `starts` and are all as long as there are `weights` for each.
    ///
    /// # Panics
    /// If the weights are not the same number for each start.
    #[must_use]
    pub fn new(isa: Isa, starts: &[u32], weights: &[f32]) -> Self {
        let taps = weights.len() / starts.len().max(1);
        assert_eq!(taps * starts.len(), weights.len(), "runs of the same length");
        let (lanes, groups) = (isa.lanes(), taps.div_ceil(4).max(1));
        let wide = starts.len().next_multiple_of(lanes);
        let mut laid = Self {
            isa,
            len: starts.len(),
            groups,
            reach: starts.iter().max().map_or(0, |last| *last as usize) + 4 * groups,
            starts: buffer::Lines::zeroed(wide),
            weights: buffer::Lines::zeroed(wide * 4 * groups),
        };
        laid.starts[..starts.len()].copy_from_slice(starts);
        for (i, weight) in weights.iter().enumerate() {
            let (target, tap) = (i / taps, i % taps);
            let (vector, lane) = (target / lanes, target % lanes);
            // The order of `Bytes::neighbors`.
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

/// Scales the lines and finishes them: target sample x becomes number `at` + x of each third of `out`.
///
/// `first` has the runs of the first channel, `others` those of the second and third; `None` where the picture has
/// the first alone, and the others are 0.
///
/// # Panics
/// If the two have not equally many targets or were made for different instruction sets, a run reaches beyond its
/// line, or `out` is too short.
pub fn across(
    first: &Taps,
    others: Option<&Taps>,
    lines: &Lines,
    colors: &Colors,
    out: &mut [f32],
    at: usize,
) {
    let (plane, [line, second, third]) = (out.len() / 3, &lines.0);
    assert!(first.reach <= line.len(), "runs inside the first line");
    if let Some(taps) = others {
        assert!((taps.isa, taps.len) == (first.isa, first.len), "the same targets");
        assert!(taps.reach <= second.len().min(third.len()), "runs inside the other lines");
    }
    assert!(at.checked_add(first.len).is_some_and(|end| end <= plane), "outputs");
    let lines = [line, second, third].map(|line| line.as_ptr());
    // SAFETY: the runs reach nowhere beyond their lines, and the thirds of `out` hold the targets.
    unsafe { run_across(first.isa, first, others, lines, colors, out.as_mut_ptr().add(at), plane) }
}

kernel! {
    fn run_across(
        first: &Taps,
        others: Option<&Taps>,
        lines: [*const f32; 3],
        colors: &Colors,
        out: *mut f32,
        plane: usize,
    ) = generic_across
}

/// # Safety
/// As [`across`] checks.
#[inline(always)]
unsafe fn generic_across<S: Bytes>(
    first: &Taps,
    others: Option<&Taps>,
    lines: [*const f32; 3],
    colors: &Colors,
    out: *mut f32,
    plane: usize,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        if first.groups == 1 && others.is_none_or(|taps| taps.groups == 1) {
            all::<S, true>(first, others, lines, colors, out, plane);
        } else {
            all::<S, false>(first, others, lines, colors, out, plane);
        }
    }
}

/// All targets; with `SHORT` no run is longer than four samples, as is usual.
///
/// # Safety
/// As [`across`] checks.
#[inline(always)]
unsafe fn all<S: Bytes, const SHORT: bool>(
    first: &Taps,
    others: Option<&Taps>,
    [line, second, third]: [*const f32; 3],
    colors: &Colors,
    out: *mut f32,
    plane: usize,
) {
    let runs = Runs::of(first);
    let others = others.map(Runs::of);
    // SAFETY: passed on to the caller.
    unsafe {
        for x in (0..first.len).step_by(S::LANES) {
            let [a] = runs.sums::<S, 1, SHORT>([line], x);
            let [b, c] = match &others {
                Some(runs) => runs.sums::<S, 2, SHORT>([second, third], x),
                None => [S::zero(); 2],
            };
            finish([a, b, c], None, colors, out.add(x), plane, first.len - x);
        }
    }
}

/// [`Taps`] as the loop needs them.
#[derive(Clone, Copy)]
struct Runs {
    groups: usize,
    starts: *const u32,
    weights: *const f32,
}

impl Runs {
    #[inline(always)]
    fn of(taps: &Taps) -> Self {
        Self { groups: taps.groups, starts: taps.starts.as_ptr(), weights: taps.weights.as_ptr() }
    }

    /// In each of N lines, the sums of the runs of a vector of targets from `x` on.
    ///
    /// # Safety
    /// As [`across`] checks; with `SHORT` there is one group.
    #[inline(always)]
    unsafe fn sums<S: Bytes, const N: usize, const SHORT: bool>(
        &self,
        lines: [*const f32; N],
        x: usize,
    ) -> [S; N] {
        // SAFETY: passed on to the caller; starts and weights are padded to whole vectors.
        unsafe {
            let mut sums = [[S::zero(); 4]; N];
            let starts = self.starts.add(x);
            let groups = if SHORT { 1 } else { self.groups };
            let weights = self.weights.add(x * 4 * groups);
            for group in 0..groups {
                let mut from = lines;
                unroll!(I < N => { from[I] = from[I].add(4 * group); });
                add::<S, N, 4>(&mut sums, from, starts, weights.add(group * 4 * S::LANES));
            }
            let mut all = [S::zero(); N];
            unroll!(I < N => { all[I] = S::sum_neighbors(sums[I]); });
            all
        }
    }
}

/// Adds Q samples, four, of each run, weighted.
///
/// # Safety
/// As [`across`] checks.
#[inline(always)]
unsafe fn add<S: Bytes, const N: usize, const Q: usize>(
    sums: &mut [[S; Q]; N],
    lines: [*const f32; N],
    starts: *const u32,
    weights: *const f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        unroll!(P < Q => {
            let weight = S::load(weights.add(P * S::LANES));
            unroll!(I < N => {
                sums[I][P] = S::neighbors(lines[I], starts, P).mul_add(weight, sums[I][P]);
            });
        });
    }
}
