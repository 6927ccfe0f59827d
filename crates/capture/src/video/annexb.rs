//! Cuts an H.264 byte stream without a container (Annex B) into access units.

use std::io::{self, Read};

use passerby_types::start_code;

use crate::h264::nal;

/// Reads a byte stream and cuts it into access units.
pub(crate) struct UnitReader<R> {
    file: R,
    /// The bytes that were read and not yet returned. They begin with a start code.
    held: Vec<u8>,
    /// `held` was searched for start codes up to this offset.
    searched: usize,
    /// True if the unit being collected has a slice already.
    has_slice: bool,
    ended: bool,
    limit: usize,
}

/// The bytes to read at a time.
const READ_SIZE: u64 = 64 << 10;

impl<R: Read> UnitReader<R> {
    /// Creates a reader. A unit must not have more than `limit` bytes.
    pub(crate) fn new(file: R, limit: u64) -> Self {
        Self {
            file,
            held: Vec::new(),
            searched: 0,
            has_slice: false,
            ended: false,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }

    /// Replaces `out` by the next access unit. Returns false at the end. Bytes behind the last slice are dropped.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.clear();
        loop {
            while let Some(at) = start_code(&self.held, self.searched) {
                self.searched = at;
                // Only the start of a slice's header shows whether the slice begins a picture.
                if !self.ended && self.held.len() < at + 8 {
                    break;
                }
                let unit = &self.held[at + 3..];
                if self.has_slice && begins_access_unit(unit) {
                    let cut = if at > 0 && self.held[at - 1] == 0 { at - 1 } else { at };
                    out.extend(self.held.drain(..cut));
                    self.searched = 0;
                    self.has_slice = false;
                    return Ok(true);
                }
                self.has_slice |= matches!(nal::kind(unit), nal::SLICE | nal::IDR);
                self.searched = at + 3;
            }
            // The searched bytes hold no start code. The last two may be the beginning of one.
            if start_code(&self.held, self.searched).is_none() {
                self.searched = self.searched.max(self.held.len().saturating_sub(2));
            }
            if self.ended {
                out.append(&mut self.held);
                self.searched = 0;
                return Ok(std::mem::take(&mut self.has_slice));
            }
            if self.held.len() > self.limit {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an access unit over the limit"));
            }
            let before = self.held.len();
            self.file.by_ref().take(READ_SIZE).read_to_end(&mut self.held)?;
            self.ended = self.held.len() == before;
        }
    }
}

/// Returns true if a NAL unit behind a slice begins the next access unit (H.264 7.4.1.2.3).
fn begins_access_unit(unit: &[u8]) -> bool {
    match nal::kind(unit) {
        // The first bit of a slice is set if its first macroblock is number 0.
        nal::SLICE | nal::IDR => unit.get(1).is_some_and(|b| b & 0x80 != 0),
        6..=9 | 14..=18 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_cut_at_new_pictures() {
        /// Returns a few bytes at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let n = self.0.len().min(3).min(buf.len());
                buf[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let units: [&[u8]; 3] = [
            &[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 0x88, 4, 0, 0, 1, 0x65, 0x40, 5],
            &[0, 0, 0, 1, 0x41, 0x9a, 6],
            &[0, 0, 1, 9, 0x10, 0, 0, 1, 0x41, 0x9a, 7],
        ];
        let all = units.concat();
        let mut stream = UnitReader::new(Slow(&all), 1000);
        let mut out = Vec::new();
        for want in units {
            assert!(stream.next(&mut out).unwrap());
            assert_eq!(out, want);
        }
        assert!(!stream.next(&mut out).unwrap());
        assert!(!stream.next(&mut out).unwrap());
    }

    #[test]
    fn an_endless_unit_is_an_error() {
        let mut out = Vec::new();
        let mut endless = UnitReader::new(io::repeat(7), 100_000);
        assert!(endless.next(&mut out).is_err());
    }
}
