//! The parameter sets of H.264 in an MP4.

use std::fmt::Write as _;

use passerby_types::nal_units;

const SPS: u8 = 7;
const PPS: u8 = 8;
/// The most sets that the description of a track has room for: 5 bits for the first kind, 8 for the second.
const MAX_SPS: usize = 31;
const MAX_PPS: usize = 255;
/// The profiles whose sequence parameter set declares chroma and bit depth (H.264 7.3.2.1.1).
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// More bytes than the fields that are read here take.
const MAX_FIELDS_LEN: usize = 32;

/// The parameter sets of a track.
#[derive(Debug)]
pub(crate) struct ParameterSets {
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
    /// Chroma format and bit depths, if the profile declares them.
    format: Option<SampleFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SampleFormat {
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    chroma: u8,
    /// The bits of luma above 8.
    luma_depth: u8,
    /// The bits of chroma above 8.
    chroma_depth: u8,
}

impl ParameterSets {
    /// Reads the sets of an Annex B byte stream. Returns `None` if a kind is missing, or a set is too large.
    pub(crate) fn read(annex_b: &[u8]) -> Option<Self> {
        let of_kind = |kind| -> Vec<Vec<u8>> {
            nal_units(annex_b).filter(|nal| nal_kind(nal) == kind).map(<[u8]>::to_vec).collect()
        };
        let sps = of_kind(SPS);
        let pps = of_kind(PPS);
        let fits = |sets: &[Vec<u8>], most| {
            (1..=most).contains(&sets.len()) && sets.iter().all(|set| set.len() <= usize::from(u16::MAX))
        };
        if !fits(&sps, MAX_SPS) || !fits(&pps, MAX_PPS) || sps.iter().any(|set| set.len() < 4) {
            return None;
        }
        let format = if HIGH_PROFILES.contains(&sps[0][1]) { Some(sample_format(&sps[0])?) } else { None };
        Some(Self { sps, pps, format })
    }

    /// Returns true if this is one of the sets.
    pub(crate) fn contains(&self, nal: &[u8]) -> bool {
        self.sps.iter().chain(&self.pps).any(|set| set == nal)
    }

    /// Returns the codec as browsers name it (RFC 6381): profile, constraints and level.
    pub(crate) fn codec(&self) -> String {
        let mut name = String::from("avc1.");
        for byte in &self.sps[0][1..4] {
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// Appends the content of the box `avcC` (ISO/IEC 14496-15 5.3.3.1).
    pub(crate) fn put_configuration(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.extend(&self.sps[0][1..4]);
        // Lengths have four bytes.
        out.push(0xFC | 3);
        out.push(0xE0 | self.sps.len() as u8);
        self.sps.iter().for_each(|set| put_set(out, set));
        out.push(self.pps.len() as u8);
        self.pps.iter().for_each(|set| put_set(out, set));
        if let Some(SampleFormat { chroma, luma_depth, chroma_depth }) = self.format {
            out.extend([0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0]);
        }
    }
}

fn put_set(out: &mut Vec<u8>, set: &[u8]) {
    out.extend((set.len() as u16).to_be_bytes());
    out.extend(set);
}

/// Returns the type of a NAL unit, or 0 if it is empty.
pub(crate) fn nal_kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Reads the fields behind the level of a high profile's set. Returns `None` if they are cut off or out of range.
fn sample_format(sps: &[u8]) -> Option<SampleFormat> {
    let mut bits = Bits { data: without_escapes(sps.get(4..)?), position: 0 };
    bits.ue()?; // its number
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.bit()?; // separate colour planes
    }
    let luma_depth = bits.ue()?;
    let chroma_depth = bits.ue()?;
    let is_valid = chroma <= 3 && luma_depth <= 6 && chroma_depth <= 6;
    is_valid.then_some(SampleFormat {
        chroma: chroma as u8,
        luma_depth: luma_depth as u8,
        chroma_depth: chroma_depth as u8,
    })
}

/// Returns the first bytes of a NAL unit without emulation prevention bytes (H.264 7.4.1).
fn without_escapes(nal: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for &byte in nal.iter().take(MAX_FIELDS_LEN) {
        if byte != 3 || !out.ends_with(&[0, 0]) {
            out.push(byte);
        }
    }
    out
}

struct Bits {
    data: Vec<u8>,
    position: usize,
}

impl Bits {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit.into())
    }

    /// Reads an unsigned Exp-Golomb number of at most 31 bits (H.264 9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 15 {
                return None;
            }
        }
        let mut value = 1;
        for _ in 0..zeros {
            value = value << 1 | self.bit()?;
        }
        Some(value - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_is_named_by_profile_and_level() {
        let sets = ParameterSets::read(&[0, 0, 1, 0x67, 66, 0xC0, 31, 7, 0, 0, 1, 0x68, 9]).unwrap();
        assert_eq!(sets.codec(), "avc1.42c01f");
        let mut out = Vec::new();
        sets.put_configuration(&mut out);
        assert_eq!(out, [1, 66, 0xC0, 31, 0xFF, 0xE1, 0, 5, 0x67, 66, 0xC0, 31, 7, 1, 0, 2, 0x68, 9]);
        assert!(sets.contains(&[0x68, 9]) && !sets.contains(&[0x68, 8]));
    }

    #[test]
    fn a_high_profile_declares_its_samples() {
        // 1 | 010 | 1 | 1: number 0, 4:2:0, 8 bits.
        let sets = ParameterSets::read(&[0, 0, 1, 0x67, 100, 0, 31, 0b1010_1110, 0, 0, 1, 0x68, 9]).unwrap();
        let mut out = Vec::new();
        sets.put_configuration(&mut out);
        assert!(out.ends_with(&[0xFD, 0xF8, 0xF8, 0]), "{out:?}");
    }

    #[test]
    fn missing_and_broken_sets_are_refused() {
        for sets in [
            &[][..],
            &[0, 0, 1, 0x67, 66, 0, 31, 7],
            &[0, 0, 1, 0x68, 9],
            &[0, 0, 1, 0x67, 66, 0, 0, 1, 0x68, 9],
            &[0, 0, 1, 0x67, 100, 0, 31, 0, 0, 1, 0x68, 9],
            &[0, 0, 1, 0x67, 100, 0, 31, 0, 0, 0, 1, 0x68, 9],
        ] {
            assert!(ParameterSets::read(sets).is_none(), "{sets:?}");
        }
        let large = [&[0, 0, 1, 0x67, 66, 0, 31][..], &[7; 70_000], &[0, 0, 1, 0x68, 9]].concat();
        assert!(ParameterSets::read(&large).is_none());
        let many = [&[0, 0, 1, 0x67, 66, 0, 31, 7][..], &[0, 0, 1, 0x68, 9].repeat(256)].concat();
        assert!(ParameterSets::read(&many).is_none());
    }
}
