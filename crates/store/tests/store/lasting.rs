//! A gallery on a journal: written persons come back, edits leave no trace after an undo, and two faces of one frame are two
//! persons at any step.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use passerby_reid::{Gallery, GalleryPolicy, SharedGallery};
use passerby_store::{JournalSettings, MemoryJournal, SqliteJournal};
use passerby_testkit::suite::direction;
use passerby_types::{
    CameraId, Clock, EditError, Embedding, EntryId, FaceTemplate, GalleryJournal, GallerySnapshot,
    Identifier, JournalChange, JournalEntry, PersonId, Sighting, SinkError, SystemClock, Timestamp, TrackId,
    TrackKey,
};
use proptest::prelude::*;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn open(path: &Path) -> Gallery {
    let journal = SqliteJournal::open(path, JournalSettings::default()).unwrap();
    Gallery::open(GalleryPolicy::default(), journal, clock()).unwrap()
}

fn sighting(camera: u32, track: u64, seq: u64, person: u64) -> Sighting {
    Sighting {
        track: TrackKey { camera: CameraId(camera), track: TrackId(track) },
        seq,
        captured: Timestamp(Duration::from_millis(40 * seq)),
        embedding: direction(person, seq % 4),
        quality: 0.5 + 0.1 * (seq % 4) as f32,
        size: 90.0,
    }
}

/// The name of a person, the number of tracks, and the templates.
type Person = (Option<String>, u64, Vec<FaceTemplate>);

/// A journal that panics at the next entries if it is told to.
struct Panics {
    inner: MemoryJournal,
    now: Arc<AtomicBool>,
}

impl GalleryJournal for Panics {
    fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        self.inner.load()
    }

    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError> {
        assert!(!self.now.swap(false, Ordering::Relaxed), "the test asked for a panic");
        self.inner.append(entries)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }
}

#[test]
fn after_a_panic_the_persons_of_the_journal_are_known() {
    let now = Arc::new(AtomicBool::new(false));
    let journal = Panics { inner: MemoryJournal::default(), now: Arc::clone(&now) };
    let gallery = SharedGallery::of(Gallery::open(GalleryPolicy::default(), journal, clock()).unwrap());
    let first = gallery.enroll(&[direction(1, 0)]).unwrap();
    now.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        assert!(scope.spawn(|| gallery.enroll(&[direction(2, 0)])).join().is_err());
    });
    assert_eq!(gallery.persons().iter().map(|person| person.id).collect::<Vec<_>>(), [first]);
    assert_eq!(gallery.enroll(&[direction(3, 0)]).unwrap(), PersonId(3), "no number comes back");
    assert_eq!(gallery.search(&direction(1, 0), 1)[0].person, first);
}

/// Returns everything that a gallery knows, by person. The tracks of templates are left out: a number of a track means nothing
/// in another run.
fn all(gallery: &Gallery) -> BTreeMap<PersonId, Person> {
    let persons = gallery.iter().map(|person| {
        let mut templates = gallery.templates_of(person.id);
        templates.iter_mut().for_each(|template| template.track = None);
        (person.id, (gallery.name(person.id).map(str::to_owned), person.tracks, templates))
    });
    persons.collect()
}

/// Lets `people` pass a camera two at a time.
fn pass(gallery: &mut Gallery, camera: u32, people: std::ops::Range<u64>) {
    for pair in people.clone().step_by(2) {
        let faces: Vec<u64> = (pair..(pair + 2).min(people.end)).collect();
        let key = |face: u64| TrackKey { camera: CameraId(camera), track: TrackId(face) };
        for seq in 0..6 {
            let seen: Vec<Sighting> = faces.iter().map(|&f| sighting(camera, f, seq, f)).collect();
            let visible: Vec<TrackKey> = seen.iter().map(|s| s.track).collect();
            gallery.identify(&seen, &visible);
            let persons: Vec<_> = visible.iter().filter_map(|&t| gallery.identity(t).person()).collect();
            assert!(persons.len() < 2 || persons[0] != persons[1], "two faces of one frame are one person");
        }
        faces.iter().for_each(|&face| gallery.end(key(face)));
    }
}

#[test]
fn the_same_persons_come_back_with_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let mut first = open(&path);
    pass(&mut first, 0, 0..20);
    assert_eq!((first.len(), first.journal_counts().failures), (20, 0));
    let before = all(&first);
    drop(first);

    let mut second = open(&path);
    assert_eq!(all(&second), before, "every bit comes back");
    pass(&mut second, 1, 10..30);
    let ids: Vec<u64> = second.iter().map(|person| person.id.0).collect();
    assert_eq!(ids, (1..=30).collect::<Vec<_>>(), "ten are known and ten are new");
    let tracks: Vec<u64> = second.iter().map(|person| person.tracks).collect();
    assert_eq!((tracks[0], tracks[12], tracks[25]), (1, 2, 1));
}

