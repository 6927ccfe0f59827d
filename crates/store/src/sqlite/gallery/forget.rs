//! Removes a person for good, and verifies that nothing is left.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use passerby_types::{EntryId, PersonId};
use rusqlite::{Connection, TransactionBehavior, params};

use super::append;
use super::cipher::TemplateCipher;
use super::journal::SqliteJournal;
use super::load;
use crate::error::{StoreError, StoreFault};
use crate::sqlite::convert::integer;

/// The result of [`SqliteJournal::forget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The numbers that stood for the person, which never come back.
    pub numbers: Vec<PersonId>,
    /// The number of templates that are gone.
    pub templates: u64,
    /// The number of tracks that no longer name a person.
    pub tracks: u64,
    /// The number of rows that the journal no longer has.
    pub journal_rows: u64,
    /// The files that were searched for the bytes of every template and name.
    pub searched: Vec<PathBuf>,
    /// The number of bytes that were searched.
    pub searched_bytes: u64,
}

/// The bytes that must be nowhere any more.
type Secrets = Vec<Vec<u8>>;

/// The tracks of a run that are one of the persons in the table `forgotten`, after splits.
const TRACKS: &str =
    "SELECT t.run, t.camera, t.track FROM track AS t JOIN run AS r ON r.id = t.run AND r.gallery
    LEFT JOIN gallery_track AS g ON g.run = t.run AND g.camera = t.camera AND g.track = t.track
    WHERE ifnull(g.person, t.person) IN (SELECT person FROM forgotten)";

impl SqliteJournal {
    /// Removes a person with all aliases, templates and entries of the journal, so that no byte of a template and no name is
    /// left in the file, its free pages or its write-ahead log. Rewrites the whole file for it, which takes a time and a room on
    /// the disk that are proportional to its size.
    ///
    /// Tracks and observations of the person stay without a person, so that counts of past visits stay right; embeddings of
    /// these tracks go. The journal keeps one entry that says that someone was forgotten, and when.
    ///
    /// A search of the bytes of the files verifies the result. A name that another person has, too, is not searched for.
    /// Copies elsewhere are not this file: backups, exports, pictures.
    ///
    /// Does nothing and returns `None` if the gallery does not know the number. A gallery that was opened with this journal
    /// before does not notice: open it afterwards.
    ///
    /// # Errors
    /// [`StoreFault::Busy`] if another connection reads the file: the person is removed then, but old pages are left until
    /// [`SqliteJournal::forget`] or [`SqliteJournal::erase_traces`] runs alone. [`StoreFault::Traces`] if the search found
    /// something. Otherwise as for [`SqliteJournal::open`]; nothing has changed then.
    pub fn forget(&mut self, person: PersonId) -> Result<Option<Forgotten>, StoreError> {
        // A temporary table must not become a file that has the person's number.
        self.conn.pragma_update(None, "temp_store", "MEMORY").map_err(|e| self.error(e))?;
        let removed = self.remove_everywhere(person);
        self.conn.pragma_update(None, "temp_store", "DEFAULT").map_err(|e| self.error(e))?;
        let removed = removed.map_err(|fault| self.error(fault))?;
        let Some((mut report, secrets)) = removed else { return Ok(None) };
        self.erase_traces()?;
        let files = [self.path.clone(), companion(&self.path, "-wal")];
        for file in files {
            let searched = search(&file, &secrets).map_err(|e| self.error(e))?;
            let Some((bytes, hits)) = searched else { continue };
            if hits > 0 {
                return Err(self.error(StoreFault::Traces { file: file.display().to_string(), hits }));
            }
            report.searched_bytes += bytes;
            report.searched.push(file);
        }
        Ok(Some(report))
    }

    /// Rewrites the file without free pages, and empties the write-ahead log, so that no deleted byte is left in either.
    ///
    /// # Errors
    /// [`StoreFault::Busy`] if another connection reads the file, [`StoreFault::Full`] if the disk has no room for the copy.
    pub fn erase_traces(&mut self) -> Result<(), StoreError> {
        let erase = |conn: &Connection| -> Result<(), StoreFault> {
            conn.execute_batch("VACUUM")?;
            let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
            if busy != 0 || free != 0 { Err(StoreFault::Busy) } else { Ok(()) }
        };
        erase(&self.conn).map_err(|fault| self.error(fault))
    }

