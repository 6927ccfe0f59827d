//! Reads the sum of the journal, and checks every row.

use std::time::SystemTime;

use passerby_types::{
    EditError, EntryId, FaceTemplate, GallerySnapshot, JournalAuthor, JournalChange, JournalEntry,
    KnownPerson, PersonEdits, PersonId,
};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row};

use super::cipher::TemplateCipher;
use super::key::TemplateKey;
use crate::error::StoreFault;
use crate::sqlite::convert::wall;

/// Reads the gallery. `conn` should be in a transaction if others may write.
///
/// # Errors
/// [`StoreFault::Damaged`] with the table and the row, and the faults of reading.
pub(super) fn snapshot(conn: &Connection, cipher: &TemplateCipher) -> Result<GallerySnapshot, StoreFault> {
    let mut sum = GallerySnapshot { persons: persons(conn)?, ..GallerySnapshot::default() };
    sum.templates = templates(conn, cipher)?;
    sum.edits = edits(conn)?;
    let edits = sum_of_edits(&sum.edits)?;
    let known = |person: PersonId| sum.persons.binary_search_by_key(&person, |p| p.id).is_ok();
    for template in &sum.templates {
        let person = edits.root(edits.owner(template.id, template.person));
        if !known(template.person) || !known(person) {
            return Err(damaged("gallery_template", template.id.0 as i64, &format!("{person} is not known")));
        }
    }
    let counters = "SELECT next_person, next_entry,
            (SELECT ifnull(max(p.person), 0) FROM person AS p JOIN run AS r ON r.id = p.run WHERE r.gallery),
            (SELECT ifnull(max(entry), 0) FROM gallery_journal)
        FROM gallery";
    let counters = conn
        .query_row(counters, [], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]));
    let [next_person, next_entry, seen, last] = counters.map_err(missing_row)?;
    if next_person < 1 || next_entry < 1 || next_person == i64::MAX || next_entry == i64::MAX {
        return Err(damaged("gallery", 1, "a counter is out of range"));
    }
    // A killed process may have stored tracks of persons whose own rows were not written.
    let newest = sum.persons.last().map_or(0, |person| person.id.0);
    sum.next_person = next_person.unsigned_abs().max(newest + 1).max(seen.unsigned_abs() + 1);
    sum.next_entry = next_entry.unsigned_abs().max(last.unsigned_abs() + 1);
    Ok(sum)
}

/// Adds up the edits.
///
/// # Errors
/// [`StoreFault::Damaged`] with the row of the edit that contradicts those before.
pub(super) fn sum_of_edits(edits: &[JournalEntry]) -> Result<PersonEdits, StoreFault> {
    let contradiction =
        |(entry, e): (EntryId, EditError)| damaged("gallery_journal", entry.0 as i64, &e.to_string());
    PersonEdits::of(edits).map_err(contradiction)
}

/// Returns the network that made the templates, or `None` before the first.
pub(super) fn network(conn: &Connection) -> Result<Option<String>, StoreFault> {
    conn.query_row("SELECT network FROM gallery", [], |row| row.get(0)).map_err(missing_row)
}

/// Returns the cipher of the file's templates.
///
/// # Errors
/// The key does not fit the templates, and the faults of reading.
pub(super) fn cipher(conn: &Connection, key: Option<&TemplateKey>) -> Result<TemplateCipher, StoreFault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM gallery_template)";
    let has_templates = conn.query_row(sql, [], |row| row.get(0))?;
    TemplateCipher::of_file(key, key_check(conn)?.as_deref(), has_templates)
}

/// Returns the bytes that prove the key of the file's templates, or `None` if they are not encrypted.
pub(super) fn key_check(conn: &Connection) -> Result<Option<Vec<u8>>, StoreFault> {
    conn.query_row("SELECT key_check FROM gallery", [], |row| row.get(0)).map_err(missing_row)
}

fn missing_row(error: rusqlite::Error) -> StoreFault {
    match error {
        rusqlite::Error::QueryReturnedNoRows => damaged("gallery", 1, "the row is missing"),
        other => other.into(),
    }
}

fn persons(conn: &Connection) -> Result<Vec<KnownPerson>, StoreFault> {
    let sql = "SELECT person, enrolled, first_us, last_us, tracks FROM gallery_person ORDER BY person";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut persons = Vec::new();
    while let Some(row) = rows.next()? {
        let table = TableRow::new("gallery_person", row)?;
        persons.push(KnownPerson {
            id: PersonId(table.count(0)?),
            enrolled: table.count(1)? != 0,
            first_seen: table.time(2)?,
            last_seen: table.time(3)?,
            tracks: table.count(4)?,
        });
    }
    Ok(persons)
}

