//! One fragment: the boxes `moof` and `mdat` of one or more frames.

use passerby_types::nal_units;

use crate::boxes::{put_box, put_full_box, put_u32};
use crate::parameter_sets::{ParameterSets, nal_kind};

/// The flags of `tfhd`: offsets count from the `moof`.
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// The flags of `trun`: data offset, duration, size, flags and composition time offset of each sample.
const TRUN_FLAGS: u32 = 0x01 | 0x100 | 0x200 | 0x400 | 0x800;
/// The flags of a sample that needs no other.
const KEY_FLAGS: u32 = 0x0200_0000;
/// The flags of a sample that needs others, and at which no player can begin.
const OTHER_FLAGS: u32 = 0x0101_0000;
/// The bytes of a box's size and type.
const BOX_HEADER_LEN: usize = 8;
/// The bytes of the boxes around the samples, and of what `trun` says of each sample.
const BOXES_LEN: usize = 160;
const TRUN_ENTRY_LEN: usize = 16;
/// The NAL unit types that a sample of an MP4 doesn't need: delimiters, ends, and fillers.
const NEEDLESS: std::ops::RangeInclusive<u8> = 9..=12;
/// The NAL unit types of parameter sets.
const SETS: std::ops::RangeInclusive<u8> = 7..=8;

/// One frame in decoding order. Its times are in ticks, its data is an Annex B byte stream.
pub(crate) struct Sample<'a> {
    pub(crate) composition_offset: i32,
    pub(crate) duration: u32,
    pub(crate) key: bool,
    pub(crate) annex_b: &'a [u8],
}

/// Returns the fragment of these frames, the first of which is decoded at `dts`. The decoding time of each other frame is the end of
/// the one before.
pub(crate) fn fragment(sequence: u32, dts: u64, samples: &[Sample<'_>], sets: &ParameterSets) -> Vec<u8> {
    let data_len: usize = samples.iter().map(|sample| sample.annex_b.len()).sum();
    let mut out = Vec::with_capacity(data_len + BOXES_LEN + TRUN_ENTRY_LEN * samples.len());
    let mut offset_at = 0;
    let mut size_at = Vec::with_capacity(samples.len());
    put_box(&mut out, b"moof", |out| {
        put_full_box(out, b"mfhd", 0, 0, |out| put_u32(out, sequence));
        put_box(out, b"traf", |out| {
            put_full_box(out, b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |out| put_u32(out, 1));
            put_full_box(out, b"tfdt", 1, 0, |out| out.extend(dts.to_be_bytes()));
            // Version 1 has signed composition time offsets.
            put_full_box(out, b"trun", 1, TRUN_FLAGS, |out| {
                put_u32(out, u32::try_from(samples.len()).unwrap_or(u32::MAX));
                offset_at = out.len();
                put_u32(out, 0);
                for sample in samples {
                    put_u32(out, sample.duration);
                    size_at.push(out.len());
                    put_u32(out, 0);
                    put_u32(out, if sample.key { KEY_FLAGS } else { OTHER_FLAGS });
                    out.extend(sample.composition_offset.to_be_bytes());
                }
            });
        });
    });
    let data_at = out.len() + BOX_HEADER_LEN;
    let mut lengths = vec![(offset_at, data_at)];
    put_box(&mut out, b"mdat", |out| {
        for (sample, at) in samples.iter().zip(size_at) {
            let begin = out.len();
            put_sample(out, sample.annex_b, sets);
            lengths.push((at, out.len() - begin));
        }
    });
    for (at, value) in lengths {
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
