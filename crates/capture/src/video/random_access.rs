//! Reads a file at any position.

use std::fs::File;
use std::io::{self, BufReader, Read};

/// A buffered file for reads that mostly, but not always, go from front to back.
#[derive(Debug)]
pub(crate) struct RandomAccessFile {
    file: BufReader<File>,
    len: u64,
    position: u64,
}

impl RandomAccessFile {
    /// Wraps a file of `len` bytes that is at its start.
    pub(crate) fn new(file: BufReader<File>, len: u64) -> Self {
        Self { file, len, position: 0 }
    }

    /// Returns the file's length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Replaces `out` by the `size` bytes at byte `offset`, or by fewer if the file ends before that.
    pub(crate) fn read(&mut self, offset: u64, size: u64, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        if offset >= self.len {
            return Ok(());
        }
        // A relative seek keeps the buffer. A file's length fits into 63 bits.
        self.file.seek_relative(offset.cast_signed() - self.position.cast_signed())?;
        self.position = offset;
        let size = size.min(self.len - offset);
        out.reserve(usize::try_from(size).unwrap_or(usize::MAX));
        self.position += (&mut self.file).take(size).read_to_end(out)? as u64;
        Ok(())
    }
}
