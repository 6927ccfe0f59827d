//! Journals of a gallery: the contract, damaged files, locks, full disks, and remains of a person who was forgotten.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use passerby_store::{
    BackgroundJournal, BackgroundSettings, JournalNotice, JournalSettings, MemoryJournal, Reader, Sqlite,
    SqliteJournal, SqliteSettings, StoreFault,
};
use passerby_testkit::suite;
use passerby_types::{
    Age, Attributes, EntryId, ErrorClass, FaceTemplate, GalleryJournal, GallerySnapshot, Identity,
    JournalAuthor, JournalChange, JournalEntry, PersonId, Sink, SinkError, TrackKey,
};
use rusqlite::Connection;

fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, JournalSettings::default()).unwrap()
}

fn entry(id: u64, change: JournalChange) -> JournalEntry {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + id);
    let (author, reason) = (JournalAuthor::Gallery, "a test".into());
    JournalEntry { id: EntryId(id), at, author, score: None, reason, change }
}

/// Returns the two entries that make a person with one template.
fn person(id: u64, number: u64) -> [JournalEntry; 2] {
    let template = FaceTemplate {
        id: EntryId(id + 1),
        person: PersonId(number),
        embedding: suite::direction(number, 0),
        quality: 0.5,
        last_seen: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        track: Some(TrackKey::default()),
    };
    let founded = JournalChange::Founded { person: PersonId(number), track: TrackKey::default() };
    [entry(id, founded), entry(id + 1, JournalChange::TemplateAdded(template))]
}

#[test]
fn a_journal_in_memory_keeps_the_contract() {
    let journal = MemoryJournal::default();
    suite::journal(|| journal.clone());
}

#[test]
fn a_journal_in_a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    suite::journal(|| open(&folder.path().join("gallery.db")));
}

#[test]
fn journals_in_the_background_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryJournal::default();
    let settings =
        BackgroundSettings { group_interval: Duration::from_millis(1), ..BackgroundSettings::default() };
    // A lost entry is told by a notice, because the call has returned before.
    let open_memory = || BackgroundJournal::start(memory.clone(), settings, |_| {}).unwrap();
    let mut first = open_memory();
    first.append(&person(1, 1)).unwrap();
    first.flush().unwrap();
    drop(first);
    assert_eq!(open_memory().load().unwrap().persons.len(), 1);

    let path = folder.path().join("gallery.db");
    let open_file = || BackgroundJournal::start(open(&path), settings, |_| {}).unwrap();
    let mut file = open_file();
    file.append(&person(1, 1)).unwrap();
    drop(file);
    let mut again = open_file();
    assert_eq!(again.load().unwrap().persons.len(), 1, "the end writes what waits");
}

#[test]
fn a_second_opening_is_refused_with_the_number_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let first = open(&path);
    let error = SqliteJournal::open(&path, JournalSettings::default()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(error.fault(), StoreFault::GalleryInUse { process: Some(id) } if *id == own), "{error}");
    assert!(error.to_string().ends_with(&format!("its gallery is in use by process {own}")), "{error}");
    // Readers and sinks need no lock.
    Sqlite::open(&path, SqliteSettings::default()).unwrap().finish().unwrap();
    Reader::open(&path).unwrap().gallery().unwrap();
    drop(first);
    open(&path);
}

#[test]
fn templates_of_another_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let with = |network: &str| {
        let settings = JournalSettings { network: Some(network.into()), ..JournalSettings::default() };
        SqliteJournal::open(&path, settings)
    };
    drop(with("a float").unwrap());
    let error = with("a int8").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("its gallery has templates of a float, not of a int8: use another database")
    );
    drop(with("a float").unwrap());
}