pub(super) fn templates(conn: &Connection, cipher: &TemplateCipher) -> Result<Vec<FaceTemplate>, StoreFault> {
    let sql = "SELECT template, person, quality, last_us, embedding FROM gallery_template ORDER BY template";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut templates: Vec<FaceTemplate> = Vec::new();
    while let Some(row) = rows.next()? {
        let table = TableRow::new("gallery_template", row)?;
        let bytes = row.get_ref(4)?.as_blob().map_err(|_| table.fault("the embedding is no blob"))?;
        let id = table.count(0)?;
        let embedding = cipher.open(id, bytes).ok_or_else(|| table.fault("the embedding is damaged"))?;
        let length = embedding.as_slice().len();
        if let Some(first) = templates.first().map(|t| t.embedding.as_slice().len()).filter(|n| *n != length)
        {
            return Err(table.fault(&format!("the embedding has {length} numbers, others {first}")));
        }
        let quality: f64 = table.get(2)?;
        if !(0.0..=1.0).contains(&quality) {
            return Err(table.fault("the quality is not 0 to 1"));
        }
        templates.push(FaceTemplate {
            id: EntryId(id),
            person: PersonId(table.count(1)?),
            embedding,
            quality: quality as f32,
            last_seen: table.time(3)?,
            track: None,
        });
    }
    Ok(templates)
}

pub(super) fn edits(conn: &Connection) -> Result<Vec<JournalEntry>, StoreFault> {
    let sql =
        "SELECT entry, at_us, author, kind, person, other, target, score, name, reason FROM gallery_journal
        WHERE kind IN ('merged', 'split', 'named', 'undone') ORDER BY entry";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut edits = Vec::new();
    while let Some(row) = rows.next()? {
        let table = TableRow::new("gallery_journal", row)?;
        let id = EntryId(table.count(0)?);
        let person = |column| table.count(column).map(PersonId);
        let kind: String = table.get(3)?;
        let change = match kind.as_str() {
            "merged" => JournalChange::Merged { person: person(4)?, into: person(5)? },
            "split" => JournalChange::Split {
                person: person(4)?,
                from: person(5)?,
                templates: split_templates(conn, id)?,
            },
            "named" => JournalChange::Named { person: person(4)?, name: table.get(8)? },
            _ => JournalChange::Undone { entry: EntryId(table.count(6)?) },
        };
        edits.push(JournalEntry {
            id,
            at: table.time(1)?.unwrap_or(SystemTime::UNIX_EPOCH),
            author: if table.count(2)? == 0 { JournalAuthor::Gallery } else { JournalAuthor::User },
            score: table.get::<Option<f64>>(7)?.map(|score| score as f32),
            reason: table.get::<String>(9)?.into(),
            change,
        });
    }
    Ok(edits)
}

fn split_templates(conn: &Connection, entry: EntryId) -> Result<Vec<EntryId>, StoreFault> {
    let sql = "SELECT template FROM gallery_split WHERE entry = ?1 ORDER BY template";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([entry.0 as i64])?;
    let mut templates = Vec::new();
    while let Some(row) = rows.next()? {
        templates.push(EntryId(TableRow::new("gallery_split", row)?.count(0)?));
    }
    Ok(templates)
}

/// A row that may be damaged, whose first column is its number.
struct TableRow<'a> {
    table: &'static str,
    number: i64,
    row: &'a Row<'a>,
}

impl<'a> TableRow<'a> {
    fn new(table: &'static str, row: &'a Row<'a>) -> Result<Self, StoreFault> {
        let number = row.get(0).map_err(|_| damaged(table, 0, "its number is no integer"))?;
        Ok(Self { table, number, row })
    }

    fn fault(&self, what: &str) -> StoreFault {
        damaged(self.table, self.number, what)
    }

    fn get<T: FromSql>(&self, column: usize) -> Result<T, StoreFault> {
        self.row.get(column).map_err(|_| {
            let name = self.row.as_ref().column_name(column).unwrap_or("a column");
            self.fault(&format!("{name} is missing or of another type"))
        })
    }

    /// Reads a number that is never negative.
    fn count(&self, column: usize) -> Result<u64, StoreFault> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|_| {
            let name = self.row.as_ref().column_name(column).unwrap_or("a column");
            self.fault(&format!("{name} is negative"))
        })
    }

    fn time(&self, column: usize) -> Result<Option<SystemTime>, StoreFault> {
        Ok(self.get::<Option<i64>>(column)?.map(wall))
    }
}

fn damaged(table: &str, row: i64, what: &str) -> StoreFault {
    StoreFault::Damaged(format!("row {row} of {table}: {what}"))
}
