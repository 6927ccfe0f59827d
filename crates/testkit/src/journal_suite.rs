//! The conformance suite of a gallery's journal.

use std::time::{Duration, SystemTime};

use passerby_types::{
    CameraId, EntryId, FaceTemplate, GalleryJournal, GallerySnapshot, JournalAuthor, JournalChange,
    JournalEntry, PersonEdits, PersonId, TrackId, TrackKey,
};

use crate::suite::direction;

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

fn entry(id: u64, change: JournalChange) -> JournalEntry {
    let (author, reason) = (JournalAuthor::Gallery, "a test".into());
    JournalEntry { id: EntryId(id), at: at(id), author, score: Some(0.5), reason, change }
}

fn track(number: u64) -> TrackKey {
    TrackKey { camera: CameraId(2), track: TrackId(number) }
}

fn template(id: u64, person: u64) -> JournalEntry {
    let template = FaceTemplate {
        id: EntryId(id),
        person: PersonId(person),
        embedding: direction(person, id),
        quality: 0.75,
        last_seen: Some(at(id)),
        track: Some(track(person)),
    };
    entry(id, JournalChange::TemplateAdded(template))
}

fn founded(id: u64, person: u64) -> JournalEntry {
    entry(id, JournalChange::Founded { person: PersonId(person), track: track(person) })
}

/// Returns the person of each template, after splits and merges.
fn owners(sum: &GallerySnapshot) -> Vec<(u64, u64)> {
    let edits = PersonEdits::of(&sum.edits).expect("edits that fit each other");
    let owner = |t: &FaceTemplate| edits.root(edits.owner(t.id, t.person)).0;
    sum.templates.iter().map(|t| (t.id.0, owner(t))).collect()
}

/// Asserts the contract of a [`GalleryJournal`]: `load` returns what the entries add up to, also in a second instance, entries
/// about what is not there are left out and counted, and numbers never come back. `open` must return a journal on the same
/// storage at each call, after the one before was dropped. The storage is empty at the first call.
pub fn journal<J: GalleryJournal>(mut open: impl FnMut() -> J) {
    let mut journal = open();
    assert_eq!(journal.load().expect("an empty journal"), GallerySnapshot::default());
    assert_eq!(journal.append(&[]).expect("an empty batch is fine"), 0);

    // Three persons, of whom the second has two templates.
    let assigned = JournalChange::Assigned {
        person: PersonId(2),
        track: track(2),
        first_seen: at(10),
        last_seen: at(20),
    };
    let seen = JournalChange::Seen { person: PersonId(2), at: at(30) };
    let template_seen = JournalChange::TemplateSeen { template: EntryId(4), at: at(40) };
    let batch = [
        founded(1, 1),
        template(2, 1),
        founded(3, 2),
        template(4, 2),
        template(5, 2),
        entry(6, assigned),
        entry(7, JournalChange::Enrolled { person: PersonId(3) }),
        template(8, 3),
        entry(9, seen),
        entry(10, template_seen),
    ];
    assert_eq!(journal.append(&batch).expect("entries"), 0);
    let sum = journal.load().expect("three persons");
    let persons: Vec<(u64, bool, u64)> = sum.persons.iter().map(|p| (p.id.0, p.enrolled, p.tracks)).collect();
    assert_eq!(persons, [(1, false, 0), (2, false, 1), (3, true, 0)]);
    assert_eq!((sum.persons[1].first_seen, sum.persons[1].last_seen), (Some(at(10)), Some(at(30))));
    assert_eq!(owners(&sum), [(2, 1), (4, 2), (5, 2), (8, 3)]);
    assert_eq!(sum.templates[1].last_seen, Some(at(40)));
    assert_eq!(sum.templates[1].embedding, direction(2, 4), "an embedding must keep every bit");
    assert_eq!((sum.next_person, sum.next_entry), (4, 11));

    // What is not there is left out, and counted.
    let strange = [template(11, 77), entry(12, JournalChange::Seen { person: PersonId(77), at: at(1) })];
    assert_eq!(journal.append(&strange).expect("entries"), 2);

    // Edits, in a second instance.
    drop(journal);
    let mut journal = open();
    let split = JournalChange::Split { person: PersonId(4), from: PersonId(2), templates: vec![EntryId(5)] };
    let edits = [
        entry(13, JournalChange::Merged { person: PersonId(2), into: PersonId(1) }),
        entry(14, JournalChange::Named { person: PersonId(1), name: Some("Ann".into()) }),
        entry(15, split),
        entry(16, JournalChange::Undone { entry: EntryId(13) }),
        entry(17, JournalChange::TemplateRetired { person: PersonId(1), template: EntryId(2) }),
    ];
    assert_eq!(journal.append(&edits).expect("edits"), 0);
    drop(journal);
    let mut journal = open();
    let sum = journal.load().expect("four persons");
    assert_eq!(owners(&sum), [(4, 2), (5, 4), (8, 3)]);
    let names = PersonEdits::of(&sum.edits).expect("edits that fit");
    assert_eq!(names.name(PersonId(1)), Some("Ann"));
    assert_eq!(sum.next_person, 5);

    // A person who was removed leaves nothing, and what was split off stays.
    let removed = [entry(18, JournalChange::Removed { person: PersonId(2) })];
    assert_eq!(journal.append(&removed).expect("a removal"), 0);
    let again = [entry(19, JournalChange::Removed { person: PersonId(2) })];
    assert_eq!(journal.append(&again).expect("a removal"), 1, "a person is removed once");
    let sum = journal.load().expect("three persons");
    let persons: Vec<u64> = sum.persons.iter().map(|p| p.id.0).collect();
    assert_eq!(persons, [1, 3, 4]);
    assert_eq!(owners(&sum), [(5, 4), (8, 3)]);
    assert!(sum.edits.iter().all(|edit| edit.id == EntryId(14)), "no edit of the removed person is left");
    assert_eq!((sum.next_person, sum.next_entry), (5, 20), "numbers never come back");
    journal.flush().expect("a flush");
}