#[test]
fn a_damaged_row_is_named_with_its_file_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let edit = |kind: &str, person: i64, other: i64| {
        format!(
            "INSERT INTO gallery_journal (entry, at_us, author, kind, person, other, target, reason)
            VALUES (9, 0, 1, '{kind}', {person}, {other}, 8, '')"
        )
    };
    let cases = [
        (
            "UPDATE gallery_template SET embedding = x'0102030405'",
            "row 2 of gallery_template: the embedding is damaged",
        ),
        (
            "UPDATE gallery_template SET embedding = zeroblob(512)",
            "row 2 of gallery_template: the embedding is damaged",
        ),
        ("UPDATE gallery_template SET quality = 7", "row 2 of gallery_template: the quality is not 0 to 1"),
        (
            "UPDATE gallery_template SET owner = 1, person = 9",
            "row 2 of gallery_template: person 9 is not known",
        ),
        (
            "UPDATE gallery_person SET tracks = -4 WHERE person = 1",
            "row 1 of gallery_person: tracks is negative",
        ),
        ("UPDATE gallery SET next_person = -1", "row 1 of gallery: a counter is out of range"),
        ("DELETE FROM gallery", "row 1 of gallery: the row is missing"),
        (
            &edit("merged", 1, 1),
            "row 9 of gallery_journal: person 1 and person 1 are the same person already",
        ),
        (&edit("merged", -1, 1), "row 9 of gallery_journal: person is negative"),
    ];
    for (i, (sql, expected)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.db"));
        let mut journal = open(&path);
        journal.append(&person(1, 1)).unwrap();
        drop(journal);
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "foreign_keys", false).unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        let opened = SqliteJournal::open(&path, JournalSettings::default());
        let error = opened.map_err(SinkError::from).and_then(|mut journal| journal.load()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Fatal, "{error}");
        let line = error.to_string();
        assert!(line.contains(&format!("{i}.db: damaged: {expected}")), "{line}");
        let read = Reader::open(&path).unwrap().gallery().unwrap_err().to_string();
        assert_eq!(read, line);
    }
}

#[test]
fn an_interrupted_call_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("gallery.db"));
    let entries = person(1, 1);
    journal.append(&entries[..1]).unwrap();
    assert_eq!(journal.append(&entries).unwrap(), 0);
    assert_eq!(journal.load().unwrap().templates.len(), 1);
}

#[test]
fn numbers_of_older_runs_and_of_lost_entries_never_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let seen = |number: u64, lasting_persons: bool| {
        let settings = SqliteSettings { lasting_persons, ..SqliteSettings::default() };
        let mut sink = Sqlite::open(&path, settings).unwrap();
        let mut observation = suite::observation(0, 0);
        observation.faces[0].identity = Identity::Person { id: PersonId(number), similarity: 0.9 };
        observation.faces.truncate(1);
        sink.write(&[observation]).unwrap();
        sink.finish().unwrap();
    };
    seen(40, false);
    assert_eq!(open(&path).load().unwrap().next_person, 1, "its numbers are those of its run");
    seen(9, true);
    assert_eq!(open(&path).load().unwrap().next_person, 10);
}

/// A journal that is busy until it is told otherwise.
struct Busy {
    inner: MemoryJournal,
    frees: mpsc::Receiver<()>,
    is_free: bool,
}

impl GalleryJournal for Busy {
    fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        self.inner.load()
    }

    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError> {
        self.is_free |= self.frees.try_recv().is_ok();
        if self.is_free {
            return self.inner.append(entries);
        }
        Err(SinkError::new(ErrorClass::Reset, "gallery.db", "disk full"))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }
}

