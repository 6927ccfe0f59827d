//! One fragment: the boxes `moof` and `mdat` of one frame.

use passerby_types::nal_units;

use super::boxes::{put_box, put_full_box, put_u32};
use super::parameter_sets::{ParameterSets, nal_kind};

/// The flags of `tfhd`: offsets count from the `moof`.
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// The flags of `trun`: data offset, duration, size, flags and composition time offset of the sample.
const TRUN_FLAGS: u32 = 0x01 | 0x100 | 0x200 | 0x400 | 0x800;
/// The flags of a sample that needs no other.
const KEY_FLAGS: u32 = 0x0200_0000;
/// The flags of a sample that needs others, and at which no player can begin.
const OTHER_FLAGS: u32 = 0x0101_0000;
/// The bytes of a box's size and type.
const BOX_HEADER_LEN: usize = 8;
/// The NAL unit types that a sample of an MP4 doesn't need: delimiters, ends, and fillers.
const NEEDLESS: std::ops::RangeInclusive<u8> = 9..=12;
/// The NAL unit types of parameter sets.
const SETS: std::ops::RangeInclusive<u8> = 7..=8;

/// The times of a frame in ticks.
pub(super) struct Sample {
    pub(super) dts: u64,
    pub(super) composition_offset: i32,
    pub(super) duration: u32,
    pub(super) key: bool,
}

/// Returns the fragment of a frame, whose data is an Annex B byte stream.
pub(super) fn fragment(sequence: u32, sample: &Sample, annex_b: &[u8], sets: &ParameterSets) -> Vec<u8> {
    let mut out = Vec::with_capacity(annex_b.len() + 160);
    let mut size_at = 0;
    let mut offset_at = 0;
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| put_u32(out, sequence));
        put_box(out, b"traf", |out| {
            put_full_box(out, b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |out| put_u32(out, 1));
            put_full_box(out, b"tfdt", 1, 0, |out| out.extend(sample.dts.to_be_bytes()));
            // Version 1 has signed composition time offsets.
            put_full_box(out, b"trun", 1, TRUN_FLAGS, |out| {
                put_u32(out, 1);
                offset_at = out.len();
                put_u32(out, 0);
                put_u32(out, sample.duration);
                size_at = out.len();
                put_u32(out, 0);
                put_u32(out, if sample.key { KEY_FLAGS } else { OTHER_FLAGS });
                out.extend(sample.composition_offset.to_be_bytes());
            });
        });
    });
    let data_at = out.len() + BOX_HEADER_LEN;
    put_box(&mut out, b"mdat", |out| put_sample(out, annex_b, sets));
    let size = out.len() - data_at;
    for (at, value) in [(offset_at, data_at), (size_at, size)] {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        out[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    out
}

/// Appends the NAL units of a frame, each after its length. Parameter sets that the track has are left out.
fn put_sample(out: &mut Vec<u8>, annex_b: &[u8], sets: &ParameterSets) {
    for nal in nal_units(annex_b) {
        let kind = nal_kind(nal);
        if NEEDLESS.contains(&kind) || SETS.contains(&kind) && sets.contains(nal) {
            continue;
        }
        put_u32(out, u32::try_from(nal.len()).unwrap_or(u32::MAX));
        out.extend(nal);
    }
}
