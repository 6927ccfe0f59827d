//! Files that are something else, broken, or in the wrong place: each is a clear error, and none is overwritten.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use std::path::Path;

use passerby_store::{Reader, Sqlite, SqliteSettings, StoreError, StoreFault};
use passerby_testkit::suite::observation;
use passerby_types::{ErrorClass, Sink, visible};
use rusqlite::Connection;

fn open(path: &Path) -> Result<Sqlite, StoreError> {
    Sqlite::open(path, SqliteSettings::default())
}

/// Asserts that both ways to open refuse the file, name it and do not change it.
fn assert_refused(path: &Path, right: fn(&StoreFault) -> bool) {
    let before = std::fs::read(path).ok();
    for error in [open(path).unwrap_err(), Reader::open(path).unwrap_err()] {
        assert!(right(error.fault()), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert_eq!(error.path(), path);
        assert!(error.to_string().starts_with(&*visible(&path.display().to_string())), "{error}");
    }
    assert_eq!(std::fs::read(path).ok(), before, "{} must not change", path.display());
}

/// Writes a good file of `batches` batches.
fn write_good(path: &Path, batches: u64) {
    let mut sink = open(path).unwrap();
    for batch in 0..batches {
        let batch: Vec<_> = (0..100).map(|i| observation(0, batch * 100 + i)).collect();
        sink.write(&batch).unwrap();
    }
    sink.finish().unwrap();
}

#[test]
fn a_place_without_a_file_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(folder.path(), |f| matches!(f, StoreFault::Io(_)));
    assert_refused(&folder.path().join("missing/faces.db"), |f| matches!(f, StoreFault::Io(_)));
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert_refused(&folder.path().join("file/faces.db"), |f| {
        matches!(f, StoreFault::Io(_) | StoreFault::Other(_))
    });
    assert_refused(Path::new(""), |f| matches!(f, StoreFault::Io(_)));
    assert_refused(Path::new("nul\0byte"), |f| matches!(f, StoreFault::Other(_)));
}

#[test]
fn a_file_of_another_kind_is_not_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg: Vec<u8> = [0xFF, 0xD8, 0xFF, 0xE0, 0, 0x10, b'J', b'F', b'I', b'F', 0]
        .into_iter()
        .chain((0..20_000_u32).map(|i| (i * 7) as u8))
        .collect();
    for (name, bytes) in [("picture.jpg", &jpeg[..]), ("short.txt", b"hello"), ("one", b"\n")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_refused(&path, |f| matches!(f, StoreFault::NotDatabase));
    }
}

#[test]
fn a_database_of_another_program_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("tables", "CREATE TABLE theirs (id INTEGER)"),
        ("application", "PRAGMA application_id = 7"),
        ("version", "PRAGMA user_version = 1"),
        ("alike", "CREATE TABLE run (id INTEGER); PRAGMA user_version = 1"),
        ("negative", "PRAGMA application_id = 0x70617373; PRAGMA user_version = -1"),
    ] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert_refused(&path, |f| matches!(f, StoreFault::Foreign));
    }
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.db");
    write_good(&path, 1);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    assert_refused(&path, |f| matches!(f, StoreFault::Newer { found: 1000, .. }));
}

#[test]
fn a_reader_of_a_missing_file_creates_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.db");
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error.fault(), StoreFault::Io(e) if e.kind() == std::io::ErrorKind::NotFound));
    assert!(!path.exists());
}

#[test]
fn an_empty_file_is_blank_until_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.db");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Reader::open(&path).unwrap_err().fault(), StoreFault::Blank));
    write_good(&path, 1);
    Reader::open(&path).unwrap().check().unwrap();
}

#[test]
fn a_name_that_is_special_for_sqlite_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:faces.db?mode=memory");
    write_good(&path, 1);
    assert!(path.is_file());
    Reader::open(&path).unwrap().check().unwrap();
}

#[test]
fn a_damaged_file_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    write_good(&whole, 3);
    let bytes = std::fs::read(&whole).unwrap();
    let read_all = |path: &Path| -> Result<(), StoreError> {
        let reader = Reader::open(path)?;
        for run in reader.runs()? {
            reader.cameras(run.id)?;
            reader.persons(run.id)?;
            reader.tracks(run.id)?;
            reader.counts(run.id)?;
            reader.frames(run.id, passerby_types::CameraId(0))?;
        }
        reader.check()
    };
    read_all(&whole).unwrap();
    let mut found = 0;
    let mut cases = 0;
    for (i, at) in (0..bytes.len()).step_by(bytes.len() / 40).enumerate() {
        let mut broken = bytes.clone();
        if i % 2 == 0 {
            broken.truncate(at.max(1));
        } else {
            let end = (at + 3000).min(broken.len());
            for byte in &mut broken[at..end] {
                *byte = byte.wrapping_mul(31).wrapping_add(17);
            }
        }
        let path = folder.path().join(format!("broken{i}.db"));
        std::fs::write(&path, broken).unwrap();
        cases += 1;
        found += usize::from(read_all(&path).is_err());
        if let Ok(mut sink) = open(&path) {
            for seq in 0..50 {
                let _ = sink.write(&[observation(0, 10_000 + seq)]);
            }
            let _ = sink.flush();
        }
    }
    assert!(found * 10 >= cases * 9, "{found} of {cases} damages were found");
}

#[test]
#[cfg(unix)]
fn a_write_protected_file_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faces.db");
    write_good(&path, 1);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        eprintln!("SKIPPED a_write_protected_file_is_read_only: this user may write everything");
        return;
    }
    let error = open(&path).unwrap_err();
    assert!(matches!(error.fault(), StoreFault::ReadOnly), "{error:?}");
}
