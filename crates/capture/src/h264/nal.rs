//! NAL units in an Annex B byte stream.

use super::bits::Bits;

pub(crate) const SLICE: u8 = 1;
pub(crate) const IDR: u8 = 5;
pub(crate) const SPS: u8 = 7;
pub(crate) const PPS: u8 = 8;

/// The type of a NAL unit; 0, which means nothing, for an empty one.
pub(crate) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Where the next start code (`00 00 01`) at or after `from` begins.
pub(crate) fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(window) = data.get(at..at + 3) {
        match window {
            [0, 0, 1] => return Some(at),
            // A byte above 1 in the third place is part of no start code, nor are the two before it.
            [_, _, 2..=255] => at += 3,
            _ => at += 1,
        }
    }
    None
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros.
pub(crate) fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = start_code(data, 0);
    std::iter::from_fn(move || {
        let begin = next? + 3;
        next = start_code(data, begin);
        let nal = &data[begin..next.unwrap_or(data.len())];
        let len = nal.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        Some(&nal[..len])
    })
    .filter(|nal| !nal.is_empty())
}

/// Appends a NAL unit with its start code.
pub(crate) fn push(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(nal);
}

/// The payload of a NAL unit, at most `limit` bytes of it, without its header byte and the bytes that prevent start
/// codes (H.264 7.4.1).
pub(crate) fn payload(nal: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len().min(limit));
    out.extend(unescape(nal).take(limit));
    out
}

/// As [`payload`], byte by byte and without a limit.
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
    /// The first macroblock; 0 in the first slice of a picture.
    pub(crate) first_mb: u32,
    /// 0 P, 1 B, 2 I, 3 SP, 4 SI.
    pub(crate) kind: u32,
    /// The picture parameter set.
    pub(crate) pps: u32,
}

impl SliceStart {
    /// Reads the start of a slice's header; `None` where there is none.
    pub(crate) fn read(nal: &[u8]) -> Option<Self> {
        // Once a slice of every picture: on the stack.
        let (mut payload, mut len) = ([0; 16], 0);
        for (to, from) in payload.iter_mut().zip(unescape(nal)) {
            (*to, len) = (from, len + 1);
        }
        let mut bits = Bits::new(&payload[..len]);
        let (first_mb, kind, pps) = (bits.ue()?, bits.ue()?, bits.ue()?);
        Some(Self { first_mb, kind: kind % 5, pps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_split_at_both_start_codes_and_lose_trailing_zeros() {
        let stream = [9, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 0, 0, 1, 0, 0, 1, 0x65, 7];
        let nals: Vec<&[u8]> = split(&stream).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68], &[0x65, 7]]);
        assert_eq!(nals.iter().map(|n| kind(n)).collect::<Vec<_>>(), [SPS, PPS, IDR]);
        assert_eq!(split(&[0, 0]).count() + split(&[]).count(), 0);
    }

    #[test]
    fn a_payload_loses_its_emulation_prevention() {
        assert_eq!(payload(&[0x65, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 99), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(payload(&[0x65, 1, 2, 3], 2), [1, 2]);
        assert!(payload(&[], 9).is_empty());
    }

    #[test]
    fn a_slice_says_where_it_begins_and_of_what_kind_it_is() {
        // 1 | 0001000 | 011 : the first macroblock, an I slice, set 2.
        let slice = SliceStart { first_mb: 0, kind: 2, pps: 2 };
        assert_eq!(SliceStart::read(&[0x65, 0x88, 0x60, 1, 2]), Some(slice));
        assert_eq!(SliceStart::read(&[&[0x65, 0x88, 0x60][..], &[7; 99]].concat()), Some(slice));
        // 15 zeros before the first one: 2^15 - 1 + 0.
        let far = SliceStart { first_mb: (1 << 15) - 1, kind: 0, pps: 0 };
        // As far, then a kind of 447, with the byte that keeps the zeros between from being a start code.
        let prevented = SliceStart { kind: 447 % 5, ..far };
        assert_eq!(SliceStart::read(&[0x41, 0, 1, 0, 0, 3, 1, 0xc0, 0x80]), Some(prevented));
        assert_eq!(SliceStart::read(&[0x41, 0, 1, 0, 1, 0x80]), Some(far));
        assert_eq!(SliceStart::read(&[0x65]), None);
        assert_eq!(SliceStart::read(&[]), None);
    }
}
