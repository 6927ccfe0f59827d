//! Vectors of four f32: Advanced SIMD of 64-bit ARM.

use std::arch::aarch64::*;

use super::bytes::{gather_each, pattern};
use super::vector::{ByteSimd, Call, Dot, Simd};
use crate::f16::{EXPONENT_SCALE, F16};

#[derive(Clone, Copy)]
pub(crate) struct Neon(float32x4_t);

// Each method is one or two instructions. The trait states the conditions on pointers and processor.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Simd for Neon {
    const LANES: usize = 4;
    const TILE_PIXELS: [usize; 3] = [14, 12, 8];
    type Tail = usize;
    type HalfWidth = Self;

    // In a single function, compilation takes too long.
    #[inline(never)]
    unsafe fn enter<C: Call>(call: &C) {
        unsafe { call.call::<Self>() }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(unsafe { vdupq_n_f32(0.0) })
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { vdupq_n_f32(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { vld1q_f32(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> Self {
        unsafe {
            let bits = vmovl_u16(vld1_u16(from.cast()));
            let size = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
            let size = vmulq_n_f32(vreinterpretq_f32_u32(size), EXPONENT_SCALE);
            let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
            Self(vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(size), sign)))
        }
    }
    #[inline(always)]
    unsafe fn tail(n: usize) -> Self::Tail {
        n
    }
    #[inline(always)]
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self {
        let mut lanes = [0.0; 4];
        for (i, lane) in lanes.iter_mut().enumerate().take(tail) {
            *lane = unsafe { from.add(i).read() };
        }
        Self(unsafe { vld1q_f32(lanes.as_ptr()) })
    }
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail) {
        let mut lanes = [0.0; 4];
        unsafe { vst1q_f32(lanes.as_mut_ptr(), self.0) };
        for (i, lane) in lanes.iter().enumerate().take(tail) {
            unsafe { to.add(i).write(*lane) };
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        Self(unsafe { vfmaq_f32(to.0, self.0, by.0) })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { vsubq_f32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { vmulq_f32(self.0, other.0) })
    }
    /// Compares and selects, because the instructions for the maximum treat NaN differently from the other sets.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { vbslq_f32(vcltq_f32(self.0, other.0), self.0, other.0) })
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl ByteSimd for Neon {
    type Words = uint32x4_t;
    type ByteSelector = uint8x16_t;

    #[inline(always)]
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words {
        unsafe {
            match STEP {
                1 => {
                    let four = vreinterpret_u8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
                    vmovl_u16(vget_low_u16(vmovl_u8(four)))
                }
                2 => vmovl_u16(vreinterpret_u16_u8(vld1_u8(from))),
                _ => vreinterpretq_u32_u8(vld1q_u8(from)),
            }
        }
    }
    #[inline(always)]
    unsafe fn byte_selector<const STEP: usize>(n: usize) -> Self::ByteSelector {
        unsafe { vld1q_u8(pattern::<STEP>(n).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn select_byte(samples: Self::Words, pick: Self::ByteSelector) -> Self {
        unsafe {
            let bytes = vqtbl1q_u8(vreinterpretq_u8_u32(samples), pick);
            Self::words_to_f32(vreinterpretq_u32_u8(bytes))
        }
    }
    #[inline(always)]
    unsafe fn words_to_f32(words: Self::Words) -> Self {
        Self(unsafe { vcvtq_f32_u32(words) })
    }
    #[inline(always)]
    unsafe fn truncate(self) -> Self::Words {
        unsafe { vcvtq_u32_f32(self.0) }
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
        unsafe {
            let mut rows = [0_u32; 4];
            let mut bytes = [0_u32; 4];
            vst1q_u32(rows.as_mut_ptr(), row);
            vst1q_u32(bytes.as_mut_ptr(), byte);
            let words = gather_each(from, last, rows, stride, bytes, delta);
            vld1q_u32(words.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self {
        Self(unsafe { vld1q_f32(row.add(*starts.add(p) as usize)) })
    }
    #[inline(always)]
    unsafe fn sum_neighbors([a, b, c, d]: [Self; 4]) -> Self {
        Self(unsafe { vpaddq_f32(vpaddq_f32(a.0, b.0), vpaddq_f32(c.0, d.0)) })
    }
}

/// Four weights for each of four channels.
#[derive(Clone, Copy)]
pub(crate) struct Four(int8x16_t);

// The base set has no products of bytes. The bytes are therefore widened to 16 bits, and products are added in pairs.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Dot for Neon {
    type Sums = int32x4_t;
    type InputBytes = int16x4_t;
    type WeightBytes = Four;
    const BYTE_TILE_PIXELS: [usize; 3] = [8, 6, 4];

    #[inline(always)]
    unsafe fn zero_sums() -> Self::Sums {
        unsafe { vdupq_n_s32(0) }
    }
    #[inline(always)]
    unsafe fn load_inputs(from: *const u8) -> Self::InputBytes {
        unsafe {
            let four = vreinterpret_u8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
            vreinterpret_s16_u16(vget_low_u16(vmovl_u8(four)))
        }
    }
    #[inline(always)]
    unsafe fn load_weights(from: *const i8) -> Self::WeightBytes {
        Four(unsafe { vld1q_s8(from) })
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, inputs: Self::InputBytes, factors: Self::WeightBytes) -> Self::Sums {
        unsafe {
            let low = vmovl_s8(vget_low_s8(factors.0));
            let high = vmovl_s8(vget_high_s8(factors.0));
            let first =
                vpaddq_s32(vmull_s16(inputs, vget_low_s16(low)), vmull_s16(inputs, vget_high_s16(low)));
            let last =
                vpaddq_s32(vmull_s16(inputs, vget_low_s16(high)), vmull_s16(inputs, vget_high_s16(high)));
            vaddq_s32(sums, vpaddq_s32(first, last))
        }
    }
    #[inline(always)]
    unsafe fn sums_to_f32(sums: Self::Sums) -> Self {
        Self(unsafe { vcvtq_f32_s32(sums) })
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        unsafe {
            let words = vqmovn_s32(vcvtnq_s32_f32(self.0));
            let bytes = vqmovun_s16(vcombine_s16(words, words));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)));
        }
    }
}
