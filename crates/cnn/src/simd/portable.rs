//! Eight numbers in plain Rust.

use super::{Bytes, Call, Dot, Simd, gather_each};
use crate::half::Half;

const LANES: usize = 8;

#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

/// A vector number by number. Written out: a loop the compiler would unroll too late to see registers in the array.
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
    const PIXELS: [usize; 3] = [4, 2, 1];
    type Tail = usize;
    type Half = Self;

    // In one function with all others the compiler would keep the numbers in memory, and take minutes.
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
    unsafe fn load_half(from: *const Half) -> Self {
        let halves = unsafe { from.cast::<[Half; LANES]>().read_unaligned() };
        each(|i| halves[i].single())
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
    /// Rounded twice: the fused instruction is a library call on processors without it.
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
impl Bytes for Portable {
    type Words = [u32; LANES];
    type Pick = u32;

    #[inline(always)]
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words {
        let byte = |i: usize, n: usize| unsafe { u32::from(*from.add(i * STEP + n)) << (8 * n) };
        // Byte by byte: the compiler makes vectors of these reads, not of larger ones.
        match STEP {
            1 => std::array::from_fn(|i| byte(i, 0)),
            2 => std::array::from_fn(|i| byte(i, 0) | byte(i, 1)),
            3 => std::array::from_fn(|i| byte(i, 0) | byte(i, 1) | byte(i, 2)),
            _ => std::array::from_fn(|i| byte(i, 0) | byte(i, 1) | byte(i, 2) | byte(i, 3)),
        }
    }
    #[inline(always)]
    unsafe fn pick<const STEP: usize>(n: usize) -> Self::Pick {
        8 * n as u32
    }
    #[inline(always)]
    unsafe fn byte(samples: Self::Words, pick: Self::Pick) -> Self {
        each(|i| (samples[i] >> pick & 0xFF) as i32 as f32)
    }
    /// By way of signed numbers: older processors have an instruction for those.
    #[inline(always)]
    unsafe fn number(words: Self::Words) -> Self {
        each(|i| words[i] as i32 as f32)
    }
    /// Unchecked: the checks for what an integer cannot hold would cost more than all the rest.
    #[inline(always)]
    unsafe fn whole(self) -> Self::Words {
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
    type Inputs = [u8; 4];
    type Factors = [[i8; 4]; LANES];
    const BYTE_PIXELS: [usize; 3] = [4, 2, 1];

    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        [0; LANES]
    }
    #[inline(always)]
    unsafe fn inputs(from: *const u8) -> Self::Inputs {
        unsafe { from.cast::<[u8; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn factors(from: *const i8) -> Self::Factors {
        unsafe { from.cast::<[[i8; 4]; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, inputs: Self::Inputs, factors: Self::Factors) -> Self::Sums {
        std::array::from_fn(|i| {
            let products = inputs.iter().zip(&factors[i]).map(|(a, b)| i32::from(*a) * i32::from(*b));
            sums[i] + products.sum::<i32>()
        })
    }
    #[inline(always)]
    unsafe fn numbers(sums: Self::Sums) -> Self {
        each(|i| sums[i] as f32)
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        for (i, value) in self.0.iter().enumerate() {
            unsafe { to.add(i).write(value.round_ties_even() as u8) };
        }
    }
}
