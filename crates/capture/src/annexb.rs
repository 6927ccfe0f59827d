//! H.264 byte streams without a container (Annex B), cut into access units.

use std::io::{self, Read};

use crate::h264::nal;

/// Cuts a byte stream into access units while it reads it.
pub(crate) struct Stream<R> {
    file: R,
    /// What was read and not yet given, from a start code on.
    held: Vec<u8>,
    /// Up to where `held` was looked at for start codes.
    seen: usize,
    /// The unit being collected has a slice already.
    slice: bool,
    ended: bool,
    limit: usize,
}

/// How much is read at a time.
const BLOCK: u64 = 64 << 10;

impl<R: Read> Stream<R> {
    /// A unit may have `limit` bytes.
    pub(crate) fn new(file: R, limit: u64) -> Self {
        Self {
            file,
            held: Vec::new(),
            seen: 0,
            slice: false,
            ended: false,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }

    /// Puts the next access unit into `out`; false at the end. What lies behind the last slice is dropped.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.clear();
        loop {
            while let Some(at) = nal::start_code(&self.held, self.seen) {
                self.seen = at;
                // The start of a slice's header must be there to see whether it begins a picture.
                if !self.ended && self.held.len() < at + 8 {
                    break;
                }
                let unit = &self.held[at + 3..];
                if self.slice && begins(unit) {
                    let cut = if at > 0 && self.held[at - 1] == 0 { at - 1 } else { at };
                    out.extend(self.held.drain(..cut));
                    (self.seen, self.slice) = (0, false);
                    return Ok(true);
                }
                self.slice |= matches!(nal::kind(unit), nal::SLICE | nal::IDR);
                self.seen = at + 3;
            }
            // What was looked at holds no start code, but for one of which the end is missing.
            if nal::start_code(&self.held, self.seen).is_none() {
                self.seen = self.seen.max(self.held.len().saturating_sub(2));
            }
            if self.ended {
                out.append(&mut self.held);
                self.seen = 0;
                return Ok(std::mem::take(&mut self.slice));
            }
            if self.held.len() > self.limit {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an access unit over the limit"));
            }
            let before = self.held.len();
            self.file.by_ref().take(BLOCK).read_to_end(&mut self.held)?;
            self.ended = self.held.len() == before;
        }
    }
}

/// Whether a NAL unit behind a slice begins the next access unit (H.264 7.4.1.2.3).
fn begins(unit: &[u8]) -> bool {
    match nal::kind(unit) {
        // The first bit of a slice is set where its first macroblock is number 0.
        nal::SLICE | nal::IDR => unit.get(1).is_some_and(|b| b & 0x80 != 0),
        6..=9 | 14..=18 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_cut_at_new_pictures_whatever_the_block_size() {
        /// Gives a few bytes at a time.
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
        let mut stream = Stream::new(Slow(&all), 1000);
        let mut out = Vec::new();
        for want in units {
            assert!(stream.next(&mut out).unwrap());
            assert_eq!(out, want);
        }
        assert!(!stream.next(&mut out).unwrap());
        assert!(!stream.next(&mut out).unwrap());
        let mut endless = Stream::new(io::repeat(7), 100_000);
        assert!(endless.next(&mut out).is_err());
    }
}
