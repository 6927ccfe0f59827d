//! Opening a file, and reading here and there in it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Opens a regular file. To open a pipe is to wait for somebody who writes into it, and a device need not end.
pub(crate) fn regular(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}

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
