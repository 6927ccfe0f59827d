//! One vector of f32, the same for all instruction sets, so that each kernel is written once.
//!
//! A kernel is a generic `unsafe fn` marked `#[inline(always)]` over [`Simd`]; [`kernel!`] makes the function that
//! callers see: it enters code compiled for the instruction set and inlines the generic one there. Nothing of a
//! vector crosses a call that is not inlined, which would cost a detour over memory.

use crate::half::Half;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

/// A vector of [`Simd::LANES`] numbers.
///
/// # Safety of every method
/// The caller runs on a processor with the instructions, and pointers are good for as many numbers as are read or
/// written: `LANES`, or with a tail the first `n` of them. No alignment is asked for.
pub(crate) trait Simd: Copy {
    /// Numbers in a vector.
    const LANES: usize;
    /// Pixels a tile of the matrix kernel may have with 1, 2 and 3 vectors of output channels: as many
    /// accumulators as fit in the registers beside what is being multiplied.
    const PIXELS: [usize; 3];
    /// Which of the first numbers of a vector a tail has.
    type Tail: Copy;
    /// A vector of half as many numbers, at half the cost, for channels that fill no more; or the same where there is none.
    type Half: Dot;

    /// Runs `call`, here or in a function of its own, as pays.
    #[inline(always)]
    unsafe fn enter<C: Call>(call: &C)
    where
        Self: Dot,
    {
        // SAFETY: passed on to the caller.
        unsafe { call.call::<Self>() }
    }
    unsafe fn zero() -> Self;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Reads numbers of half precision.
    unsafe fn load_half(from: *const Half) -> Self;
    /// The tail of the first `n` numbers, 0 <= n <= LANES.
    unsafe fn tail(n: usize) -> Self::Tail;
    /// Reads the tail's numbers, 0 elsewhere.
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self;
    /// Writes the tail's numbers, and nothing elsewhere.
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail);
    /// `self * by + to`, rounded once.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The larger ones; `other` where either is no number.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller ones; `other` where either is no number.
    unsafe fn min(self, other: Self) -> Self;
}

/// Part of a kernel that may be a function of its own.
pub(crate) trait Call {
    /// # Safety
    /// The caller runs on a processor with the instructions of `S`; the rest is as the part says.
    unsafe fn call<S: Dot>(&self);
}

/// What vectors do with bytes: pictures are made of them.
///
/// # Safety of every method
/// As with [`Simd`].
pub(crate) trait Bytes: Simd {
    /// A whole number for each number of the vector, or the bytes it is found in.
    type Words: Copy;
    /// Which byte of each sample is meant.
    type Pick: Copy;

    /// Reads LANES samples of STEP bytes, 1 to 4, and with 3 another four bytes that do not count.
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words;
    /// Byte `n` of samples of STEP bytes.
    unsafe fn pick<const STEP: usize>(n: usize) -> Self::Pick;
    /// That byte of each sample.
    unsafe fn byte(samples: Self::Words, pick: Self::Pick) -> Self;
    /// The whole numbers, which are below 2^31; samples of one byte are such.
    unsafe fn number(words: Self::Words) -> Self;
    /// The whole parts of numbers from 0 to below 2^31.
    unsafe fn whole(self) -> Self::Words;
    /// For each number the four bytes, a sample of four, from `row` * `stride` + `byte` + `delta` on, but none from
    /// `last` + 4 on: `from` is good for so many, and for these there are zeros. Reads nothing else whatever the
    /// numbers are.
    unsafe fn gather(
        from: *const u8,
        last: usize,
        row: Self::Words,
        stride: usize,
        byte: Self::Words,
        delta: usize,
    ) -> Self::Words;
    /// Vector `p` of the four that hold four neighbours in `row` from each of LANES `starts` on: in its quarter q
    /// those from `starts[4 * q + p]`. Only [`Portable`] has neighbour `p` of all starts instead.
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self;
    /// The sums of what came from each start, of the four vectors that [`Bytes::neighbors`] makes.
    unsafe fn sum_neighbors(all: [Self; 4]) -> Self;
}

