//! Reads the bits of a raw byte sequence payload.

/// Reads bits from the most significant one on. Every method returns `None` past the end.
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1 == 1;
        self.position += 1;
        Some(bit)
    }

    /// Reads `n` bits, at most 32.
    pub(crate) fn u(&mut self, n: u32) -> Option<u32> {
        let mut value = 0_u64;
        for _ in 0..n {
            value = value << 1 | u64::from(self.bit()?);
        }
        u32::try_from(value).ok()
    }

    /// Reads an unsigned Exp-Golomb number (H.264 9.1).
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.u(zeros)?)
    }

    /// Reads a signed Exp-Golomb number (H.264 9.1.1).
    pub(crate) fn se(&mut self) -> Option<i32> {
        let k = i64::from(self.ue()?);
        let value = if k % 2 == 1 { (k + 1) / 2 } else { -(k / 2) };
        i32::try_from(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_follow_the_standard() {
        // 1 | 010 | 011 | 00100 | 00101 and one bit of padding: 0, 1, 2, 3, 4 (H.264 table 9-2).
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        for want in 0..5 {
            assert_eq!(bits.ue(), Some(want));
        }
        let mut bits = Bits::new(&bytes);
        for want in [0, 1, -1, 2, -2] {
            assert_eq!(bits.se(), Some(want));
        }
    }

    #[test]
    fn the_end_of_the_data_is_none() {
        assert_eq!(Bits::new(&[0; 16]).ue(), None);
        assert_eq!(Bits::new(&[]).bit(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 1]).ue(), None);
        assert_eq!(Bits::new(&[0xff; 4]).u(32), Some(u32::MAX));
    }
}
