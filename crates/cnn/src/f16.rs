//! Half precision (IEEE 754, binary16). Plans keep weights in it if that does not change them.

use bytemuck::{Pod, Zeroable};

/// A half-precision value. Plans only have finite ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct F16(u16);

/// The factor that corrects a value whose half-precision bits were shifted to their single-precision positions:
/// exponents of single precision count from 127 instead of 15.
pub(crate) const EXPONENT_SCALE: f32 = f32::from_bits((127 + 127 - 15) << 23);

impl F16 {
    /// Returns the same value in half precision, or `None` if half precision cannot represent it.
    pub(crate) fn from_f32_exact(number: f32) -> Option<Self> {
        let bits = number.to_bits();
        let sign = (bits >> 16 & 0x8000) as u16;
        if number == 0.0 {
            return Some(Self(sign));
        }
        let exponent = (bits >> 23 & 0xff) as i32 - 127;
        let digits = bits & 0x7f_ffff | 0x80_0000;
        // Half precision lacks 13 digits, and more below its smallest exponent.
        let lost = 13 + (-14 - exponent).max(0) as u32;
        if exponent > 15 || digits.trailing_zeros() < lost {
            return None;
        }
        let size = (((exponent.max(-14) + 14) as u16) << 10) + (digits >> lost) as u16;
        Some(Self(sign | size))
    }

    /// Returns the value with these bits, which may not be finite.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    pub(crate) fn to_bits(self) -> u16 {
        self.0
    }

    /// Returns false for an infinity or NaN, for which [`F16::to_f32`] returns another value.
    pub(crate) fn is_finite(self) -> bool {
        self.0 >> 10 & 31 != 31
    }

    /// Returns the value in single precision.
    pub(crate) fn to_f32(self) -> f32 {
        let size = f32::from_bits(u32::from(self.0 & 0x7fff) << 13) * EXPONENT_SCALE;
        f32::from_bits(size.to_bits() | u32::from(self.0 & 0x8000) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns every finite half-precision value.
    fn finite_halves() -> impl Iterator<Item = F16> {
        (0..=u16::MAX).map(F16).filter(|half| half.is_finite())
    }

    #[test]
    fn every_half_converts_exactly() {
        for half in finite_halves() {
            let bits = half.0;
            let exponent = i32::from(bits >> 10 & 31);
            let digits = f64::from(bits & 1023);
            let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
            let expected = sign
                * match exponent {
                    0 => digits * 2_f64.powi(-24),
                    _ => (1024.0 + digits) * 2_f64.powi(exponent - 25),
                };
            let single = half.to_f32();
            assert_eq!((f64::from(single), single.is_sign_negative()), (expected, sign < 0.0), "{bits:#x}");
            assert_eq!(F16::from_f32_exact(single), Some(half), "{single}");
        }
    }

    #[test]
    fn values_between_halves_are_not_halves() {
        for half in finite_halves() {
            let next = f32::from_bits(half.to_f32().to_bits() + 1);
            assert_eq!(F16::from_f32_exact(next), None, "{next}");
        }
    }

    #[test]
    fn values_beyond_the_range_are_not_halves() {
        for number in [65520.0, 1e9, f32::MIN_POSITIVE, 1e-40, f32::INFINITY, f32::NAN] {
            assert_eq!(F16::from_f32_exact(number), None, "{number}");
        }
    }
}
