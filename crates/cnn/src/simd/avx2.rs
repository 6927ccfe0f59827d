//! Vectors of eight f32: AVX2 with FMA.

use std::arch::x86_64::*;

use super::bytes::{gather_each, pattern};
use super::vector::{ByteSimd, Call, Dot, Simd};
use crate::f16::F16;

#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

// Each method is one or two instructions. The trait states the conditions on pointers and processor.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Simd for Avx2 {
    const LANES: usize = 8;
    const TILE_PIXELS: [usize; 3] = [12, 6, 4];
    type Tail = __m256i;
    type HalfWidth = Self;

    #[inline(always)]
    unsafe fn enter_apart<C: Call>(call: &C) {
        #[target_feature(enable = "avx2,fma,f16c")]
        #[inline(never)]
        unsafe fn apart<C: Call>(call: &C) {
            unsafe { call.call::<Avx2>() }
        }
        unsafe { apart(call) }
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(unsafe { _mm256_setzero_ps() })
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const F16) -> Self {
        Self(unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) })
    }
    #[inline(always)]
    unsafe fn tail(n: usize) -> Self::Tail {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
        }
    }
    #[inline(always)]
    unsafe fn load_tail(from: *const f32, tail: Self::Tail) -> Self {
        Self(unsafe { _mm256_maskload_ps(from, tail) })
    }
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, tail: Self::Tail) {
        unsafe { _mm256_maskstore_ps(to, tail, self.0) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, by.0, to.0) })
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl ByteSimd for Avx2 {
    type Words = __m256i;
    type ByteSelector = __m256i;

    #[inline(always)]
    unsafe fn samples<const STEP: usize>(from: *const u8) -> Self::Words {
        unsafe {
            match STEP {
                1 => _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast())),
                2 => _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast())),
                3 => _mm256_loadu2_m128i(from.add(12).cast(), from.cast()),
                _ => _mm256_loadu_si256(from.cast()),
            }
        }
    }
    #[inline(always)]
    unsafe fn byte_selector<const STEP: usize>(n: usize) -> Self::ByteSelector {
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(pattern::<STEP>(n).as_ptr().cast())) }
    }
    #[inline(always)]
    unsafe fn select_byte(samples: Self::Words, pick: Self::ByteSelector) -> Self {
        unsafe { Self::words_to_f32(_mm256_shuffle_epi8(samples, pick)) }
    }
    #[inline(always)]
    unsafe fn words_to_f32(words: Self::Words) -> Self {
        Self(unsafe { _mm256_cvtepi32_ps(words) })
    }
    #[inline(always)]
    unsafe fn truncate(self) -> Self::Words {
        unsafe { _mm256_cvttps_epi32(self.0) }
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
                _mm256_storeu_si256(rows.as_mut_ptr().cast(), row);
                _mm256_storeu_si256(bytes.as_mut_ptr().cast(), byte);
                let words = gather_each(from, last, rows, stride, bytes, delta);
                return _mm256_loadu_si256(words.as_ptr().cast());
            }
            let at = _mm256_add_epi32(_mm256_mullo_epi32(row, _mm256_set1_epi32(stride as i32)), byte);
            let at = _mm256_add_epi32(at, _mm256_set1_epi32(delta as i32));
            let inside = _mm256_min_epu32(at, _mm256_set1_epi32(last as i32));
            let mut places = [0_u32; Self::LANES];
            _mm256_storeu_si256(places.as_mut_ptr().cast(), inside);
            let words = eight_words(from, places.as_ptr());
            _mm256_srlv_epi32(words, _mm256_slli_epi32::<3>(_mm256_sub_epi32(at, inside)))
        }
    }
    #[inline(always)]
    unsafe fn neighbors(row: *const f32, starts: *const u32, p: usize) -> Self {
        Self(unsafe { two_quads(row, starts.add(p)) })
    }
    #[inline(always)]
    unsafe fn sum_neighbors([a, b, c, d]: [Self; 4]) -> Self {
        unsafe {
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            let ab = _mm256_castps_pd(ab);
            let cd = _mm256_castps_pd(cd);
            let low = _mm256_unpacklo_pd(ab, cd);
            let high = _mm256_unpackhi_pd(ab, cd);
            Self(_mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high)))
        }
    }
}

