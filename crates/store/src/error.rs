//! Errors of files, and how to go on after one.

use std::io;
use std::path::{Path, PathBuf};

use passerby_types::{BoxError, ErrorClass, SinkError, visible};

/// The error of a store: the file and the fault.
///
/// Its message begins with the file, for example "faces.db: disk full".
#[derive(Debug, thiserror::Error)]
#[error("{}", visible(&format!("{}: {fault}", path.display())))]
pub struct StoreError {
    path: PathBuf,
    #[source]
    fault: StoreFault,
}

impl StoreError {
    pub(crate) fn new(path: &Path, fault: impl Into<StoreFault>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }

    /// Returns the path of the file, as the caller gave it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the fault.
    #[must_use]
    pub fn fault(&self) -> &StoreFault {
        &self.fault
    }

    /// Returns how the caller should go on: see [`StoreFault::class`].
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

/// The fault of a file or of a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// The system cannot open, read or write the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not an SQLite database.
    #[error("not an SQLite database")]
    NotDatabase,
    /// The file is an SQLite database of another program. The store did not change it.
    #[error("an SQLite database, but not one of passerby")]
    Foreign,
    /// A reader found a file without tables: no sink has written to it yet.
    #[error("an empty database")]
    Blank,
    /// A newer version of this program wrote the file. The store did not change it.
    #[error("schema version {found} is newer than {known}, the newest that this program can read")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that this program can read.
        known: i64,
    },
    /// A reader found a file of an older version. Open the file for writing once to upgrade it.
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
    /// Another connection held the file for longer than the busy timeout.
    #[error("locked by another connection")]
    Busy,
    /// The disk is full, or the file has reached its size limit.
    #[error("disk full")]
    Full,
    /// The disk failed to read or write.
    #[error("disk error: {0}")]
    Disk(#[source] BoxError),
    /// The file or its folder cannot be written.
    #[error("read-only")]
    ReadOnly,
    /// The file was deleted, moved or replaced while it was open. Rows that are written now would be lost with it.
    #[error("the file was deleted or replaced while it was open")]
    Removed,
    /// The file system, for example a network share, cannot hold a write-ahead log.
    #[error("the file system supports no write-ahead log")]
    NoWal,
    /// Another process, or another journal of this one, has opened the gallery of the file.
    #[error("its gallery is in use by {}", process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}")))]
    GalleryInUse {
        /// The process, or `None` if it cannot be told.
        process: Option<u32>,
    },
    /// The templates of the gallery are of another network, so they cannot be compared.
    #[error("its gallery has templates of {found}, not of {expected}: use another database")]
    OtherNetwork {
        /// The network of the templates.
        found: String,
        /// The network of the caller.
        expected: String,
    },
    /// The templates of the gallery are encrypted. The caller should open it with their key.
    #[error("its templates are encrypted: give their key")]
    KeyNeeded,
    /// The templates of the gallery are encrypted with another key.
    #[error("its templates are encrypted with another key")]
    WrongKey,
    /// The caller has a key, but the gallery has templates that are not encrypted. The caller should open it without a key, and
    /// encrypt it with `SqliteJournal::change_key`.
    #[error("its templates are not encrypted: encrypt them first, or give no key")]
    NotEncrypted,
    /// The file of a key has something else.
    #[error("not a key: it must have 64 hexadecimal digits")]
    NotKey,
    /// Others than its owner can read the file of a key.
    #[error("others can read this key: take the right away with chmod 600")]
    OpenKey,
    /// The program was built without the feature `encryption`.
    #[error("this program was built without encryption: build it with --features encryption")]
    NoEncryption,
    /// After a person was forgotten, a search still found bytes of the person.
    #[error("{hits} templates or names are still in {file}")]
    Traces {
        /// The file that has them.
        file: String,
        /// The number of templates and names that were found.
        hits: usize,
    },
    /// A number does not fit the store.
    #[error("{what} {value} is out of range")]
    Range {
        /// The name of the number.
        what: &'static str,
        /// The number.
        value: String,
    },
    /// The batch contradicts the stored rows: it holds a face of the same track in a frame that was written before.
    #[error("refused: {0}")]
    Constraint(String),
    /// A question names something that the database does not have.
    #[error("there is no {what} {name:?} in it")]
    Unknown {
        /// The kind of the thing, for example "camera".
        what: &'static str,
        /// The name that the question gave.
        name: String,
    },
    /// Any other error of the database or of the serializer.
    #[error(transparent)]
    Other(BoxError),
}

impl StoreFault {
    /// Returns how the caller should go on.
    ///
    /// | class | meaning | faults |
    /// |---|---|---|
    /// | [`ErrorClass::Skip`] | This call can never succeed. | [`Range`](Self::Range), [`Constraint`](Self::Constraint), [`Unknown`](Self::Unknown) |
    /// | [`ErrorClass::Reset`] | Nothing was written, and the same call may succeed later. | [`Busy`](Self::Busy), [`Full`](Self::Full), [`Disk`](Self::Disk), and [`Io`](Self::Io) if the system's error is temporary |
    /// | [`ErrorClass::Fatal`] | The store cannot go on. | all others |
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Range { .. } | Self::Constraint(_) | Self::Unknown { .. } => ErrorClass::Skip,
            Self::Busy | Self::Full | Self::Disk(_) => ErrorClass::Reset,
            Self::Io(e) => match e.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => ErrorClass::Reset,
                _ => ErrorClass::Fatal,
            },
            _ => ErrorClass::Fatal,
        }
    }
}
