//! The common parts of the matrix kernels: how output channels are cut into blocks and pixels into tiles, and how a
//! tile's sums are finished before they are stored.

use crate::aligned::AlignedVec;
use crate::isa::Isa;
use crate::simd::dispatch::unroll;
use crate::simd::vector::{Call, Dot, Simd};

/// The operations on an output before it is stored: `after(before(product + bias) + residual)`.
#[derive(Clone, Debug)]
pub(crate) struct Epilogue {
    /// The bounds before the residual is added. They are infinite without an activation, or if it has slopes.
    pub(crate) before: (f32, f32),
    /// The factor of negative values for each channel, padded to whole vectors.
    pub(crate) slopes: Option<AlignedVec<f32>>,
    /// The bounds after the residual was added.
    pub(crate) after: (f32, f32),
}

/// Bounds that change nothing.
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl Default for Epilogue {
    fn default() -> Self {
        Self { before: UNBOUNDED, slopes: None, after: UNBOUNDED }
    }
}

/// An [`Epilogue`] in registers, for one vector of channels.
#[derive(Clone, Copy)]
pub(super) struct VectorEpilogue<S> {
    before: [S; 2],
    after: [S; 2],
    slope: Option<S>,
}

impl<S: Simd> VectorEpilogue<S> {
    /// Loads the bounds, which are the same for all channels, without slopes.
    ///
    /// # Safety
    /// The conditions of [`Simd`] must hold.
    #[inline(always)]
    pub(super) unsafe fn new(epilogue: &Epilogue) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe {
            Self {
                before: [S::splat(epilogue.before.0), S::splat(epilogue.before.1)],
                after: [S::splat(epilogue.after.0), S::splat(epilogue.after.1)],
                slope: None,
            }
        }
    }

    /// Loads the slopes for the vector of channels from `channel` on.
    ///
    /// # Safety
    /// The slopes, if there are any, must hold that vector.
    #[inline(always)]
    pub(super) unsafe fn at(self, epilogue: &Epilogue, channel: usize) -> Self {
        // SAFETY: guaranteed by the caller.
        let slope = unsafe { epilogue.slopes.as_ref().map(|slopes| S::load(slopes.as_ptr().add(channel))) };
        Self { slope, ..self }
    }

    /// Returns true if there are no slopes.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.slope.is_none()
    }

    /// Applies everything up to the residual.
    ///
    /// # Safety
    /// The conditions of [`Simd`] must hold.
    #[inline(always)]
    pub(super) unsafe fn apply(self, value: S) -> S {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match self.slope {
                Some(slope) => S::zero().min(value).mul_add(slope, S::zero().max(value)),
                None => self.bounded(value),
            }
        }
    }

    /// Applies the bounds before the residual, for an epilogue without slopes.
    ///
    /// # Safety
    /// The conditions of [`Simd`] must hold.
    #[inline(always)]
    pub(super) unsafe fn bounded(self, value: S) -> S {
        // SAFETY: guaranteed by the caller.
        unsafe { within(self.before, value) }
    }

    /// Finishes `value` and stores it at `place` of `out`. The residual is read from the same place. With a tail, only
    /// its elements are read and written.
    ///
    /// # Safety
    /// `out` and the residual must be valid for a vector at `place`, or for the tail.
    #[inline(always)]
    pub(super) unsafe fn store(
        self,
        value: S,
        residual: Option<&[f32]>,
        out: *mut f32,
        place: usize,
        tail: Option<S::Tail>,
    ) {
        // SAFETY: guaranteed by the caller.
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

/// Limits `value` to the bounds. The operands are in an order that keeps NaN.
///
/// # Safety
/// The conditions of [`Simd`] must hold.
#[inline(always)]
unsafe fn within<S: Simd>([low, high]: [S; 2], value: S) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe { high.min(low.max(value)) }
}

/// Returns the number of pixels of the next tile, at most `most`, which is even or below 5. At the end it returns two
/// tiles of about the same size instead of a full one and a small one, because the additions of a small one would wait
/// for one another.
///
/// Odd numbers from 5 on become a tile of 3 and an even one. Tiles of all sizes would double the compile time of the
/// kernels.
#[inline(always)]
pub(super) fn next_tile_len(left: usize, most: usize) -> usize {
    let len = match left {
        _ if left <= most => left,
        _ if left < 2 * most => left.div_ceil(2),
        _ => most,
    };
    if len >= 5 && len % 2 == 1 { len - 3 } else { len }
}

/// Returns the values, followed by zeros up to a whole vector.
pub(crate) fn pad_to_vectors(isa: Isa, numbers: &[f32]) -> AlignedVec<f32> {
    let mut lines = AlignedVec::zeroed(numbers.len().next_multiple_of(isa.lanes()));
    lines[..numbers.len()].copy_from_slice(numbers);
    lines
}

/// Channels that are computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// 1 to 3 vectors.
    Vectors(usize),
    /// Half a vector.
    HalfVector,
}

impl Block {
    /// Returns the number of channels, including the padding.
    pub(super) fn channels(self, isa: Isa) -> usize {
        match self {
            Self::Vectors(vectors) => vectors * isa.lanes(),
            Self::HalfVector => isa.lanes() / 2,
        }
    }
}

/// Cuts vectors into blocks of two. If a vector remains, it joins the last block if there are enough registers for
/// three, else it is a block of its own.
pub(super) fn split_blocks(isa: Isa, vectors: usize) -> Vec<usize> {
    let mut blocks = vec![2; vectors / 2];
    match blocks.last_mut() {
        Some(last) if vectors % 2 == 1 && isa.registers() >= 32 => *last = 3,
        _ if vectors % 2 == 1 => blocks.push(1),
        _ => {}
    }
    blocks
}

