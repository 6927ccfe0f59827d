//! Numbers of half precision (IEEE 754, binary16), in which weights that lose nothing by it are kept.

use bytemuck::{Pod, Zeroable};

/// A finite number of half precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Half(u16);

/// How much smaller a number is whose bits were moved to where single precision has them: the exponents count from 127 instead
/// of 15.
pub(crate) const SCALE: f32 = f32::from_bits((127 + 127 - 15) << 23);

impl Half {
    /// The same number, if there is one.
    pub(crate) fn new(number: f32) -> Option<Self> {
        let bits = number.to_bits();
        let sign = (bits >> 16 & 0x8000) as u16;
        if number == 0.0 {
            return Some(Self(sign));
        }
        let exponent = (bits >> 23 & 0xff) as i32 - 127;
        let digits = bits & 0x7f_ffff | 0x80_0000;
        // Digits that half precision has not; below its smallest exponent it has fewer still.
        let lost = 13 + (-14 - exponent).max(0) as u32;
        if exponent > 15 || digits.trailing_zeros() < lost {
            return None;
        }
        let size = (((exponent.max(-14) + 14) as u16) << 10) + (digits >> lost) as u16;
        Some(Self(sign | size))
    }

    /// The number.
    pub(crate) fn single(self) -> f32 {
        let size = f32::from_bits(u32::from(self.0 & 0x7fff) << 13) * SCALE;
        f32::from_bits(size.to_bits() | u32::from(self.0 & 0x8000) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_a_single_and_no_other_single_is_a_half() {
        for bits in 0..=u16::MAX {
            let half = Half(bits);
            let (exponent, digits) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
            let means = sign
                * match exponent {
                    0 => digits * 2_f64.powi(-24),
                    31 => continue,
                    _ => (1024.0 + digits) * 2_f64.powi(exponent - 25),
                };
            let single = half.single();
            assert_eq!((f64::from(single), single.is_sign_negative()), (means, sign < 0.0), "{bits:#x}");
            assert_eq!(Half::new(single), Some(half), "{single}");
            let next = f32::from_bits(single.to_bits() + 1);
            assert_eq!(Half::new(next), None, "{next}");
        }
        for number in [65520.0, 1e9, f32::MIN_POSITIVE, 1e-40, f32::INFINITY, f32::NAN] {
            assert_eq!(Half::new(number), None, "{number}");
        }
    }
}
