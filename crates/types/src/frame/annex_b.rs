//! H.264 as a byte stream (H.264 Annex B): NAL units, each after a start code.

/// Returns the offset of the next start code (`00 00 01`) of an Annex B byte stream at or after `from`, or `None` if no start code follows.
///
/// ```
/// assert_eq!(passerby_types::start_code(&[0, 0, 0, 1, 0x67], 0), Some(1));
/// ```
#[must_use]
pub fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(window) = data.get(at..at + 3) {
        match window {
            [0, 0, 1] => return Some(at),
            // If the third byte is above 1, none of the three belongs to a start code.
            [_, _, 2..=255] => at += 3,
            _ => at += 1,
        }
    }
    None
}

/// Returns the NAL units of an Annex B byte stream, without start codes and trailing zeros. Bytes before the first start code are
/// left out, and so are empty units.
///
/// ```
/// let stream = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 7];
/// let units: Vec<&[u8]> = passerby_types::nal_units(&stream).collect();
/// assert_eq!(units, [&[0x67, 1][..], &[0x68], &[0x65, 7]]);
/// ```
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_split_at_both_start_codes_without_trailing_zeros() {
        let stream = [9, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 0, 0, 1, 0, 0, 1, 0x65, 7];
        let nals: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(nals, [&[0x67, 1][..], &[0x68], &[0x65, 7]]);
        assert_eq!(nal_units(&[0, 0]).count() + nal_units(&[]).count(), 0);
    }
}