/// Cuts channels into blocks: whole vectors, and half a vector if the rest fits into it.
pub(super) fn blocks(isa: Isa, channels: usize) -> Vec<Block> {
    let lanes = isa.lanes();
    let rest = channels % lanes;
    let half = isa.half_lanes().is_some_and(|half| (1..=half).contains(&rest));
    let vectors = if half { channels / lanes } else { channels.div_ceil(lanes) };
    split_blocks(isa, vectors)
        .into_iter()
        .map(Block::Vectors)
        .chain(half.then_some(Block::HalfVector))
        .collect()
}

/// A kernel that computes P pixels by N vectors of a block at a time.
pub(super) trait TileKernel {
    /// Returns the largest number of pixels of a tile of 1, 2 and 3 vectors.
    fn max_pixels<S: Dot>() -> [usize; 3];

    /// Computes the P pixels from `at` on.
    ///
    /// # Safety
    /// The conditions of the kernel must hold, and P must not exceed `Self::max_pixels::<S>()[N - 1]`.
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize);
}

/// The computation of one tile.
struct TileCall<'a, T, const P: usize, const N: usize> {
    tile: &'a T,
    at: usize,
}

impl<T: TileKernel, const P: usize, const N: usize> Call for TileCall<'_, T, P, N> {
    #[inline(always)]
    unsafe fn call<S: Dot>(&self) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.tile.tile::<S, P, N>(self.at) }
    }
}

/// Computes the pixels from `from` to `to` in tiles.
///
/// # Safety
/// The conditions of the kernel must hold.
#[inline(always)]
pub(super) unsafe fn for_each_tile<S: Dot, T: TileKernel, const N: usize>(tile: &T, from: usize, to: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe { S::enter_apart(&Tiles::<T, N> { tile, from, to }) }
}

/// The computation of the pixels from `from` to `to`.
struct Tiles<'a, T, const N: usize> {
    tile: &'a T,
    from: usize,
    to: usize,
}

impl<T: TileKernel, const N: usize> Call for Tiles<'_, T, N> {
    #[inline(always)]
    unsafe fn call<S: Dot>(&self) {
        // SAFETY: guaranteed by the caller.
        unsafe { tiles::<S, T, N>(self.tile, self.from, self.to) }
    }
}

/// # Safety
/// The conditions of the kernel must hold.
#[inline(always)]
unsafe fn tiles<S: Dot, T: TileKernel, const N: usize>(tile: &T, from: usize, to: usize) {
    let most = T::max_pixels::<S>()[N - 1];
    let mut at = from;
    while at < to {
        let count = next_tile_len(to - at, most);
        // SAFETY: guaranteed by the caller; `count` <= `most`.
        unsafe {
            match count {
                1 => S::enter(&TileCall::<T, 1, N> { tile, at }),
                2 => S::enter(&TileCall::<T, 2, N> { tile, at }),
                3 => S::enter(&TileCall::<T, 3, N> { tile, at }),
                4 => S::enter(&TileCall::<T, 4, N> { tile, at }),
                6 => S::enter(&TileCall::<T, 6, N> { tile, at }),
                8 => S::enter(&TileCall::<T, 8, N> { tile, at }),
                10 => S::enter(&TileCall::<T, 10, N> { tile, at }),
                12 => S::enter(&TileCall::<T, 12, N> { tile, at }),
                _ => S::enter(&TileCall::<T, 14, N> { tile, at }),
            }
        }
        at += count;
    }
}

/// The destination of a block's outputs.
pub(super) struct BlockOutput<'a> {
    pub(super) epilogue: &'a Epilogue,
    /// Added to the outputs. It has their layout.
    pub(super) residual: Option<&'a [f32]>,
    /// The elements from an output pixel to the next.
    pub(super) step: usize,
    /// The first channel of the block, and the number of channels of all blocks.
    pub(super) first: usize,
    pub(super) channels: usize,
    pub(super) out: *mut f32,
}

impl BlockOutput<'_> {
    /// Finishes and stores the sums of the P pixels from `at` on.
    ///
    /// # Safety
    /// `out` and the residual must be valid for these pixels, and the slopes for whole vectors.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd, const P: usize, const N: usize>(&self, at: usize, sums: [[S; N]; P]) {
        // SAFETY: guaranteed by the caller; of the last vector only the existing channels are written.
        unsafe {
            let ending = VectorEpilogue::<S>::new(self.epilogue);
            let whole = self.first + N * S::LANES <= self.channels;
            if whole && self.residual.is_none() && self.epilogue.slopes.is_none() {
                // The usual case, without any test for each vector.
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
                let ending = ending.at(self.epilogue, channel);
                unroll!(J < P => {
                    let place = (at + J) * self.step + channel;
                    ending.store(sums[J][I], self.residual, self.out, place, tail);
                });
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_cut_into_tiles_that_exist() {
        for most in [1, 2, 4, 6, 8, 12, 14] {
            for count in 0..100 {
                let mut left = count;
                while left > 0 {
                    let len = next_tile_len(left, most);
                    assert!(len <= most && len <= left, "{len} of {left}");
                    assert!([1, 2, 3, 4, 6, 8, 10, 12, 14].contains(&len), "{len} of {left}, at most {most}");
                    left -= len;
                }
            }
        }
    }
}
