//! Galleries whose templates are encrypted: keys that fit and do not fit, changed keys, swapped rows, and bytes of the files.
#![cfg(feature = "encryption")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use passerby_store::{JournalSettings, Reader, SqliteJournal, StoreError, StoreFault, TemplateKey};
use passerby_testkit::suite;
use passerby_types::{
    Embedding, EntryId, FaceTemplate, GalleryJournal, JournalAuthor, JournalChange, JournalEntry, PersonId,
};
use rusqlite::Connection;

fn open(path: &Path, key: Option<u8>) -> Result<SqliteJournal, StoreError> {
    let key = key.map(|byte| TemplateKey::new([byte; TemplateKey::LEN]));
    SqliteJournal::open(path, JournalSettings { key, ..JournalSettings::default() })
}

/// Returns the entries that make a person with one template.
fn person(number: u64) -> [JournalEntry; 2] {
    let entry = |id, change| JournalEntry {
        id: EntryId(id),
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        author: JournalAuthor::User,
        score: None,
        reason: "".into(),
        change,
    };
    let template = FaceTemplate {
        id: EntryId(2 * number + 1),
        person: PersonId(number),
        embedding: suite::direction(number, 0),
        quality: 0.5,
        last_seen: None,
        track: None,
    };
    let enrolled = JournalChange::Enrolled { person: PersonId(number) };
    [entry(2 * number, enrolled), entry(2 * number + 1, JournalChange::TemplateAdded(template))]
}

fn bytes_of(embedding: &Embedding) -> Vec<u8> {
    embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Returns true if the file or its write-ahead log has 16 numbers in a row of a person's template.
fn has_template(path: &Path, number: u64) -> bool {
    let bytes = bytes_of(&suite::direction(number, 0));
    let files = [path.to_owned(), PathBuf::from(format!("{}-wal", path.display()))];
    let found =
        |file: &PathBuf| fs::read(file).unwrap_or_default().windows(64).any(|part| part == &bytes[..64]);
    files.iter().any(found)
}

/// Creates a gallery of three persons.
fn gallery(path: &Path, key: Option<u8>) {
    let mut journal = open(path, key).unwrap();
    for number in 1..=3 {
        assert_eq!(journal.append(&person(number)).unwrap(), 0);
    }
}

#[test]
fn an_encrypted_journal_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    suite::journal(|| open(&folder.path().join("gallery.db"), Some(1)).unwrap());
}

#[test]
fn the_file_has_no_template_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, sealed) = (folder.path().join("plain.db"), folder.path().join("sealed.db"));
    gallery(&plain, None);
    gallery(&sealed, Some(1));
    assert!(has_template(&plain, 2), "the search finds one that is there");
    assert!((1..=3).all(|number| !has_template(&sealed, number)));
}

#[test]
fn the_key_gives_the_templates_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, Some(1));
    let sum = open(&path, Some(1)).unwrap().load().unwrap();
    let expected: Vec<Embedding> = (1..=3).map(|number| suite::direction(number, 0)).collect();
    assert_eq!(sum.templates.iter().map(|t| t.embedding.clone()).collect::<Vec<_>>(), expected);
    let key = Some(TemplateKey::new([1; TemplateKey::LEN]));
    assert_eq!(Reader::open(&path).unwrap().with_key(key).gallery().unwrap().templates.len(), 3);
}

#[test]
fn a_file_opens_with_its_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, Some(1));
    let fault = |key| open(&path, key).unwrap_err();
    assert!(matches!(fault(None).fault(), StoreFault::KeyNeeded));
    assert!(matches!(fault(Some(2)).fault(), StoreFault::WrongKey));
    let reader = Reader::open(&path).unwrap();
    assert!(matches!(reader.gallery().unwrap_err().fault(), StoreFault::KeyNeeded));
    assert_eq!(reader.known_persons().unwrap().len(), 3, "names, times and counts are not encrypted");
}

#[test]
fn a_key_for_templates_that_are_not_encrypted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, None);
    assert!(matches!(open(&path, Some(1)).unwrap_err().fault(), StoreFault::NotEncrypted));
    assert_eq!(open(&path, None).unwrap().load().unwrap().templates.len(), 3, "the file is unchanged");
}

#[test]
fn a_changed_key_leaves_no_old_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, None);
    let before = open(&path, None).unwrap().load().unwrap();
    let key = |byte| Some(TemplateKey::new([byte; TemplateKey::LEN]));
    open(&path, None).unwrap().change_key(key(1)).unwrap();
    assert!((1..=3).all(|number| !has_template(&path, number)));
    let mut journal = open(&path, Some(1)).unwrap();
    journal.change_key(key(2)).unwrap();
    // The journal goes on with the new key.
    journal.append(&person(4)).unwrap();
    drop(journal);
    assert!(matches!(open(&path, Some(1)).unwrap_err().fault(), StoreFault::WrongKey));
    let mut journal = open(&path, Some(2)).unwrap();
    assert_eq!(journal.load().unwrap().templates.len(), 4);
    journal.change_key(None).unwrap();
    drop(journal);
    let after = open(&path, None).unwrap().load().unwrap();
    assert_eq!((&after.persons[..3], &after.templates[..3]), (&before.persons[..], &before.templates[..]));
}

#[test]
fn templates_that_changed_places_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, Some(1));
    let conn = Connection::open(&path).unwrap();
    let swap = "UPDATE gallery_template SET embedding =
        (SELECT embedding FROM gallery_template WHERE template = 5) WHERE template = 3";
    assert_eq!(conn.execute(swap, []).unwrap(), 1);
    let error = open(&path, Some(1)).unwrap().load().unwrap_err().to_string();
    assert!(error.ends_with("row 3 of gallery_template: the embedding is damaged"), "{error}");
}

#[test]
fn bytes_that_are_cut_off_or_changed_are_damaged() {
    for damage in
        ["substr(embedding, 1, 20)", "substr(embedding, 1, 60)", "zeroblob(length(embedding))", "x''"]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gallery.db");
        gallery(&path, Some(1));
        let conn = Connection::open(&path).unwrap();
        conn.execute(&format!("UPDATE gallery_template SET embedding = {damage} WHERE template = 7"), [])
            .unwrap();
        let error = open(&path, Some(1)).unwrap().load().unwrap_err().to_string();
        assert!(error.contains("the embedding is damaged"), "{damage}: {error}");
        conn.execute("UPDATE gallery SET key_check = x'00'", []).unwrap();
        assert!(matches!(open(&path, Some(1)).unwrap_err().fault(), StoreFault::WrongKey));
    }
}

#[test]
fn a_forgotten_person_leaves_neither_plain_nor_encrypted_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    gallery(&path, Some(1));
    let sealed: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row("SELECT embedding FROM gallery_template WHERE template = 5", [], |row| row.get(0))
        .unwrap();
    let forgotten = open(&path, Some(1)).unwrap().forget(PersonId(2)).unwrap().unwrap();
    assert_eq!(forgotten.templates, 1);
    assert!(!fs::read(&path).unwrap().windows(64).any(|part| part == &sealed[..64]));
}
