//! What the matrix kernels share: how output channels are cut into blocks and pixels into tiles, and what happens to a tile's
//! sums before they are stored.

use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Call, Dot, Simd, unroll};

/// What happens to an output before it is stored: `after(before(product + bias) + residual)`.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    /// Bounds before the residual is added; infinite where there is no activation, or one with slopes.
    pub(crate) before: (f32, f32),
    /// For each channel, the factor of what is below zero. Padded to whole vectors.
    pub(crate) slopes: Option<Lines<f32>>,
    /// Bounds after the residual was added.
    pub(crate) after: (f32, f32),
}

/// Bounds that change nothing.
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl Default for Finish {
    fn default() -> Self {
        Self { before: UNBOUNDED, slopes: None, after: UNBOUNDED }
    }
}

/// A [`Finish`] in registers, for one vector of channels.
#[derive(Clone, Copy)]
pub(super) struct Ending<S> {
    before: [S; 2],
    after: [S; 2],
    slope: Option<S>,
}

impl<S: Simd> Ending<S> {
    /// The bounds, which are the same for all channels; there is no slope yet.
    ///
    /// # Safety
    /// As the methods of [`Simd`].
    #[inline(always)]
    pub(super) unsafe fn new(finish: &Finish) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            Self {
                before: [S::splat(finish.before.0), S::splat(finish.before.1)],
                after: [S::splat(finish.after.0), S::splat(finish.after.1)],
                slope: None,
            }
        }
    }

    /// The same for the vector of channels from `channel` on.
    ///
    /// # Safety
    /// The slopes, if there are any, reach as far.
    #[inline(always)]
    pub(super) unsafe fn at(self, finish: &Finish, channel: usize) -> Self {
        // SAFETY: passed on to the caller.
        let slope = unsafe { finish.slopes.as_ref().map(|slopes| S::load(slopes.as_ptr().add(channel))) };
        Self { slope, ..self }
    }

    /// Whether there is no slope.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.slope.is_none()
    }

    /// What `value` is before the residual.
    ///
    /// # Safety
    /// As the methods of [`Simd`].
    #[inline(always)]
    pub(super) unsafe fn apply(self, value: S) -> S {
        // SAFETY: passed on to the caller.
        unsafe {
            match self.slope {
                Some(slope) => S::zero().min(value).mul_add(slope, S::zero().max(value)),
                None => self.bounded(value),
            }
        }
    }

    /// The same where there is no slope.
    ///
    /// # Safety
    /// As the methods of [`Simd`].
    #[inline(always)]
    pub(super) unsafe fn bounded(self, value: S) -> S {
        // SAFETY: passed on to the caller.
        unsafe { within(self.before, value) }
    }

    /// Finishes `value` and stores it at `place` of `out`, where the residual is too; with a tail, only that.
    ///
    /// # Safety
    /// `out` and the residual are good for a vector at `place`, or for the tail.
    #[inline(always)]
    pub(super) unsafe fn store(
        self,
        value: S,
        residual: Option<&[f32]>,
        out: *mut f32,
        place: usize,
        tail: Option<S::Tail>,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut value = self.apply(value);
            if let Some(residual) = residual {
                let residual = residual.as_ptr().add(place);
                let residual = match tail {
                    Some(tail) => S::load_tail(residual, tail),
                    None => S::load(residual),
                };
                value = within(self.after, value.add(residual));
            }
            match tail {
                Some(tail) => value.store_tail(out.add(place), tail),
                None => value.store(out.add(place)),
            }
        }
    }
}

/// What is no number stays so: it comes last wherever it is compared.
///
/// # Safety
/// As the methods of [`Simd`].
#[inline(always)]
unsafe fn within<S: Simd>([low, high]: [S; 2], value: S) -> S {
    // SAFETY: passed on to the caller.
    unsafe { high.min(low.max(value)) }
}

/// How many of `left` pixels the next tile has, of at most `most`: two tiles of about the same size at the end instead of a
/// full one and a small one, whose few accumulators would wait for one another.
#[inline(always)]
pub(super) fn split(left: usize, most: usize) -> usize {
    match left {
        _ if left <= most => left,
        _ if left < 2 * most => left.div_ceil(2),
        _ => most,
    }
}

/// The numbers, followed by zeros up to a whole vector.
pub(crate) fn padded(isa: Isa, numbers: &[f32]) -> Lines<f32> {
    let mut lines = Lines::zeroed(numbers.len().next_multiple_of(isa.lanes()));
    lines[..numbers.len()].copy_from_slice(numbers);
    lines
}

/// Channels that are computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// 1 to 3 vectors.
    Vectors(usize),
    /// Half a vector.
    Half,
}

impl Block {
    /// How many channels it has, those that are none included.
    pub(super) fn channels(self, isa: Isa) -> usize {
        match self {
            Self::Vectors(vectors) => vectors * isa.lanes(),
            Self::Half => isa.lanes() / 2,
        }
    }
}

