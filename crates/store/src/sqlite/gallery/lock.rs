//! One process at a time writes a gallery.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{StoreError, StoreFault};
use crate::owner_only::owner_only;

/// The lock of a gallery. The system releases it when the process ends, however it ends.
///
/// It is a file of its own: a second descriptor of the database would release SQLite's own locks when it is closed. The file
/// stays, because another process may wait for it.
pub(super) struct GalleryLock {
    _file: File,
}

impl GalleryLock {
    /// Takes the lock of the gallery in the database `path`.
    ///
    /// # Errors
    /// [`StoreFault::GalleryInUse`] if another process, or another journal of this process, has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let fail = |fault: StoreFault| StoreError::new(path, fault);
        let lock = lock_path(path);
        let mut options = OpenOptions::new();
        let mut file = owner_only(options.read(true).write(true).create(true).truncate(false))
            .open(&lock)
            .map_err(|e| fail(e.into()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The number only helps to find the process.
                let _ = file.read_to_string(&mut holder);
                return Err(fail(StoreFault::GalleryInUse { process: holder.trim().parse().ok() }));
            }
            Err(TryLockError::Error(e)) => return Err(fail(e.into())),
        }
        let number = std::process::id().to_string();
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(number.as_bytes()));
        // A full disk takes the number away from the message of a second process, and nothing else.
        let _ = written;
        Ok(Self { _file: file })
    }
}

/// Returns the path of the lock.
pub(super) fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-gallery");
    path.into()
}
