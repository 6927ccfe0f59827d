//! Reading here and there in a file.

use std::fs::File;
use std::io::{self, BufReader, Read};

/// A file that is read mostly, but not always, from front to back.
#[derive(Debug)]
pub(crate) struct Places {
    file: BufReader<File>,
    len: u64,
    at: u64,
}

impl Places {
    /// A file of `len` bytes that stands at its start.
    pub(crate) fn new(file: BufReader<File>, len: u64) -> Self {
        Self { file, len, at: 0 }
    }

    /// The file's bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Replaces `out` by the `size` bytes from byte `at` on, or those of them that are there.
    pub(crate) fn read(&mut self, at: u64, size: u64, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        if at >= self.len {
            return Ok(());
        }
        // Seeking relatively keeps what is buffered. A file's length fits 63 bits.
        self.file.seek_relative(at.cast_signed() - self.at.cast_signed())?;
        self.at = at;
        let size = size.min(self.len - at);
        out.reserve(usize::try_from(size).unwrap_or(usize::MAX));
        self.at += (&mut self.file).take(size).read_to_end(out)? as u64;
        Ok(())
    }
}
