//! Why a file cannot be written or read, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use passerby_types::{BoxError, ErrorClass, SinkError};
use rusqlite::ErrorCode;

/// Why a store failed, and at which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct StoreError {
    path: PathBuf,
    #[source]
    fault: StoreFault,
}

impl StoreError {
    pub(crate) fn new(path: &Path, fault: impl Into<StoreFault>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &StoreFault {
        &self.fault
    }

    /// What the caller does about it: see [`StoreFault::class`].
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        self.fault.class()
    }
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        Self::new(error.class(), error.path.display().to_string(), error.fault)
    }
}

/// What is wrong with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The system refuses to open, read or write the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not an SQLite database.
    #[error("not an SQLite database")]
    NotDatabase,
    /// The file is an SQLite database of another program. It was not changed.
    #[error("an SQLite database, but not one of passerby")]
    Foreign,
    /// A reader found a file into which nothing was ever written.
    #[error("an empty database")]
    Blank,
    /// The file was written by a newer version of this program. It was not changed.
    #[error("schema version {found} is newer than {known}, the newest that this program knows")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A reader found a file of an older version. Opening it for writing once upgrades it.
    #[error("schema version {found} is older than {known}: open the file for writing once to upgrade it")]
    Older {
        /// The version of the file.
        found: i64,
        /// The version that a reader needs.
        known: i64,
    },
    /// The file breaks its own format, or its tables contradict each other.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Another connection holds the file longer than the busy timeout.
    #[error("locked by another connection")]
    Busy,
    /// The disk, or the file's size limit, is full.
    #[error("disk full")]
    Full,
    /// The disk fails to read or write.
    #[error("disk error: {0}")]
    Disk(#[source] BoxError),
    /// The file, or its folder, cannot be written.
    #[error("read-only")]
    ReadOnly,
    /// The file system cannot hold a write-ahead log (a network share, say).
    #[error("the file system supports no write-ahead log")]
    NoWal,
    /// A number does not fit the store.
    #[error("{what} {value} is out of range")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// The batch contradicts what is stored: a face of the same track in a frame written before.
    #[error("refused: {0}")]
    Constraint(String),
    /// Anything else the database says.
    #[error(transparent)]
    Other(BoxError),
}

impl StoreFault {
    /// What the caller does about it. [`ErrorClass::Skip`]: the batch cannot be written ([`StoreFault::Range`],
    /// [`StoreFault::Constraint`]). [`ErrorClass::Reset`]: nothing was written and the same call may succeed later
    /// ([`StoreFault::Busy`], [`StoreFault::Full`], [`StoreFault::Disk`], and [`StoreFault::Io`] where the system says so).
    /// [`ErrorClass::Fatal`]: all others.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Range { .. } | Self::Constraint(_) => ErrorClass::Skip,
            Self::Busy | Self::Full | Self::Disk(_) => ErrorClass::Reset,
            Self::Io(e) => match e.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => ErrorClass::Reset,
                _ => ErrorClass::Fatal,
            },
            _ => ErrorClass::Fatal,
        }
    }
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotDatabase,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error.into()),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Constraint(error.to_string()),
            _ => Self::Other(error.into()),
        }
    }
}