#[test]
fn a_merge_is_undone_to_the_last_bit_also_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let mut gallery = open(&path);
    pass(&mut gallery, 0, 0..8);
    let before = all(&gallery);
    let edit = gallery.merge(PersonId(1), PersonId(5)).unwrap();
    drop(gallery);

    let mut gallery = open(&path);
    assert_eq!((gallery.len(), gallery.person_of(PersonId(5))), (7, Some(PersonId(1))));
    let found = gallery.search(&direction(4, 0), 1)[0];
    assert_eq!(found.person, PersonId(1), "the face of the alias is the person's");
    gallery.undo(edit).unwrap();
    assert_eq!(all(&gallery), before);
    drop(gallery);
    assert_eq!(all(&open(&path)), before);
}

#[test]
fn a_merge_that_the_gallery_decided_can_be_undone() {
    let journal = MemoryJournal::default();
    let mut gallery = Gallery::open(GalleryPolicy::default(), journal.clone(), clock()).unwrap();
    let old = gallery.enroll(&[Embedding::new(vec![1.0, 0.0, 0.0]).unwrap()]).unwrap();
    // Two views that agree and match no person found a person; better views then match the older one.
    let seen = |seq: u64, values: [f32; 3], quality: f32| Sighting {
        embedding: Embedding::new(values.to_vec()).unwrap(),
        quality,
        ..sighting(0, 1, seq, 0)
    };
    let track = seen(0, [1.0; 3], 0.2).track;
    for seq in 0..2 {
        gallery.identify(&[seen(seq, [0.3, 1.0, 0.0], 0.2)], &[track]);
    }
    let young = gallery.identity(track).person().unwrap();
    assert_ne!(young, old);
    for seq in 2..8 {
        gallery.identify(&[seen(seq, [0.75, 0.75, 0.0], 1.0)], &[track]);
    }
    assert_eq!(gallery.identity(track).person(), Some(old), "merged into the older one");
    let merged = journal.entries().into_iter().find(|entry| entry.change.kind() == "merged").unwrap();
    assert!(merged.score.is_some_and(|score| score > 0.58) && !merged.reason.is_empty());
    gallery.end(track);
    gallery.undo(merged.id).unwrap();
    assert_eq!(gallery.person_of(young), Some(young));
    assert!(!gallery.templates_of(young).is_empty());
}

#[test]
fn live_tracks_of_one_camera_cannot_become_one_person() {
    let mut gallery = Gallery::new();
    for seq in 0..4 {
        let seen = [sighting(0, 1, seq, 1), sighting(0, 2, seq, 2)];
        let visible = [seen[0].track, seen[1].track];
        gallery.identify(&seen, &visible);
    }
    let refused = gallery.merge(PersonId(1), PersonId(2)).unwrap_err();
    assert_eq!(refused, EditError::SeenTogether(PersonId(1), PersonId(2)));
    assert_eq!(gallery.len(), 2);
}

#[test]
fn names_and_splits_are_checked() {
    let mut gallery = Gallery::new();
    let ann = gallery.enroll(&[direction(1, 0), direction(2, 0)]).unwrap();
    assert_eq!(gallery.set_name(ann, Some(" ")), Err(EditError::InvalidName));
    assert_eq!(gallery.set_name(ann, Some("a\nb")), Err(EditError::InvalidName));
    assert_eq!(gallery.set_name(PersonId(9), Some("x")), Err(EditError::UnknownPerson(PersonId(9))));
    let ids: Vec<EntryId> = gallery.templates_of(ann).iter().map(|template| template.id).collect();
    assert_eq!(gallery.split_person(ann, &ids), Err(EditError::EmptySide(ann)));
    assert_eq!(gallery.split_person(ann, &[]), Err(EditError::EmptySide(ann)));
    let stranger = EntryId(999);
    let unknown = EditError::UnknownTemplate { person: ann, template: stranger };
    assert_eq!(gallery.split_person(ann, &[stranger]), Err(unknown));
    let (bob, _) = gallery.split_person(ann, &ids[1..]).unwrap();
    assert_eq!(gallery.search(&direction(2, 0), 1)[0].person, bob);
    assert_eq!(gallery.search(&direction(1, 0), 1)[0].person, ann);
}

#[test]
fn a_removed_person_is_gone_after_a_restart_and_a_split_off_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let mut gallery = open(&path);
    let ann = gallery.enroll(&[direction(1, 0), direction(2, 0)]).unwrap();
    let template = gallery.templates_of(ann)[1].id;
    let (bob, _) = gallery.split_person(ann, &[template]).unwrap();
    gallery.set_name(bob, Some("Bob")).unwrap();
    assert!(gallery.remove(ann));
    let before = all(&gallery);
    drop(gallery);
    let gallery = open(&path);
    assert_eq!(all(&gallery), before);
    assert_eq!(gallery.iter().map(|p| p.id).collect::<Vec<_>>(), [bob]);
    assert_eq!(gallery.templates_of(bob).len(), 1);
}