/// Sums of products of bytes, for the kernels of quantised networks.
///
/// # Safety of every method
/// As for [`Simd`].
pub(crate) trait Dot: Simd {
    /// A whole number of 32 bits for each number of the vector.
    type Sums: Copy;
    /// Four inputs, 0 to 255, the same for all.
    type Inputs: Copy;
    /// Four weights, -127 to 127, for each number of the vector.
    type Factors: Copy;
    /// As [`Simd::PIXELS`], for sums of products of bytes.
    const BYTE_PIXELS: [usize; 3];

    unsafe fn no_sums() -> Self::Sums;
    /// Reads four inputs.
    unsafe fn inputs(from: *const u8) -> Self::Inputs;
    /// Reads LANES times four weights.
    unsafe fn factors(from: *const i8) -> Self::Factors;
    /// Adds to each sum its four products, exactly.
    unsafe fn dot(sums: Self::Sums, inputs: Self::Inputs, factors: Self::Factors) -> Self::Sums;
    /// The sums as numbers.
    unsafe fn numbers(sums: Self::Sums) -> Self;
    /// Writes LANES numbers rounded to the nearest whole one, ties to even, and cut to 0 to 255.
    unsafe fn store_bytes(self, to: *mut u8);
}

/// For table look-ups in sixteen bytes: byte `n` of four samples of `STEP` bytes (of 3, packed; else in words of
/// four), each as a word.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn pattern<const STEP: usize>(n: usize) -> [u8; 16] {
    const NOTHING: u8 = 0x80;
    let step = if STEP == 3 { 3 } else { 4 };
    std::array::from_fn(|i| if i % 4 == 0 { (i / 4 * step + n) as u8 } else { NOTHING })
}

/// [`Bytes::gather`] where no instruction does it.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn gather_each<const LANES: usize>(
    from: *const u8,
    last: usize,
    rows: [u32; LANES],
    stride: usize,
    bytes: [u32; LANES],
    delta: usize,
) -> [u32; LANES] {
    std::array::from_fn(|i| {
        let at = (rows[i] as usize).wrapping_mul(stride).wrapping_add(bytes[i] as usize).wrapping_add(delta);
        let inside = at.min(last);
        // SAFETY: `inside` + 4 <= `last` + 4.
        let word = u32::from_le_bytes(unsafe { from.add(inside).cast::<[u8; 4]>().read_unaligned() });
        word.checked_shr(8 * (at - inside).min(4) as u32).unwrap_or(0)
    })
}

/// Makes the safe-to-dispatch entry of a generic kernel: `fn name(isa, arguments…)`, unsafe as the kernel is.
macro_rules! kernel {
    ($(#[$about:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $generic:ident) => {
        $(#[$about])*
        ///
        /// # Safety
        /// As the generic kernel says. That the processor has the instructions follows from `isa` existing.
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name(isa: $crate::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: passed on to the caller.
                unsafe { $generic::<$crate::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: passed on to the caller.
                unsafe { $generic::<$crate::simd::Avx2>($($arg),*) }
            }
            // SAFETY: an `Isa` exists only where the processor has its instructions; the rest is the caller's.
            unsafe {
                match isa.0 {
                    #[cfg(target_arch = "x86_64")]
                    $crate::isa::Kind::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::isa::Kind::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::isa::Kind::Neon => $generic::<$crate::simd::Neon>($($arg),*),
                    $crate::isa::Kind::Portable => $generic::<$crate::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use kernel;

/// Repeats the body with `$i` from 0 to `$n` - 1, `$n` a constant of at most 14. A loop over a register array that the
/// compiler does not unroll early enough keeps the array in memory; this one cannot.
macro_rules! unroll {
    ($i:ident < $n:expr => $body:block) => {
        $crate::simd::unroll!(@ $i, $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $i:ident, $n:expr, $body:block, $($at:literal)*) => {
        $(
            if $at < $n {
                const $i: usize = $at;
                $body
            }
        )*
    };
}
pub(crate) use unroll;