#[test]
fn what_a_busy_journal_cannot_take_waits_and_the_rest_is_counted() {
    let (free, frees) = mpsc::sync_channel(100);
    let (notify, notices) = mpsc::sync_channel(100);
    let inner = MemoryJournal::default();
    let settings = BackgroundSettings {
        group_interval: Duration::ZERO,
        max_waiting: 4,
        end_timeout: Duration::from_secs(60),
    };
    let busy = Busy { inner: inner.clone(), frees, is_free: false };
    let told = move |notice| notify.send(notice).unwrap();
    let mut journal = BackgroundJournal::start(busy, settings, told).unwrap();
    assert_eq!(journal.append(&person(1, 1)).unwrap(), 0);
    let waiting = JournalNotice::Waiting { error: "gallery.db: disk full".into() };
    assert_eq!(notices.recv().unwrap(), waiting);
    assert_eq!(journal.append(&person(3, 2)).unwrap(), 0);
    assert_eq!(journal.append(&person(5, 3)).unwrap(), 2, "there is room for four");
    free.send(()).unwrap();
    drop(journal);
    let told: Vec<JournalNotice> = notices.into_iter().collect();
    assert!(told.contains(&JournalNotice::Recovered { entries: 4 }), "{told:?}");
    let lost = JournalNotice::Lost { entries: 2, error: "too many wait already".into() };
    assert!(told.contains(&lost), "{told:?}");
    assert_eq!(inner.clone().load().unwrap().persons.len(), 2);
}

#[test]
fn a_locked_file_says_so_and_takes_the_entries_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let settings = JournalSettings { busy_timeout: Duration::from_millis(20), ..JournalSettings::default() };
    let mut journal = SqliteJournal::open(&path, settings).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = journal.append(&person(1, 1)).unwrap_err();
    assert_eq!(
        (error.class(), error.to_string().ends_with("locked by another connection")),
        (ErrorClass::Reset, true)
    );
    other.execute_batch("COMMIT").unwrap();
    journal.append(&person(1, 1)).unwrap();
    assert_eq!(journal.load().unwrap().persons.len(), 1);
}

/// Returns true if the bytes are in the file, which may be missing.
fn has(file: &Path, bytes: &[u8]) -> bool {
    fs::read(file).unwrap_or_default().windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn nothing_of_a_forgotten_person_is_left_in_any_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let log = folder.path().join("gallery.db-wal");
    // A number that no other bytes of the file look like.
    let number = 0x5a17_c3e9_42d1;
    let name = "Wilhelmina Featherstonehaugh";
    let mut journal = open(&path);
    for other in 1..40 {
        journal.append(&person(10 * other, other)).unwrap();
    }
    journal.append(&person(1000, number)).unwrap();
    let named = |id, name: Option<&str>| {
        entry(id, JournalChange::Named { person: PersonId(number), name: name.map(str::to_owned) })
    };
    journal.append(&[named(1002, Some(name)), named(1003, None), named(1004, Some(name))]).unwrap();
    let alias = JournalChange::Merged { person: PersonId(7), into: PersonId(number) };
    journal.append(&[entry(1005, alias)]).unwrap();

    // A run that saw the person.
    let settings = SqliteSettings { lasting_persons: true, embeddings: true, ..SqliteSettings::default() };
    let mut sink = Sqlite::open(&path, settings).unwrap();
    for seq in 0..50 {
        let mut observation = suite::observation(0, seq);
        observation.faces[0].identity = Identity::Person { id: PersonId(number), similarity: 0.9 };
        observation.faces[0].embedding = Some(suite::direction(number, seq));
        sink.write(&[observation]).unwrap();
    }
    let run = sink.run();
    sink.finish().unwrap();
    let number_bytes = &number.to_be_bytes()[2..];
    let secrets: Vec<Vec<u8>> = [suite::direction(number, 0), suite::direction(7, 0)]
        .iter()
        .map(|e| e.as_slice()[..16].iter().flat_map(|v| v.to_le_bytes()).collect())
        .chain([name.as_bytes().to_vec(), number_bytes.to_vec()])
        .collect();
    for secret in &secrets {
        assert!(has(&path, secret) || has(&log, secret), "the search must find what is there");
    }

    let report = journal.forget(PersonId(7)).unwrap().unwrap();
    assert_eq!(report.numbers, [PersonId(number), PersonId(7)], "an alias forgets the person");
    assert_eq!((report.templates, report.tracks), (2, 1));
    assert!(report.journal_rows >= 8 && report.searched_bytes > 0, "{report:?}");
    for secret in &secrets {
        assert!(!has(&path, secret) && !has(&log, secret), "{secret:?}");
    }
    let reader = Reader::open(&path).unwrap();
    reader.check().unwrap();
    assert!(reader.persons(run).unwrap().iter().all(|row| row.id.0 != number));
    assert_eq!(reader.counts(run).unwrap().observations, 100, "the visit stays, without a person");
    assert_eq!(reader.known_persons().unwrap().len(), 38);
    assert!(reader.journal(PersonId(number)).unwrap().is_empty());
    assert_eq!(journal.forget(PersonId(7)).unwrap(), None);
    assert_eq!(journal.load().unwrap().next_person, number + 1, "the number never comes back");
}

