//! A file that takes whole rows, and keeps those that it cannot take now.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use super::chunk_queue::Chunk;

/// The most bytes that wait for a full disk. Beyond that new rows are lost.
const MAX_PENDING_BYTES: usize = 1 << 20;

/// The frames whose rows were written or lost by a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) written: u64,
    pub(super) lost: u64,
}

/// Writes rows to `W`, so that a row is never cut, whatever fails.
///
/// After an error that may pass, such as a full disk, the rows wait, and the next call tries again from the byte at which the
/// system stopped. After any other error all rows are lost.
pub(super) struct RowFile<W> {
    out: W,
    pending: VecDeque<Chunk>,
    pending_bytes: usize,
    /// The number of bytes of the first pending chunk that are written.
    begun: usize,
    dead: bool,
}

impl<W: Write> RowFile<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, pending: VecDeque::new(), pending_bytes: 0, begun: 0, dead: false }
    }

    /// Writes the chunk, after those that wait. Also returns the error of the system, if there is one.
    pub(super) fn write(&mut self, chunk: Chunk) -> (Settled, Option<io::Error>) {
        let frames = chunk.frames;
        if self.dead {
            return (Settled { written: 0, lost: frames }, None);
        }
        let is_full = self.pending_bytes.saturating_add(chunk.bytes.len()) > MAX_PENDING_BYTES;
        if is_full && !self.pending.is_empty() {
            let (mut settled, error) = self.write_pending();
            if !self.pending.is_empty() || self.dead {
                settled.lost += frames;
                return (settled, error);
            }
        }
        self.pending_bytes += chunk.bytes.len();
        self.pending.push_back(chunk);
        self.write_pending()
    }

    /// Tries to write the chunks that wait.
    pub(super) fn write_pending(&mut self) -> (Settled, Option<io::Error>) {
        let mut settled = Settled::default();
        while let Some(chunk) = self.pending.front() {
            let rest = &chunk.bytes[self.begun..];
            let written = if rest.is_empty() { Ok(0) } else { self.out.write(rest) };
            match written {
                Ok(0) if !rest.is_empty() => return self.fail(settled, ErrorKind::WriteZero.into()),
                Ok(n) if n < rest.len() => self.begun += n,
                Ok(_) => {
                    settled.written += chunk.frames;
                    self.pending_bytes -= chunk.bytes.len();
                    self.pending.pop_front();
                    self.begun = 0;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return self.fail(settled, e),
            }
        }
        match self.out.flush() {
            Ok(()) => (settled, None),
            Err(e) => self.fail(settled, e),
        }
    }

    /// Returns true if rows wait for another try.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the number of bytes at the end of the file whose rows are not whole, and the file.
    pub(super) fn into_torn(self) -> (u64, W) {
        (self.begun as u64, self.out)
    }

    /// Gives the rows up that wait. Returns the number of their frames.
    pub(super) fn give_up(&mut self) -> u64 {
        self.pending_bytes = 0;
        self.pending.drain(..).map(|chunk| chunk.frames).sum()
    }

    fn fail(&mut self, mut settled: Settled, error: io::Error) -> (Settled, Option<io::Error>) {
        if !may_pass(&error) {
            self.dead = true;
            settled.lost += self.give_up();
        }
        (settled, Some(error))
    }
}

/// Returns true if the same write may succeed later.
fn may_pass(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, TimedOut, WouldBlock};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | WouldBlock | TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that takes a number of bytes, and then fails with `error`.
    #[derive(Default)]
    struct Disk {
        room: usize,
        error: Option<ErrorKind>,
        bytes: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(self.error.unwrap_or(ErrorKind::StorageFull).into());
            }
            self.room -= fits;
            self.bytes.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn row(text: &str) -> Chunk {
        Chunk { bytes: text.into(), frames: 1, ..Chunk::default() }
    }

    fn settled(written: u64, lost: u64) -> Settled {
        Settled { written, lost }
    }

    #[test]
    fn a_full_disk_delays_rows_and_cuts_none() {
        let mut file = RowFile::new(Disk { room: 5, ..Disk::default() });
        assert_eq!(file.write(row("one\n")).0, settled(1, 0));
        let (none, error) = file.write(row("two\n"));
        assert_eq!((none, error.map(|e| e.kind())), (settled(0, 0), Some(ErrorKind::StorageFull)));
        assert_eq!(file.write(row("three\n")).0, settled(0, 0));
        assert!(file.is_waiting());
        file.out.room = 100;
        let (both, error) = file.write_pending();
        assert!(error.is_none() && !file.is_waiting());
        assert_eq!((both, file.out.bytes.as_slice()), (settled(2, 0), &b"one\ntwo\nthree\n"[..]));
    }

    #[test]
    fn rows_that_stay_torn_are_counted_in_bytes() {
        let mut file = RowFile::new(Disk { room: 6, ..Disk::default() });
        file.write(row("one\n"));
        assert_eq!(file.write(row("two\n")).0, settled(0, 0));
        assert_eq!(file.into_torn().0, 2);
    }

    #[test]
    fn rows_beyond_the_room_for_waiting_ones_are_lost() {
        let mut file = RowFile::new(Disk::default());
        let large = Chunk { bytes: vec![b'x'; MAX_PENDING_BYTES], frames: 3, ..Chunk::default() };
        assert_eq!(file.write(large).0, settled(0, 0));
        assert_eq!(file.write(row("lost\n")).0, settled(0, 1));
        assert_eq!(file.give_up(), 3);
    }

    #[test]
    fn a_closed_pipe_loses_all_further_rows() {
        let mut file = RowFile::new(Disk { error: Some(ErrorKind::BrokenPipe), ..Disk::default() });
        let (lost, error) = file.write(row("one\n"));
        assert_eq!((lost, error.map(|e| e.kind())), (settled(0, 1), Some(ErrorKind::BrokenPipe)));
        file.out.room = 100;
        assert_eq!(file.write(row("two\n")).0, settled(0, 1));
        assert!(file.out.bytes.is_empty());
    }
}
