//! The traits of a vector.

use crate::f16::F16;

/// A vector of [`Simd::LANES`] f32.
///
/// # Safety of every method
/// The processor must have the instructions. Pointers must be valid for the elements that are read or written: `LANES`
/// of them or, with a tail, the first `n`. They need no alignment.
pub(crate) trait Simd: Copy {
    /// The number of elements of a vector.
    const LANES: usize;
    /// The largest number of pixels of a tile of the matrix kernel with 1, 2 and 3 vectors of output channels. The
    /// accumulators must fit into the registers together with the operands.
    const TILE_PIXELS: [usize; 3];
    /// A mask that selects the first elements of a vector.
    type Tail: Copy;
    /// A vector of half the width at half the cost, for channels that need no more. If the set lacks such a vector,
    /// this is `Self`.
    type HalfWidth: Dot;

    /// Runs `call`, either inlined or in a function of its own, whichever is faster.
    #[inline(always)]
    unsafe fn enter<C: Call>(call: &C)
    where
        Self: Dot,
    {
        // SAFETY: guaranteed by the caller.
        unsafe { call.call::<Self>() }
    }
    /// Runs `call` in a function of its own. The compiler needs more than twice the time for two kernels in one function.
    #[inline(always)]
    unsafe fn enter_apart<C: Call>(call: &C)
    where
        Self: Dot,
    {
        // SAFETY: guaranteed by the caller.
        unsafe { Self::enter(call) }
    }
    unsafe fn zero() -> Self;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Reads half-precision values.
    unsafe fn load_f16(from: *const F16) -> Self;
    /// Returns the mask of the first `n` elements, 0 <= n <= LANES.
    unsafe fn tail(n: usize) -> Self::Tail;
    /// Reads the elements of the mask and sets the others to 0.
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self;
    /// Writes only the elements of the mask.
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail);
    /// Returns `self * by + to`, rounded once.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Returns the larger elements, or `other` if either is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// Returns the smaller elements, or `other` if either is NaN.
    unsafe fn min(self, other: Self) -> Self;
}

/// A part of a kernel that may be a function of its own.
pub(crate) trait Call {
    /// Runs the part.
    ///
    /// # Safety
    /// The processor must have the instructions of `S`, and the conditions of the part must hold.
    unsafe fn call<S: Dot>(&self);
}

/// Vector operations on the bytes of pictures.
///
/// # Safety of every method
/// The conditions of [`Simd`] must hold.
pub(crate) trait ByteSimd: Simd {
    /// An integer for each lane, or the bytes of a sample.
    type Words: Copy;
    /// A selection of one byte of each sample.
    type ByteSelector: Copy;

    /// Reads LANES samples of STEP bytes, 1 to 4. If STEP is 3, it reads four bytes more and ignores them.
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words;
    /// Returns the selection of byte `n` of samples of STEP bytes.
    unsafe fn byte_selector<const STEP: usize>(n: usize) -> Self::ByteSelector;
    /// Returns the selected byte of each sample.
    unsafe fn select_byte(samples: Self::Words, pick: Self::ByteSelector) -> Self;
    /// Converts integers below 2^31, such as samples of one byte.
    unsafe fn words_to_f32(words: Self::Words) -> Self;
    /// Returns the integer parts of values from 0 to below 2^31.
    unsafe fn truncate(self) -> Self::Words;
    /// Returns for each lane the four bytes from `row` * `stride` + `byte` + `delta` on. Bytes from `last` + 4 on are 0
    /// and are never read, whatever the operands are. `from` must be valid for `last` + 4 bytes.
    unsafe fn gather(
        from: *const u8,
        last: usize,
        row: Self::Words,
        stride: usize,
        byte: Self::Words,
        delta: usize,
    ) -> Self::Words;
    /// Returns vector `p` of the four vectors that hold four neighbours in `row` from each of LANES `starts` on. Its
    /// quarter q has the neighbours from `starts[4 * q + p]`. Only [`Portable`](super::Portable) has neighbour `p` of
    /// all starts instead.
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self;
    /// Returns the sum of each start's neighbours, from the four vectors of [`ByteSimd::neighbors`].
    unsafe fn sum_neighbors(all: [Self; 4]) -> Self;
}

/// Sums of products of bytes, for the kernels of quantized networks.
///
/// # Safety of every method
/// The conditions of [`Simd`] must hold.
pub(crate) trait Dot: Simd {
    /// A 32-bit integer for each lane.
    type Sums: Copy;
    /// Four inputs, 0 to 255, the same for all lanes.
    type InputBytes: Copy;
    /// Four weights, -127 to 127, for each lane.
    type WeightBytes: Copy;
    /// The largest number of pixels of a tile as in [`Simd::TILE_PIXELS`], for sums of products of bytes.
    const BYTE_TILE_PIXELS: [usize; 3];

    unsafe fn zero_sums() -> Self::Sums;
    /// Reads four inputs.
    unsafe fn load_inputs(from: *const u8) -> Self::InputBytes;
    /// Reads four weights for each lane.
    unsafe fn load_weights(from: *const i8) -> Self::WeightBytes;
    /// Adds the four products of each lane to its sum, without rounding.
    unsafe fn dot(sums: Self::Sums, inputs: Self::InputBytes, factors: Self::WeightBytes) -> Self::Sums;
    /// Converts the sums.
    unsafe fn sums_to_f32(sums: Self::Sums) -> Self;
    /// Writes LANES elements, rounded to the nearest integer with ties to even and limited to 0 to 255.
    unsafe fn store_bytes(self, to: *mut u8);
}
