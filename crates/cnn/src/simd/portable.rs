//! Vectors of eight f32 in plain Rust.

use super::bytes::gather_each;
use super::vector::{ByteSimd, Call, Dot, Simd};
use crate::f16::F16;

const LANES: usize = 8;

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

/// Builds a vector element by element. It is written out, because the compiler would unroll a loop too late to keep the
/// array in registers.
#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> Portable {
    Portable([f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)])
}

#[inline(always)]
fn zip(a: Portable, b: Portable, f: impl Fn(f32, f32) -> f32) -> Portable {
    each(|i| f(a.0[i], b.0[i]))
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Simd for Portable {
    const LANES: usize = LANES;
    const TILE_PIXELS: [usize; 3] = [4, 2, 1];
    type Tail = usize;
    type HalfWidth = Self;

    // In a single function with all others, the compiler would keep the vectors in memory and take minutes.
    #[inline(never)]
    unsafe fn enter<C: Call>(call: &C) {
        unsafe { call.call::<Self>() }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> Self {
        let halves = unsafe { from.cast::<[F16; LANES]>().read_unaligned() };
        each(|i| halves[i].to_f32())
    }
    #[inline(always)]
    unsafe fn tail(n: usize) -> Self::Tail {
        n
    }
    #[inline(always)]
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self {
        each(|i| if i < tail { unsafe { from.add(i).read() } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail) {
        for (i, value) in self.0.iter().enumerate().take(tail) {
            unsafe { to.add(i).write(*value) }
        }
    }
    /// Rounds twice. On processors without the fused instruction, rounding once is a library call.
    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        each(|i| self.0[i] * by.0[i] + to.0[i])
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        zip(self, other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        zip(self, other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        zip(self, other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        zip(self, other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        zip(self, other, |a, b| if a < b { a } else { b })
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl ByteSimd for Portable {
    type Words = [u32; LANES];
    type ByteSelector = u32;

    #[inline(always)]
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words {
        let byte = |i: usize, n: usize| unsafe { u32::from(*from.add(i * STEP + n)) << (8 * n) };
        // Reads byte by byte, because the compiler vectorizes these reads but not larger ones.
        match STEP {
            1 => std::array::from_fn(|i| byte(i, 0)),
            2 => std::array::from_fn(|i| byte(i, 0) | byte(i, 1)),
            3 => std::array::from_fn(|i| byte(i, 0) | byte(i, 1) | byte(i, 2)),
            _ => std::array::from_fn(|i| byte(i, 0) | byte(i, 1) | byte(i, 2) | byte(i, 3)),
        }
    }
    #[inline(always)]
    unsafe fn byte_selector<const STEP: usize>(n: usize) -> Self::ByteSelector {
        8 * n as u32
    }
    #[inline(always)]
    unsafe fn select_byte(samples: Self::Words, pick: Self::ByteSelector) -> Self {
        each(|i| (samples[i] >> pick & 0xFF) as i32 as f32)
    }
    /// Converts through signed integers, for which older processors have an instruction.
    #[inline(always)]
    unsafe fn words_to_f32(words: Self::Words) -> Self {
        each(|i| words[i] as i32 as f32)
    }
    /// Skips the range checks, which would cost more than everything else.
    #[inline(always)]
    unsafe fn truncate(self) -> Self::Words {
        self.0.map(|value| unsafe { value.to_int_unchecked::<i32>() } as u32)
    }
    #[inline(always)]
    unsafe fn gather(
        from: *const u8,
        last: usize,
        row: Self::Words,
        stride: usize,
        byte: Self::Words,
        delta: usize,
    ) -> Self::Words {
        unsafe { gather_each(from, last, row, stride, byte, delta) }
    }
    #[inline(always)]
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self {
        each(|i| unsafe { *row.add(*starts.add(i) as usize + p) })
    }
    #[inline(always)]
    unsafe fn sum_neighbors([a, b, c, d]: [Self; 4]) -> Self {
        each(|i| (a.0[i] + c.0[i]) + (b.0[i] + d.0[i]))
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Dot for Portable {
    type Sums = [i32; LANES];
    type InputBytes = [u8; 4];
    type WeightBytes = [[i8; 4]; LANES];
    const BYTE_TILE_PIXELS: [usize; 3] = [4, 2, 1];

    #[inline(always)]
    unsafe fn zero_sums() -> Self::Sums {
        [0; LANES]
    }
    #[inline(always)]
    unsafe fn load_inputs(from: *const u8) -> Self::InputBytes {
        unsafe { from.cast::<[u8; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_weights(from: *const i8) -> Self::WeightBytes {
        unsafe { from.cast::<[[i8; 4]; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, inputs: Self::InputBytes, factors: Self::WeightBytes) -> Self::Sums {
        std::array::from_fn(|i| {
            let products = inputs.iter().zip(&factors[i]).map(|(a, b)| i32::from(*a) * i32::from(*b));
            sums[i] + products.sum::<i32>()
        })
    }
    #[inline(always)]
    unsafe fn sums_to_f32(sums: Self::Sums) -> Self {
        each(|i| sums[i] as f32)
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        for (i, value) in self.0.iter().enumerate() {
            unsafe { to.add(i).write(value.round_ties_even() as u8) };
        }
    }
}
