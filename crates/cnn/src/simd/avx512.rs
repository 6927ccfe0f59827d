//! Vectors of sixteen f32: AVX-512.

use std::arch::x86_64::*;

use super::avx2::{eight_words, two_quads};
use super::bytes::{gather_each, pattern};
use super::vector::{ByteSimd, Call, Dot, Simd};
use crate::f16::F16;

#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

// Each method is one or two instructions. The trait states the conditions on pointers and processor.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Simd for Avx512 {
    const LANES: usize = 16;
    const TILE_PIXELS: [usize; 3] = [14, 12, 8];
    type Tail = __mmask16;
    type HalfWidth = super::avx2::Avx2;

    #[inline(always)]
    unsafe fn enter_apart<C: Call>(call: &C) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
        #[inline(never)]
        unsafe fn apart<C: Call>(call: &C) {
            unsafe { call.call::<Avx512>() }
        }
        unsafe { apart(call) }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(unsafe { _mm512_setzero_ps() })
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> Self {
        Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
    }
    #[inline(always)]
    unsafe fn tail(n: usize) -> Self::Tail {
        ((1_u32 << n) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self {
        Self(unsafe { _mm512_maskz_loadu_ps(tail, from) })
    }
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail) {
        unsafe { _mm512_mask_storeu_ps(to, tail, self.0) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, by.0, to.0) })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl ByteSimd for Avx512 {
    type Words = __m512i;
    type ByteSelector = __m512i;

    #[inline(always)]
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words {
        unsafe {
            match STEP {
                1 => _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast())),
                2 => _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast())),
                3 => {
                    let low = _mm256_loadu2_m128i(from.add(12).cast(), from.cast());
                    let high = _mm256_loadu2_m128i(from.add(36).cast(), from.add(24).cast());
                    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
                }
                _ => _mm512_loadu_si512(from.cast()),
            }
        }
    }
    #[inline(always)]
    unsafe fn byte_selector<const STEP: usize>(n: usize) -> Self::ByteSelector {
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(pattern::<STEP>(n).as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn select_byte(samples: Self::Words, pick: Self::ByteSelector) -> Self {
        unsafe { Self::words_to_f32(_mm512_shuffle_epi8(samples, pick)) }
    }
    #[inline(always)]
    unsafe fn words_to_f32(words: Self::Words) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(words) })
    }
    #[inline(always)]
    unsafe fn truncate(self) -> Self::Words {
        unsafe { _mm512_cvttps_epi32(self.0) }
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
            if last > i32::MAX as usize {
                // 32-bit sums cannot hold the offsets.
                let mut rows = [0_u32; Self::LANES];
                let mut bytes = [0_u32; Self::LANES];
                _mm512_storeu_si512(rows.as_mut_ptr().cast(), row);
                _mm512_storeu_si512(bytes.as_mut_ptr().cast(), byte);
                let words = gather_each(from, last, rows, stride, bytes, delta);
                return _mm512_loadu_si512(words.as_ptr().cast());
            }
            let at = _mm512_add_epi32(_mm512_mullo_epi32(row, _mm512_set1_epi32(stride as i32)), byte);
            let at = _mm512_add_epi32(at, _mm512_set1_epi32(delta as i32));
            let inside = _mm512_min_epu32(at, _mm512_set1_epi32(last as i32));
            let mut places = [0_u32; Self::LANES];
            _mm512_storeu_si512(places.as_mut_ptr().cast(), inside);
            let low = _mm512_castsi256_si512(eight_words(from, places.as_ptr()));
            let words = _mm512_inserti64x4::<1>(low, eight_words(from, places[8..].as_ptr()));
            _mm512_srlv_epi32(words, _mm512_slli_epi32::<3>(_mm512_sub_epi32(at, inside)))
        }
    }
    #[inline(always)]
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self {
        unsafe {
            let low = _mm512_castps256_ps512(two_quads(row, starts.add(p)));
            Self(_mm512_insertf32x8::<1>(low, two_quads(row, starts.add(8 + p))))
        }
    }
    #[inline(always)]
    unsafe fn sum_neighbors([a, b, c, d]: [Self; 4]) -> Self {
        unsafe {
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a.0, b.0), _mm512_unpackhi_ps(a.0, b.0));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c.0, d.0), _mm512_unpackhi_ps(c.0, d.0));
            let ab = _mm512_castps_pd(ab);
            let cd = _mm512_castps_pd(cd);
            let low = _mm512_unpacklo_pd(ab, cd);
            let high = _mm512_unpackhi_pd(ab, cd);
            Self(_mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high)))
        }
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Dot for Avx512 {
    type Sums = __m512i;
    type InputBytes = __m512i;
    type WeightBytes = __m512i;
    const BYTE_TILE_PIXELS: [usize; 3] = Self::TILE_PIXELS;

    #[inline(always)]
    unsafe fn zero_sums() -> Self::Sums {
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    unsafe fn load_inputs(from: *const u8) -> Self::InputBytes {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_weights(from: *const i8) -> Self::WeightBytes {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, inputs: Self::InputBytes, factors: Self::WeightBytes) -> Self::Sums {
        unsafe { _mm512_dpbusd_epi32(sums, inputs, factors) }
    }
    #[inline(always)]
    unsafe fn sums_to_f32(sums: Self::Sums) -> Self {
        Self(unsafe { _mm512_cvtepi32_ps(sums) })
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        unsafe {
            let whole = _mm512_max_epi32(_mm512_cvtps_epi32(self.0), _mm512_setzero_si512());
            _mm_storeu_si128(to.cast(), _mm512_cvtusepi32_epi8(whole));
        }
    }
}
