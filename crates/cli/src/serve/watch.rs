//! Watches the configuration file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::stop::Reload;

/// The interval between two looks at the file.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Says when the file must be read again: its text has changed, or SIGHUP came.
///
/// It compares texts and not times, since editors and systems of containers replace files in many ways.
pub(crate) struct FileWatch {
    path: PathBuf,
    /// The text at the last look, or `None` if it could not be read.
    text: Option<Vec<u8>>,
    looked: Instant,
    reload: Reload,
}

impl FileWatch {
    /// Begins to watch. The caller must read the file afterwards, so that no change is missed.
    pub(super) fn new(path: &Path, reload: Reload) -> Self {
        Self { path: path.to_owned(), text: fs::read(path).ok(), looked: Instant::now(), reload }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if the file must be read again. A file that cannot be read has not changed: most are missing only while they
    /// are replaced.
    pub(super) fn has_changed(&mut self) -> bool {
        let is_asked = self.reload.take();
        if !is_asked && self.looked.elapsed() < POLL_INTERVAL {
            return false;
        }
        self.looked = Instant::now();
        let text = fs::read(&self.path).ok();
        let is_other = text.is_some() && text != self.text;
        if is_other {
            self.text = text;
        }
        is_other || is_asked
    }
}
