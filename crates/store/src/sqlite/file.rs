//! Opens database files, and finds out why one cannot be opened.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::schema::{self, Content, MIGRATIONS};
use crate::error::{StoreError, StoreFault};
use crate::owner_only::owner_only;

/// The time between two attempts to switch a file to its write-ahead log.
const WAL_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The time that a reader waits for a connection that holds the file.
const READ_BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The size to which the write-ahead log is cut after a checkpoint, in bytes. It grows further while a reader stays in one
/// transaction.
const WAL_SIZE_LIMIT: i64 = 16 << 20;

/// The smallest size of a database that is not empty: the smallest page, in bytes (SQLite file format, section 1.3.2).
const MIN_PAGE_BYTES: u64 = 512;

/// Opens a file to write. Creates it if it does not exist, and upgrades it if it is older.
pub(super) fn open_to_write(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    create(path);
    let mut conn = connect(path, flags, busy_timeout)?;
    let prepare = |conn: &mut Connection| {
        content(conn)?;
        if conn.is_readonly(MAIN_DB)? {
            return Err(StoreFault::ReadOnly);
        }
        enable_wal(conn, busy_timeout)?;
        conn.pragma_update_and_check(None, "journal_size_limit", WAL_SIZE_LIMIT, |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "NORMAL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(conn, MIGRATIONS)
    };
    prepare(&mut conn).map_err(|fault| StoreError::new(path, fault))?;
    Ok(conn)
}

/// Creates the file for its owner alone, if it does not exist. SQLite would create it with the rights of any new file, and
/// gives its companions the rights of the file.
fn create(path: &Path) {
    if matches!(path.metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound) {
        // If this fails, SQLite fails as well, and `open_fault` finds out why.
        let _ = owner_only(OpenOptions::new().write(true).create(true).truncate(false)).open(path);
    }
}

/// Returns the numbers of the file's device and inode, or `None` if the file does not exist, or the system does
/// not number files.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        path.metadata().ok().map(|meta| (meta.dev(), meta.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Opens a file of the newest version to read.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READ_BUSY_TIMEOUT)?;
    let known = MIGRATIONS.len() as i64;
    let fault = match content(&conn) {
        Ok(Content::Version(found)) if found == known => return Ok(conn),
        Ok(Content::Version(found)) => StoreFault::Older { found, known },
        Ok(Content::Blank) => StoreFault::Blank,
        Err(fault) => fault,
    };
    Err(StoreError::new(path, fault))
}

/// Returns the content of the file at one moment: another process may be creating it.
fn content(conn: &Connection) -> Result<Content, StoreFault> {
    let tx = conn.unchecked_transaction()?;
    schema::content(&tx, MIGRATIONS.len() as i64)
}

fn connect(path: &Path, flags: OpenFlags, busy_timeout: Duration) -> Result<Connection, StoreError> {
    // SQLite takes a few names for something other than a file, for example ":memory:" and the empty name. With a folder
    // before them they are files like all others.
    let name = if path.is_relative() { Path::new(".").join(path) } else { path.to_owned() };
    match std::fs::metadata(&name) {
        // SQLite would open a folder to read, and then report a failing disk.
        Ok(meta) if meta.is_dir() => {
            return Err(StoreError::new(path, io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // SQLite takes a file of one byte for an empty one, and would overwrite it.
        Ok(meta) if meta.is_file() && (1..MIN_PAGE_BYTES).contains(&meta.len()) => {
            return Err(StoreError::new(path, StoreFault::NotDatabase));
        }
        _ => {}
    }
    let conn = Connection::open_with_flags(&name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| StoreError::new(path, open_fault(&name, e)))?;
    conn.busy_timeout(busy_timeout).map_err(|e| StoreError::new(path, e))?;
    Ok(conn)
}

/// Returns why the file cannot be opened. SQLite only reports that it cannot, so this asks the system.
fn open_fault(path: &Path, error: rusqlite::Error) -> StoreFault {
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return error.into();
    }
    let parent = path.parent().unwrap_or(path);
    // A folder that cannot be looked into may exist.
    if matches!(parent.try_exists(), Ok(false)) {
        let reason = format!("there is no folder {}", parent.display());
        return io::Error::new(io::ErrorKind::NotFound, reason).into();
    }
    match std::fs::File::open(path) {
        Err(e) => e.into(),
        Ok(_) => error.into(),
    }
}

/// Switches the file to a write-ahead log, so that readers and the writer do not wait for each other.
fn enable_wal(conn: &Connection, busy_timeout: Duration) -> Result<(), StoreFault> {
    let mut attempts = busy_timeout.as_millis() / WAL_RETRY_INTERVAL.as_millis();
    loop {
        let mode = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode.map_err(StoreFault::from) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(_) => return Err(StoreFault::NoWal),
            // If two processes create the same file at once, SQLite returns at once, because both could wait for ever.
            Err(StoreFault::Busy) if attempts > 0 => {
                attempts -= 1;
                std::thread::sleep(WAL_RETRY_INTERVAL);
            }
            Err(fault) => return Err(fault),
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
