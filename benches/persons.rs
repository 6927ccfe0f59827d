//! Measures a gallery of 100,000 persons with two templates each in a database: the start, an entry from the moment of its
//! decision, a merge with its undo, and forgetting.
//!
//! `cargo bench -p passerby-benches --bench persons` prints medians of five rounds.

#![allow(clippy::print_stdout, reason = "a bench talks to its user")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use passerby::reid::{Gallery, GalleryPolicy};
use passerby::store::{BackgroundJournal, BackgroundSettings, JournalSettings, SqliteJournal};
use passerby::types::{
    Embedding, EntryId, FaceTemplate, GalleryJournal, JournalAuthor, JournalChange, JournalEntry, PersonId,
    SystemClock, TrackKey,
};

const PERSONS: u64 = 100_000;
const TEMPLATES: u64 = 2;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("persons.db");
    fill(&path)?;
    let size = path.metadata()?.len() >> 20;
    println!("{PERSONS} persons with {TEMPLATES} templates each, {size} MiB");

    let mut starts = Vec::new();
    let mut decisions = Vec::new();
    let mut merges = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let journal = SqliteJournal::open(&path, JournalSettings::default())?;
        let journal = BackgroundJournal::start(journal, BackgroundSettings::default(), |_| {})?;
        let mut gallery = Gallery::open(policy(), journal, Arc::new(SystemClock::new()))?;
        starts.push(begun.elapsed());
        assert!(gallery.len() as u64 >= PERSONS);

        let face = Embedding::new((0..192).map(|i| (i as f32).sin()).collect())?;
        let begun = Instant::now();
        gallery.enroll(&[face])?;
        decisions.push(begun.elapsed());

        let begun = Instant::now();
        let merged = gallery.merge(PersonId(1), PersonId(2))?;
        gallery.undo(merged)?;
        gallery.flush()?;
        merges.push(begun.elapsed());
    }
    let mut journal = SqliteJournal::open(&path, JournalSettings::default())?;
    let begun = Instant::now();
    journal.forget(PersonId(3))?;
    let forgotten = begun.elapsed();
    println!("start {:.2?}", median(starts));
    println!("an enrolled person, until the gallery goes on {:.1?}", median(decisions));
    println!("a merge and its undo, durable {:.2?}", median(merges));
    println!("forgetting, once {forgotten:.2?}");
    Ok(())
}

fn policy() -> GalleryPolicy {
    GalleryPolicy { max_persons: 2 * PERSONS as usize, ..GalleryPolicy::default() }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Writes the persons.
fn fill(path: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut journal = SqliteJournal::open(path, JournalSettings::default())?;
    let mut state: u64 = 1;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut id = 0;
    let mut entry = |change: &mut dyn FnMut(EntryId) -> JournalChange| {
        id += 1;
        let (at, author) =
            (SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), JournalAuthor::Gallery);
        JournalEntry {
            id: EntryId(id),
            at,
            author,
            score: None,
            reason: "".into(),
            change: change(EntryId(id)),
        }
    };
    for first in (1..=PERSONS).step_by(1000) {
        let mut batch = Vec::new();
        for person in (first..first + 1000).map(PersonId) {
            batch.push(entry(&mut |_| JournalChange::Founded { person, track: TrackKey::default() }));
            for _ in 0..TEMPLATES {
                let embedding = Embedding::new((0..192).map(|_| random()).collect())?;
                batch.push(entry(&mut |id| {
                    JournalChange::TemplateAdded(FaceTemplate {
                        id,
                        person,
                        embedding: embedding.clone(),
                        quality: 0.5,
                        last_seen: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
                        track: Some(TrackKey::default()),
                    })
                }));
            }
        }
        journal.append(&batch)?;
    }
    journal.flush()?;
    Ok(())
}