/// Returns the four neighbours from the first start on, and those from the fifth start on.
///
/// # Safety
/// The conditions of [`ByteSimd::neighbors`] must hold.
#[inline(always)]
pub(super) unsafe fn two_quads(row: *const f32, starts: *const u32) -> __m256 {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let low = _mm_loadu_ps(row.add(*starts as usize));
        _mm256_set_m128(_mm_loadu_ps(row.add(*starts.add(4) as usize)), low)
    }
}

/// Returns the four bytes at each of eight offsets from `from`. The instruction for this is no faster on some
/// processors and, after the fix of a side channel, several times slower on others.
///
/// # Safety
/// The processor must have the instructions, and `from` must be valid for the bytes.
#[inline(always)]
pub(super) unsafe fn eight_words(from: *const u8, places: *const u32) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_set_m128i(four_words(from, places.add(4)), four_words(from, places)) }
}

/// Returns the four bytes at each of four offsets, as [`eight_words`] does.
///
/// # Safety
/// The conditions of [`eight_words`] must hold.
#[inline(always)]
unsafe fn four_words(from: *const u8, places: *const u32) -> __m128i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let [a, b, c, d] = places.cast::<[u32; 4]>().read();
        let words = _mm_loadu_si32(from.add(a as usize).cast());
        let words = _mm_insert_epi32::<1>(words, from.add(b as usize).cast::<i32>().read_unaligned());
        let words = _mm_insert_epi32::<2>(words, from.add(c as usize).cast::<i32>().read_unaligned());
        _mm_insert_epi32::<3>(words, from.add(d as usize).cast::<i32>().read_unaligned())
    }
}

/// Four weights in two vectors of 16 bits: the first and third, the second and fourth.
#[derive(Clone, Copy)]
pub(crate) struct Pairs(__m256i, __m256i);

// Every product of bytes saturates. The bytes are therefore widened to 16 bits, and two products are added at a time.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait states the conditions once for all methods")]
impl Dot for Avx2 {
    type Sums = __m256i;
    type InputBytes = Pairs;
    type WeightBytes = Pairs;
    const BYTE_TILE_PIXELS: [usize; 3] = [8, 4, 2];

    #[inline(always)]
    unsafe fn zero_sums() -> Self::Sums {
        unsafe { _mm256_setzero_si256() }
    }
    #[inline(always)]
    unsafe fn load_inputs(from: *const u8) -> Self::InputBytes {
        unsafe {
            let four = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            Pairs(_mm256_and_si256(four, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(four))
        }
    }
    #[inline(always)]
    unsafe fn load_weights(from: *const i8) -> Self::WeightBytes {
        unsafe {
            let four = _mm256_loadu_si256(from.cast());
            Pairs(_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(four)), _mm256_srai_epi16::<8>(four))
        }
    }
    #[inline(always)]
    unsafe fn dot(sums: Self::Sums, inputs: Self::InputBytes, factors: Self::WeightBytes) -> Self::Sums {
        unsafe {
            let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(inputs.0, factors.0));
            _mm256_add_epi32(sums, _mm256_madd_epi16(inputs.1, factors.1))
        }
    }
    #[inline(always)]
    unsafe fn sums_to_f32(sums: Self::Sums) -> Self {
        Self(unsafe { _mm256_cvtepi32_ps(sums) })
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        unsafe {
            let whole = _mm256_cvtps_epi32(self.0);
            let low = _mm256_castsi256_si128(whole);
            let high = _mm256_extracti128_si256::<1>(whole);
            let words = _mm_packs_epi32(low, high);
            _mm_storel_epi64(to.cast(), _mm_packus_epi16(words, words));
        }
    }
}
