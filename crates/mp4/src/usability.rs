//! Adds video usability information to a sequence parameter set, which the encoder leaves out (H.264 annex E).

use passerby_types::{ColorSpace, Range};

use crate::init::color_codes;

/// Says in `video_format` that the source of the pictures is unspecified.
const UNSPECIFIED_FORMAT: u32 = 5;
/// The longest motion vector, as a power of two in quarters of a pixel: what every level allows.
const MAX_MV_LENGTH: u32 = 13;

/// Returns the set, a NAL unit, with the colour space of the pictures, and with the promise that they are shown in the order in which
/// they are decoded, so that players need not wait for later ones. `references` is the number of pictures that one may refer to.
///
/// The set must end with the flag that it lacks such information. Returns `None` if it does not.
pub(crate) fn with_usability(sps: &[u8], color: ColorSpace, references: u32) -> Option<Vec<u8>> {
    let (header, escaped) = sps.split_first()?;
    let mut bits = BitString::of(escaped);
    // The end of the set is a bit of 1 and then bits of 0 up to a whole byte.
    while !bits.pop()? {}
    if bits.pop()? {
        return None;
    }
    bits.put(1, 1); // the information follows
    bits.put(0, 1); // shape of the pixels
    bits.put(0, 1); // overscan
    bits.put(1, 1); // the signal
    bits.put(UNSPECIFIED_FORMAT, 3);
    bits.put(u32::from(color.range == Range::Full), 1);
    bits.put(1, 1); // the colours
    color_codes(color.matrix).into_iter().for_each(|code| bits.put(code.into(), 8));
    bits.put(0, 1); // places of chroma samples
    bits.put(0, 1); // timing
    bits.put(0, 2); // hypothetical decoders
    bits.put(0, 1); // structure of pictures
    bits.put(1, 1); // restrictions
    bits.put(1, 1); // motion vectors may point outside the picture
    bits.put_ue(0); // bytes of a picture: no limit
    bits.put_ue(0); // bits of a macroblock: no limit
    bits.put_ue(MAX_MV_LENGTH);
    bits.put_ue(MAX_MV_LENGTH);
    bits.put_ue(0); // pictures that are shown before one that was decoded earlier
    bits.put_ue(references);
    bits.put(1, 1); // the end
    let mut out = vec![*header];
    bits.write_escaped(&mut out);
    Some(out)
}

/// The bits of a NAL unit without its emulation prevention bytes.
struct BitString(Vec<bool>);

impl BitString {
    fn of(escaped: &[u8]) -> Self {
        let mut bits = Vec::with_capacity(8 * escaped.len());
        let mut zeros = 0;
        for &byte in escaped {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bits.extend((0..8).rev().map(|shift| byte >> shift & 1 == 1));
        }
        Self(bits)
    }

    fn pop(&mut self) -> Option<bool> {
        self.0.pop()
    }

    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|shift| value >> shift & 1 == 1));
    }

    /// Appends an unsigned Exp-Golomb number (H.264 9.1).
    fn put_ue(&mut self, value: u32) {
        let bits = (value + 1).ilog2();
        self.put(0, bits);
        self.put(value + 1, bits + 1);
    }

    /// Appends the bits as bytes, with emulation prevention bytes (H.264 7.4.1). Fills the last byte with zeros.
    fn write_escaped(&self, out: &mut Vec<u8>) {
        let mut zeros = 0;
        for bits in self.0.chunks(8) {
            let byte = bits.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i));
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_extended_bit_by_bit() {
        // 1010_1 | 0 no information | 1 end | 0.
        let set = with_usability(&[0x67, 0b1010_1010], ColorSpace::default(), 1).unwrap();
        let bits: String = set[1..].iter().map(|byte| format!("{byte:08b}")).collect();
        let want = [
            "10101", "1", "0", "0", "1", "101", "0", "1", "00000110", "00000110", "00000110", "0", "0", "00",
            "0", "1", "1", "1", "1", "0001110", "0001110", "1", "010", "1",
        ];
        assert!(bits.starts_with(&want.concat()), "{bits}");
        assert_eq!(bits.len(), want.concat().len().next_multiple_of(8));
    }

    #[test]
    fn escapes_come_and_go() {
        let escaped = [0, 0, 3, 1, 7, 0, 0, 3, 0, 0, 3, 3];
        let bits = BitString::of(&escaped);
        assert_eq!(bits.0.len(), 8 * 9);
        let mut out = Vec::new();
        bits.write_escaped(&mut out);
        assert_eq!(out, escaped);
    }

    #[test]
    fn a_set_with_information_is_left_alone() {
        assert_eq!(with_usability(&[0x67, 0b1010_1110], ColorSpace::JPEG, 1), None);
        assert_eq!(with_usability(&[0x67, 0], ColorSpace::JPEG, 1), None);
        assert_eq!(with_usability(&[], ColorSpace::JPEG, 1), None);
    }
}