/// Cuts vectors into blocks of two and an odd rest: one of three where the registers hold them with enough pixels beside, else
/// one of one.
pub(super) fn cut(isa: Isa, vectors: usize) -> Vec<usize> {
    let mut blocks = vec![2; vectors / 2];
    match blocks.last_mut() {
        Some(last) if vectors % 2 == 1 && isa.registers() >= 32 => *last = 3,
        _ if vectors % 2 == 1 => blocks.push(1),
        _ => {}
    }
    blocks
}

/// The blocks of so many channels: whole vectors, and half a vector for what needs no more.
pub(super) fn blocks(isa: Isa, channels: usize) -> Vec<Block> {
    let lanes = isa.lanes();
    let rest = channels % lanes;
    let half = isa.half().is_some_and(|half| (1..=half).contains(&rest));
    let vectors = if half { channels / lanes } else { channels.div_ceil(lanes) };
    cut(isa, vectors).into_iter().map(Block::Vectors).chain(half.then_some(Block::Half)).collect()
}

/// A kernel that computes P pixels by N vectors of a block at a time.
pub(super) trait Tile {
    /// The most pixels of a tile of 1, 2 and 3 vectors.
    fn most<S: Dot>() -> [usize; 3];

    /// The P pixels from `at` on.
    ///
    /// # Safety
    /// As the kernel says; P is at most `Self::most::<S>()[N - 1]`.
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize);
}

/// One tile.
struct One<'a, T, const P: usize, const N: usize> {
    tile: &'a T,
    at: usize,
}

impl<T: Tile, const P: usize, const N: usize> Call for One<'_, T, P, N> {
    #[inline(always)]
    unsafe fn call<S: Dot>(&self) {
        // SAFETY: passed on to the caller.
        unsafe { self.tile.tile::<S, P, N>(self.at) }
    }
}

/// Goes through the pixels from `from` to `to` in tiles.
///
/// # Safety
/// As the tile's.
#[inline(always)]
pub(super) unsafe fn walk<S: Dot, T: Tile, const N: usize>(tile: &T, from: usize, to: usize) {
    let most = T::most::<S>()[N - 1];
    let mut at = from;
    while at < to {
        let count = split(to - at, most);
        // SAFETY: passed on to the caller; `count` <= `most`.
        unsafe {
            match count {
                1 => S::enter(&One::<T, 1, N> { tile, at }),
                2 => S::enter(&One::<T, 2, N> { tile, at }),
                3 => S::enter(&One::<T, 3, N> { tile, at }),
                4 => S::enter(&One::<T, 4, N> { tile, at }),
                5 => S::enter(&One::<T, 5, N> { tile, at }),
                6 => S::enter(&One::<T, 6, N> { tile, at }),
                7 => S::enter(&One::<T, 7, N> { tile, at }),
                8 => S::enter(&One::<T, 8, N> { tile, at }),
                9 => S::enter(&One::<T, 9, N> { tile, at }),
                10 => S::enter(&One::<T, 10, N> { tile, at }),
                11 => S::enter(&One::<T, 11, N> { tile, at }),
                12 => S::enter(&One::<T, 12, N> { tile, at }),
                13 => S::enter(&One::<T, 13, N> { tile, at }),
                _ => S::enter(&One::<T, 14, N> { tile, at }),
            }
        }
        at += count;
    }
}

/// Where a block's outputs go.
pub(super) struct Output<'a> {
    pub(super) finish: &'a Finish,
    /// What is added to the outputs, laid out as they are.
    pub(super) residual: Option<&'a [f32]>,
    /// Numbers from an output pixel to the next.
    pub(super) step: usize,
    /// The block's first channel, and how many there are in all.
    pub(super) first: usize,
    pub(super) channels: usize,
    pub(super) out: *mut f32,
}

impl Output<'_> {
    /// Finishes and stores the sums of the P pixels from `at` on.
    ///
    /// # Safety
    /// `out` and the residual are good for these pixels, the slopes for whole vectors.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd, const P: usize, const N: usize>(&self, at: usize, sums: [[S; N]; P]) {
        // SAFETY: passed on to the caller; the last vector is written as far as there are channels.
        unsafe {
            let ending = Ending::<S>::new(self.finish);
            let whole = self.first + N * S::LANES <= self.channels;
            if whole && self.residual.is_none() && self.finish.slopes.is_none() {
                // Most layers are so: nothing to be asked for each vector.
                let mut out = self.out.add(at * self.step + self.first);
                unroll!(J < P => {
                    unroll!(I < N => { ending.bounded(sums[J][I]).store(out.add(I * S::LANES)); });
                    out = out.wrapping_add(self.step);
                });
                return;
            }
            unroll!(I < N => {
                let channel = self.first + I * S::LANES;
                let left = self.channels.saturating_sub(channel);
                let tail = (left < S::LANES).then(|| S::tail(left));
                let ending = ending.at(self.finish, channel);
                unroll!(J < P => {
                    let place = (at + J) * self.step + channel;
                    ending.store(sums[J][I], self.residual, self.out, place, tail);
                });
            });
        }
    }
}