    /// Deletes the rows in one transaction. Returns the report and the bytes that must be nowhere.
    fn remove_everywhere(&mut self, person: PersonId) -> Result<Option<(Forgotten, Secrets)>, StoreFault> {
        let before = self.edits.clone();
        let edits = &mut self.edits;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sum = load::snapshot(&tx, &self.cipher)?;
        if !sum.persons.iter().any(|known| known.id == person) {
            return Ok(None);
        }
        let root = edits.root(person);
        let numbers = edits.numbers(root);
        let of_person = |id: EntryId, added_for| edits.root(edits.owner(id, added_for)) == root;
        let templates = sum.templates.iter().filter(|t| of_person(t.id, t.person));
        let mut secrets = Secrets::new();
        let mut count = 0;
        for template in templates {
            count += 1;
            let plain = TemplateCipher::Plain.seal(template.id.0, &template.embedding)?;
            let stored = stored_bytes(&tx, template.id)?;
            // If templates are encrypted, the stored bytes must go as well.
            secrets.extend((stored != plain).then_some(stored));
            secrets.push(plain);
        }
        let mine: BTreeSet<PersonId> = numbers.iter().copied().collect();
        secrets.extend(names(&tx, &mine)?);

        let rows = |conn: &Connection| -> rusqlite::Result<i64> {
            conn.query_row("SELECT count(*) FROM gallery_journal", [], |row| row.get(0))
        };
        let rows_before = rows(&tx)?;
        tx.execute_batch("CREATE TEMP TABLE forgotten (person INTEGER PRIMARY KEY)")?;
        for number in &numbers {
            let insert = "INSERT INTO forgotten (person) VALUES (?1)";
            tx.execute(insert, params![integer("person", number.0)?])?;
        }
        tx.execute_batch(&format!("CREATE TEMP TABLE nameless AS {TRACKS}"))?;
        let tracks = tx.execute(
            "UPDATE track SET person = NULL, similarity = NULL
            WHERE (run, camera, track) IN (SELECT run, camera, track FROM nameless)",
            [],
        )?;
        tx.execute_batch(
            "DELETE FROM template WHERE (run, camera, track) IN (SELECT run, camera, track FROM nameless);
            -- A track that a split gave to somebody else keeps that person.
            UPDATE track SET person = (SELECT g.person FROM gallery_track AS g
                    WHERE g.run = track.run AND g.camera = track.camera AND g.track = track.track)
                WHERE person IN (SELECT person FROM forgotten) AND run IN (SELECT id FROM run WHERE gallery);
            INSERT INTO person (run, person, first_us, last_us, sightings)
                SELECT run, person, min(first_us), max(last_us), 0 FROM track
                WHERE run IN (SELECT id FROM run WHERE gallery) AND person IS NOT NULL GROUP BY run, person
                ON CONFLICT DO NOTHING;
            DELETE FROM person WHERE person IN (SELECT person FROM forgotten) AND run IN (SELECT id FROM run WHERE gallery);
            DROP TABLE nameless;
            DROP TABLE forgotten;",
        )?;
        append::remove(&tx, edits, root)?;
        let removed_rows = rows_before - rows(&tx)?;
        let mark = "INSERT INTO gallery_journal (entry, at_us, author, kind, reason)
            SELECT next_entry, CAST(unixepoch('subsec') * 1000000 AS INTEGER), 1, 'forgotten', 'forgotten by hand' FROM gallery";
        let done = tx.execute(mark, []).and_then(|_| {
            tx.execute("UPDATE gallery SET next_entry = next_entry + 1", [])?;
            tx.commit()
        });
        if let Err(e) = done {
            self.edits = before;
            return Err(e.into());
        }
        let report = Forgotten {
            numbers,
            templates: count,
            tracks: tracks as u64,
            journal_rows: removed_rows.unsigned_abs(),
            searched: Vec::new(),
            searched_bytes: 0,
        };
        Ok(Some((report, secrets)))
    }
}

/// Returns the bytes that the file has for a template.
fn stored_bytes(conn: &Connection, template: EntryId) -> Result<Vec<u8>, StoreFault> {
    let sql = "SELECT embedding FROM gallery_template WHERE template = ?1";
    Ok(conn.query_row(sql, [integer("template", template.0)?], |row| row.get(0))?)
}

/// Returns the names that these numbers ever had and no other number has.
fn names(conn: &Connection, numbers: &BTreeSet<PersonId>) -> Result<Secrets, StoreFault> {
    let mut statement = conn.prepare("SELECT person, name FROM gallery_journal WHERE name IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let all = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let is_mine = |person: i64| numbers.contains(&PersonId(person.unsigned_abs()));
    let others: BTreeSet<&str> = all.iter().filter(|(p, _)| !is_mine(*p)).map(|(_, n)| n.as_str()).collect();
    // A short name may be a part of any other text.
    let mine = all.iter().filter(|(p, n)| is_mine(*p) && !others.contains(n.as_str()) && n.len() >= 6);
    Ok(mine.map(|(_, name)| name.clone().into_bytes()).collect())
}

/// Returns the number of bytes of a file, and how many of the secrets are in it. Returns `None` if the file does not exist.
fn search(file: &Path, secrets: &[Vec<u8>]) -> io::Result<Option<(u64, usize)>> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?.read_to_end(&mut bytes)?,
    };
    // A part of an embedding is as telling as the whole: 16 numbers do not come back by chance.
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| &secret[..secret.len().min(64)]).collect();
    let hits = secrets.iter().filter(|secret| contains(&bytes, secret)).count();
    Ok(Some((bytes.len() as u64, hits)))
}

fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    let Some((&first, rest)) = secret.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at + 1..].starts_with(rest) {
            return true;
        }
        from += at + 1;
    }
    false
}

fn companion(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}