#[test]
fn a_reader_in_the_way_of_forgetting_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let settings = JournalSettings { busy_timeout: Duration::from_millis(20), ..JournalSettings::default() };
    let mut journal = SqliteJournal::open(&path, settings).unwrap();
    journal.append(&person(1, 1)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM gallery_person").unwrap();
    let error = journal.forget(PersonId(1)).unwrap_err();
    assert!(matches!(error.fault(), StoreFault::Busy), "{error}");
    other.execute_batch("COMMIT").unwrap();
    journal.erase_traces().unwrap();
    assert!(journal.load().unwrap().persons.is_empty());
}

#[cfg(unix)]
#[test]
fn the_files_of_a_gallery_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let journal = open(&path);
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    drop(journal);
}

#[test]
fn a_person_of_the_gallery_has_the_mean_of_all_tracks_and_the_time_of_the_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let mut journal = open(&path);
    journal.append(&person(1, 1)).unwrap();
    journal.append(&person(10, 2)).unwrap();
    let alias = JournalChange::Merged { person: PersonId(2), into: PersonId(1) };
    journal.append(&[entry(20, alias)]).unwrap();
    let attributes =
        |years: f32, p_male| Attributes { age: Age { years, low: years - 4.0, high: years + 6.0 }, p_male };
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let see = |lasting_persons, tracks: &[(u64, u64, u64, Option<Attributes>)]| {
        let settings = SqliteSettings { lasting_persons, ..SqliteSettings::default() };
        let mut sink = Sqlite::open(&path, settings).unwrap();
        for (track, number, frames, attributes) in tracks {
            for seq in 0..*frames {
                let mut observation = suite::observation(*track as u32, seq);
                observation.meta = observation.meta.with_wall(start + Duration::from_secs(seq));
                observation.faces.truncate(1);
                observation.faces[0].identity = Identity::Person { id: PersonId(*number), similarity: 0.9 };
                observation.faces[0].attributes = *attributes;
                sink.write(&[observation]).unwrap();
            }
        }
        sink.finish().unwrap();
    };
    see(
        true,
        &[(1, 1, 30, Some(attributes(40.0, 0.9))), (2, 2, 10, Some(attributes(60.0, 0.1))), (3, 1, 50, None)],
    );
    // Numbers of a run without the gallery mean other persons.
    see(false, &[(1, 1, 500, Some(attributes(10.0, 0.5)))]);

    let rows = Reader::open(&path).unwrap().known_persons().unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let mean = Attributes::weighted_mean([(30, attributes(40.0, 0.9)), (10, attributes(60.0, 0.1))]);
    assert_eq!(row.attributes, mean);
    assert_eq!(row.last_seen, Some(start + Duration::from_secs(49)), "also without a new sighting");
    assert_eq!(row.first_seen, Some(start));
    let presence = Reader::open(&path).unwrap().presence().unwrap();
    assert_eq!(presence.iter().map(|row| row.frames).sum::<u64>(), 90);
}