/// One random operation.
#[derive(Clone, Copy, Debug)]
enum Step {
    Merge(usize, usize),
    Split(usize, usize),
    Name(usize, u8),
    Undo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..1000, 0usize..1000).prop_map(|(a, b)| Step::Merge(a, b)),
        2 => (0usize..1000, 1usize..1000).prop_map(|(a, mask)| Step::Split(a, mask)),
        2 => (0usize..1000, any::<u8>()).prop_map(|(a, name)| Step::Name(a, name)),
        3 => (0usize..1000).prop_map(Step::Undo),
    ]
}

/// Takes one step. Returns its entry, or `None` if the gallery refused it.
fn take(gallery: &mut Gallery, edits: &[EntryId], step: Step) -> Option<EntryId> {
    let persons: Vec<PersonId> = gallery.iter().map(|person| person.id).collect();
    let person = |i: usize| persons[i % persons.len()];
    match step {
        Step::Merge(a, b) => gallery.merge(person(a), person(b)).ok(),
        Step::Split(a, mask) => {
            let ids = gallery.templates_of(person(a)).into_iter().map(|template| template.id).enumerate();
            let chosen: Vec<EntryId> =
                ids.filter(|(i, _)| (mask >> (i % 10)) & 1 == 1).map(|(_, id)| id).collect();
            gallery.split_person(person(a), &chosen).ok().map(|(_, entry)| entry)
        }
        Step::Name(a, name) => {
            let name = (name % 4 > 0).then(|| format!("name {name}"));
            gallery.set_name(person(a), name.as_deref()).ok()
        }
        Step::Undo(i) => gallery.undo(*edits.get(i % edits.len().max(1))?).ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    /// A thousand edits, of which everything is undone in the end, the latest first: nothing is left of them. On the way the
    /// file and the gallery hold the same.
    #[test]
    fn undone_edits_leave_no_trace(steps in prop::collection::vec(step(), 1000)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gallery.db");
        let mut gallery = open(&path);
        pass(&mut gallery, 0, 0..24);
        let untouched = all(&gallery);
        let mut edits: Vec<EntryId> = Vec::new();
        for (i, step) in steps.into_iter().enumerate() {
            edits.extend(take(&mut gallery, &edits, step));
            if i % 250 == 99 {
                // The next process goes on with the same persons.
                let before = all(&gallery);
                drop(gallery);
                gallery = open(&path);
                prop_assert_eq!(&all(&gallery), &before);
            }
        }
        prop_assert!(edits.len() > 300, "only {} steps were possible", edits.len());
        // An undo goes before the entry that it undid, so that each holds when its turn comes, and none is refused for good.
        for edit in edits.iter().rev() {
            let done = gallery.undo(*edit);
            prop_assert!(matches!(done, Ok(_) | Err(EditError::AlreadyUndone { .. })), "{:?}: {:?}", edit, done);
        }
        prop_assert_eq!(all(&gallery), untouched);
        drop(gallery);
        prop_assert_eq!(all(&open(&path)).len(), 24);
    }
}

#[test]
fn two_faces_of_one_frame_stay_apart_after_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gallery.db");
    let mut gallery = open(&path);
    pass(&mut gallery, 0, 0..40);
    // Two persons become one by mistake, and both stand before a camera: `pass` looks at each frame.
    gallery.merge(PersonId(1), PersonId(2)).unwrap();
    drop(gallery);
    let mut gallery = open(&path);
    pass(&mut gallery, 1, 0..40);
    assert_eq!(gallery.journal_counts().failures, 0);
}

#[test]
fn a_journal_in_memory_is_enough() {
    let journal = MemoryJournal::default();
    let mut gallery = Gallery::open(GalleryPolicy::default(), journal.clone(), clock()).unwrap();
    pass(&mut gallery, 0, 0..6);
    let sum = journal.clone().load().unwrap();
    assert_eq!((sum.persons.len(), sum.next_person), (6, 7));
    drop(gallery);
    let again = Gallery::open(GalleryPolicy::default(), journal, clock()).unwrap();
    assert_eq!(again.len(), 6);
}

#[test]
fn the_entries_of_a_track_that_shows_another_face_have_its_new_number() {
    let journal = MemoryJournal::default();
    let mut gallery = Gallery::open(GalleryPolicy::default(), journal.clone(), clock()).unwrap();
    let new = TrackKey { camera: CameraId(0), track: TrackId(11) };
    for seq in 0..12 {
        let seen = sighting(0, 1, seq, if seq < 5 { 1 } else { 2 });
        let track = if gallery.identity(new).person().is_some() { new } else { seen.track };
        gallery.identify(&[Sighting { track, ..seen }], &[track]);
        Identifier::split(&mut gallery, &mut |_| Some(new));
    }
    assert_eq!(gallery.identity(new).person(), Some(PersonId(2)));
    let founded = journal.entries().into_iter().filter_map(|entry| match entry.change {
        JournalChange::Founded { person, track } => Some((person.0, track.track.0)),
        _ => None,
    });
    assert_eq!(founded.collect::<Vec<_>>(), [(1, 1), (2, 11)]);
}
