//! Finds and reads NAL units in an Annex B byte stream.

pub(crate) use passerby_types::nal_units as split;

use super::bits::Bits;

pub(crate) const SLICE: u8 = 1;
pub(crate) const IDR: u8 = 5;
pub(crate) const SPS: u8 = 7;
pub(crate) const PPS: u8 = 8;

/// Returns the type of a NAL unit, or 0 (unspecified) if the unit is empty.
pub(crate) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Appends a NAL unit with its start code.
pub(crate) fn push(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(nal);
}

/// Returns at most `limit` bytes of a NAL unit's payload, without its header byte and its emulation prevention bytes
/// (H.264 7.4.1).
pub(crate) fn payload(nal: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len().min(limit));
    out.extend(unescape(nal).take(limit));
    out
}

/// Returns the bytes of a NAL unit's payload, as [`payload`] does, but without a limit.
fn unescape(nal: &[u8]) -> impl Iterator<Item = u8> {
    let mut zeros = 0;
    nal.iter().skip(1).copied().filter(move |&byte| {
        let real = zeros < 2 || byte != 3;
        zeros = if real && byte == 0 { zeros + 1 } else { 0 };
        real
    })
}

/// The first fields of a slice header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceStart {
    /// The number of the first macroblock. It is 0 in the first slice of a picture.
    pub(crate) first_mb: u32,
    /// 0 P, 1 B, 2 I, 3 SP, 4 SI.
    pub(crate) kind: u32,
    /// The id of the picture parameter set.
    pub(crate) pps: u32,
}

impl SliceStart {
    /// Reads the start of a slice's header. Returns `None` if the header is cut off.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        // On the stack, since this runs for every slice.
        let mut payload = [0; 16];
        let mut len = 0;
        for (to, from) in payload.iter_mut().zip(unescape(nal)) {
            *to = from;
            len += 1;
        }
        let mut bits = Bits::new(&payload[..len]);
        let first_mb = bits.ue()?;
        let kind = bits.ue()? % 5;
        let pps = bits.ue()?;
        Some(Self { first_mb, kind, pps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_no_emulation_prevention() {
        assert_eq!(payload(&[0x65, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 99), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(payload(&[0x65, 1, 2, 3], 2), [1, 2]);
        assert!(payload(&[], 9).is_empty());
    }

    #[test]
    fn the_first_fields_of_a_slice_header_are_read() {
        // 1 | 0001000 | 011 : the first macroblock, an I slice, set 2.
        let slice = SliceStart { first_mb: 0, kind: 2, pps: 2 };
        assert_eq!(SliceStart::read(&[0x65, 0x88, 0x60, 1, 2]), Some(slice));
        assert_eq!(SliceStart::read(&[&[0x65, 0x88, 0x60][..], &[7; 99]].concat()), Some(slice));
        // 15 zeros before the first one: 2^15 - 1 + 0.
        let far = SliceStart { first_mb: (1 << 15) - 1, kind: 0, pps: 0 };
        // The same first macroblock, then a kind of 447, with an emulation prevention byte between.
        let prevented = SliceStart { kind: 447 % 5, ..far };
        assert_eq!(SliceStart::read(&[0x41, 0, 1, 0, 0, 3, 1, 0xc0, 0x80]), Some(prevented));
        assert_eq!(SliceStart::read(&[0x41, 0, 1, 0, 1, 0x80]), Some(far));
        assert_eq!(SliceStart::read(&[0x65]), None);
        assert_eq!(SliceStart::read(&[]), None);
    }
}
