//! Opening a database file, and saying clearly why not.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::schema::{self, Content, STEPS};
use crate::{StoreError, StoreFault};

/// How long to wait between two tries to switch a file to its write-ahead log.
const PAUSE: Duration = Duration::from_millis(10);

/// The least size of a database that is not empty: the smallest page, in bytes (SQLite file format, section 1.3.2).
const PAGE: u64 = 512;

/// Opens a file to write: made where there is none, upgraded where it is older.
pub(super) fn open_to_write(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut conn = connect(path, flags, busy)?;
    let prepare = |conn: &mut Connection| {
        holds(conn)?;
        if conn.is_readonly(MAIN_DB)? {
            return Err(StoreFault::ReadOnly);
        }
        log_ahead(conn, busy)?;
        conn.pragma_update(None, "synchronous", "NORMAL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(conn, STEPS)
    };
    prepare(&mut conn).map_err(|fault| StoreError::new(path, fault))?;
    Ok(conn)
}

/// Opens a file of the newest version to read.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, Duration::from_secs(2))?;
    let known = STEPS.len() as i64;
    let fault = match holds(&conn) {
        Ok(Content::Version(found)) if found == known => return Ok(conn),
        Ok(Content::Version(found)) => StoreFault::Older { found, known },
        Ok(Content::Blank) => StoreFault::Blank,
        Err(fault) => fault,
    };
    Err(StoreError::new(path, fault))
}

/// What the file holds, at one moment: another process may be making it.
fn holds(conn: &Connection) -> Result<Content, StoreFault> {
    let tx = conn.unchecked_transaction()?;
    schema::content(&tx, STEPS.len() as i64)
}

fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> Result<Connection, StoreError> {
    // SQLite takes a few names for something else than a file, ":memory:" and the empty one: with a folder before
    // them they are files like all others.
    let name = if path.is_relative() { Path::new(".").join(path) } else { path.to_owned() };
    match std::fs::metadata(&name) {
        // SQLite opens a folder to read, and then says that the disk fails.
        Ok(meta) if meta.is_dir() => {
            return Err(StoreError::new(path, io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // SQLite takes a file of one byte for an empty one, and would overwrite it.
        Ok(meta) if meta.is_file() && (1..PAGE).contains(&meta.len()) => {
            return Err(StoreError::new(path, StoreFault::NotDatabase));
        }
        _ => {}
    }
    let conn = Connection::open_with_flags(&name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| StoreError::new(path, refusal(&name, e)))?;
    conn.busy_timeout(busy).map_err(|e| StoreError::new(path, e))?;
    Ok(conn)
}

/// SQLite says of every file it cannot open that it cannot open it; the system says why.
fn refusal(path: &Path, error: rusqlite::Error) -> StoreFault {
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return error.into();
    }
    let parent = path.parent().unwrap_or(path);
    if !parent.exists() {
        let what = format!("there is no folder {}", parent.display());
        return io::Error::new(io::ErrorKind::NotFound, what).into();
    }
    match std::fs::File::open(path) {
        Err(e) => e.into(),
        Ok(_) => error.into(),
    }
}

/// Switches the file to a write-ahead log, so that readers and the writer do not wait for each other.
fn log_ahead(conn: &Connection, busy: Duration) -> Result<(), StoreFault> {
    let mut tries = busy.as_millis() / PAUSE.as_millis();
    loop {
        let mode = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode.map_err(StoreFault::from) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(_) => return Err(StoreFault::NoWal),
            // Two processes that make the same file at once: SQLite does not wait here, lest both wait for ever.
            Err(StoreFault::Busy) if tries > 0 => {
                tries -= 1;
                std::thread::sleep(PAUSE);
            }
            Err(fault) => return Err(fault),
        }
    }
}
