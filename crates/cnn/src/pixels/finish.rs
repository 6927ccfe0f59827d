//! The last step of every kernel: three channels become three others, rounded and normalised.

use crate::simd::Bytes;

/// How a pixel's three channels become the three numbers of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colors {
    /// For each output channel: the factors of the three channels, and what is added. The sum is brought into 0 to
    /// 255 and rounded to a whole number, halves to even.
    pub matrix: [[f32; 4]; 3],
    /// Subtracted from that, for each output channel.
    pub mean: [f32; 3],
    /// Multiplied after that, for each output channel.
    pub scale: [f32; 3],
}

/// Added and taken away again, this rounds a number below 2^22 to a whole one, halves to even: the sum has no bits
/// left for fractions.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// A whole number from 0 to 255.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
pub(super) unsafe fn level<S: Bytes>(value: S) -> S {
    // SAFETY: passed on to the caller.
    unsafe {
        let rounder = S::splat(ROUNDER);
        value.max(S::zero()).min(S::splat(255.0)).add(rounder).sub(rounder)
    }
}

/// Writes a vector of pixels, or its first `count`, to each of three planes from `out` on, `plane` numbers apart.
/// `cover`, where given, is how much of each pixel the picture covers, 0 to 1; the rest is black.
///
/// # Safety
/// The planes hold the pixels, and the processor has the instructions.
#[inline(always)]
pub(super) unsafe fn finish<S: Bytes>(
    [first, second, third]: [S; 3],
    cover: Option<S>,
    colors: &Colors,
    out: *mut f32,
    plane: usize,
    count: usize,
) {
    for c in 0..3 {
        // SAFETY: passed on to the caller.
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
