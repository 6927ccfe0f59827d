//! The last step of every kernel: a transform of the three channels, rounding and normalization.

use crate::simd::vector::ByteSimd;

/// How the three channels of a pixel become the three channels of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorTransform {
    /// For each output channel, the factors of the three channels and a summand. The sum is limited to 0 to 255 and
    /// rounded to an integer, ties to even.
    pub matrix: [[f32; 4]; 3],
    /// Subtracted from the integer, for each output channel.
    pub mean: [f32; 3],
    /// Multiplied after that, for each output channel.
    pub scale: [f32; 3],
}

/// Rounds a value below 2^22 to an integer, ties to even, if it is added and subtracted again: the sum has no bits for
/// fractions.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Rounds to an integer from 0 to 255.
///
/// # Safety
/// The processor must have the instructions.
#[inline(always)]
pub(super) unsafe fn level<S: ByteSimd>(value: S) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let rounder = S::splat(ROUNDER);
        value.max(S::zero()).min(S::splat(255.0)).add(rounder).sub(rounder)
    }
}

/// Writes a vector of pixels, or its first `count`, to three planes that begin at `out` and lie `plane` elements apart.
/// `cover` is the part of each pixel that the picture covers, 0 to 1. The rest of the pixel is black.
///
/// # Safety
/// The planes must hold the pixels, and the processor must have the instructions.
#[inline(always)]
pub(super) unsafe fn store_pixels<S: ByteSimd>(
    [first, second, third]: [S; 3],
    cover: Option<S>,
    colors: &ColorTransform,
    out: *mut f32,
    plane: usize,
    count: usize,
) {
    for c in 0..3 {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let [a, b, d, e] = colors.matrix[c];
            let sum = third.mul_add(S::splat(d), S::splat(e));
            let sum = first.mul_add(S::splat(a), second.mul_add(S::splat(b), sum));
            let mut value = level(sum);
            if let Some(cover) = cover {
                value = level(value.mul(cover));
            }
            let value = value.sub(S::splat(colors.mean[c])).mul(S::splat(colors.scale[c]));
            let out = out.add(c * plane);
            if count < S::LANES {
                value.store_tail(out, S::tail(count));
            } else {
                value.store(out);
            }
        }
    }
}
