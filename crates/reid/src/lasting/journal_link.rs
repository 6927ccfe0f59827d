//! Hands the changes of a gallery to its journal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use passerby_types::{Clock, ErrorClass, GalleryJournal, GallerySnapshot, SinkError};

use crate::lasting::recorder::Recorder;

/// The most entries that wait for a journal that is busy. Beyond it the newest are lost, and counted.
const MAX_WAITING: usize = 65_536;

/// The counts of the entries that a gallery handed to its journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCounts {
    /// Entries that the journal accepted.
    pub written: u64,
    /// Entries that wait because the journal was busy. The gallery hands them over with the next change.
    pub waiting: u64,
    /// Entries that are gone: the journal refused them, or was busy until there was no more room.
    pub lost: u64,
    /// Calls of the journal that failed.
    pub failures: u64,
}

/// The journal of a gallery.
pub(crate) struct JournalLink {
    journal: Box<dyn GalleryJournal>,
    clock: Arc<dyn Clock>,
    pub(crate) counts: JournalCounts,
}

impl JournalLink {
    pub(crate) fn new(journal: Box<dyn GalleryJournal>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock, counts: JournalCounts::default() }
    }

    pub(crate) fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        self.journal.load()
    }

    /// Returns the time from 1970 to the origin of the clock. It is never zero.
    pub(crate) fn origin(&self) -> Duration {
        let now = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(self.clock.now().0).max(Duration::from_micros(1))
    }

    /// Hands the collected entries over. After an error that may pass, they stay collected.
    pub(crate) fn commit(&mut self, recorder: &mut Recorder) -> Result<(), SinkError> {
        if recorder.entries.is_empty() {
            return Ok(());
        }
        let now = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        recorder.stamp(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
        let count = recorder.entries.len() as u64;
        let done = self.journal.append(&recorder.entries);
        match &done {
            Ok(left_out) => {
                self.counts.written += count.saturating_sub(*left_out);
                self.counts.lost += left_out;
                recorder.entries.clear();
            }
            Err(error) => {
                self.counts.failures += 1;
                let kept = if error.class() == ErrorClass::Reset { MAX_WAITING } else { 0 };
                self.counts.lost += recorder.entries.len().saturating_sub(kept) as u64;
                recorder.entries.truncate(kept);
            }
        }
        self.counts.waiting = recorder.entries.len() as u64;
        done.map(|_| ())
    }

    /// Hands the collected entries over, and makes everything durable.
    pub(crate) fn flush(&mut self, recorder: &mut Recorder) -> Result<(), SinkError> {
        self.commit(recorder)?;
        self.journal.flush()
    }
}
