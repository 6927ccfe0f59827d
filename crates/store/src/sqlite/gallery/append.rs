//! Writes entries: their rows in the journal, and their changes of the other tables.

use std::collections::BTreeSet;

use passerby_types::{
    EntryId, FaceTemplate, JournalAuthor, JournalChange, JournalEntry, PersonEdits, PersonId, TrackKey,
};
use rusqlite::{Connection, params};

use super::cipher::TemplateCipher;
use crate::error::StoreFault;
use crate::sqlite::convert::{integer, micros};

const ROW: &str = "INSERT INTO gallery_journal
    (entry, at_us, author, kind, person, other, target, run, camera, track, score, name, reason)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const PERSON: &str = "INSERT INTO gallery_person (person, root, enrolled, tracks) VALUES (?1, ?1, ?2, 0)";
const TEMPLATE: &str = "INSERT INTO gallery_template
    (template, person, owner, quality, last_us, run, camera, track, embedding) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const RETIRED: &str = "DELETE FROM gallery_template WHERE template = ?1";
const TEMPLATE_SEEN: &str =
    "UPDATE gallery_template SET last_us = max(ifnull(last_us, ?2), ?2) WHERE template = ?1";
const ASSIGNED: &str = "UPDATE gallery_person SET tracks = tracks + 1,
    first_us = min(ifnull(first_us, ?2), ?2), last_us = max(ifnull(last_us, ?3), ?3) WHERE person = ?1";
const SEEN: &str = "UPDATE gallery_person SET last_us = max(ifnull(last_us, ?2), ?2) WHERE person = ?1";

/// Writes the entries and returns the number of those that are about a person or a template that is not there.
pub(super) fn entries(
    conn: &Connection,
    cipher: &TemplateCipher,
    edits: &mut PersonEdits,
    run: Option<i64>,
    entries: &[JournalEntry],
) -> Result<u64, StoreFault> {
    let mut left_out = 0;
    let mut next_person = 0;
    let mut next_entry = 0;
    let last: i64 = conn.query_row("SELECT next_entry FROM gallery", [], |row| row.get(0))?;
    for entry in entries {
        let id = integer("entry", entry.id.0)?;
        next_entry = id.saturating_add(1);
        // A call that was interrupted may come again.
        if id < last {
            continue;
        }
        if !write(conn, cipher, edits, run, entry)? {
            left_out += 1;
        }
        if let JournalChange::Founded { person, .. }
        | JournalChange::Enrolled { person }
        | JournalChange::Split { person, .. } = entry.change
        {
            next_person = next_person.max(integer("person", person.0)?.saturating_add(1));
        }
    }
    conn.execute(
        "UPDATE gallery SET next_person = max(next_person, ?1), next_entry = max(next_entry, ?2)",
        params![next_person, next_entry],
    )?;
    Ok(left_out)
}

/// Writes one entry. Returns false if it is about something that is not there.
fn write(
    conn: &Connection,
    cipher: &TemplateCipher,
    edits: &mut PersonEdits,
    run: Option<i64>,
    entry: &JournalEntry,
) -> Result<bool, StoreFault> {
    let run_statement = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<bool, StoreFault> {
        Ok(conn.prepare_cached(sql)?.execute(values)? > 0)
    };
    let time = |at| micros(at).unwrap_or_default();
    let is_there = match &entry.change {
        JournalChange::Founded { person, .. } => {
            run_statement(PERSON, params![integer("person", person.0)?, false])?
        }
        JournalChange::Enrolled { person } => {
            run_statement(PERSON, params![integer("person", person.0)?, true])?
        }
        JournalChange::TemplateAdded(template) => add_template(conn, cipher, run, entry.id, template)?,
        JournalChange::TemplateRetired { template, .. } => {
            run_statement(RETIRED, params![integer("template", template.0)?])?
        }
        JournalChange::TemplateSeen { template, at } => {
            return run_statement(TEMPLATE_SEEN, params![integer("template", template.0)?, time(*at)]);
        }
        JournalChange::Seen { person, at } => {
            return run_statement(SEEN, params![integer("person", person.0)?, time(*at)]);
        }
        JournalChange::Assigned { person, first_seen, last_seen, .. } => {
            let values = params![integer("person", person.0)?, time(*first_seen), time(*last_seen)];
            run_statement(ASSIGNED, values)?
        }
        JournalChange::Removed { person } => return remove(conn, edits, *person),
        JournalChange::Merged { .. }
        | JournalChange::Split { .. }
        | JournalChange::Named { .. }
        | JournalChange::Undone { .. } => return edit(conn, edits, run, entry),
    };
    if is_there {
        row(conn, run, entry)?;
    }
    Ok(is_there)
}

/// Adds the entry's row to the journal.
fn row(conn: &Connection, run: Option<i64>, entry: &JournalEntry) -> Result<(), StoreFault> {
    let number = |person: &PersonId| integer("person", person.0).map(Some);
    let mut person = None;
    let mut other = None;
    let mut target = None;
    let mut track: Option<TrackKey> = None;
    let mut name: Option<&str> = None;
    match &entry.change {
        JournalChange::Founded { person: whom, track: key }
        | JournalChange::Assigned { person: whom, track: key, .. } => {
            person = number(whom)?;
            track = Some(*key);
        }
        JournalChange::Enrolled { person: whom }
        | JournalChange::Removed { person: whom }
        | JournalChange::Seen { person: whom, .. } => person = number(whom)?,
        JournalChange::TemplateAdded(template) => {
            person = number(&template.person)?;
            track = template.track;
        }
        JournalChange::TemplateRetired { person: whom, template } => {
            person = number(whom)?;
            target = Some(integer("template", template.0)?);
        }
        JournalChange::TemplateSeen { template, .. } => target = Some(integer("template", template.0)?),
        JournalChange::Merged { person: whom, into: whom_else }
        | JournalChange::Split { person: whom, from: whom_else, .. } => {
            person = number(whom)?;
            other = number(whom_else)?;
        }
        JournalChange::Named { person: whom, name: new } => {
            person = number(whom)?;
            name = new.as_deref();
        }
        JournalChange::Undone { entry } => target = Some(integer("entry", entry.0)?),
    }
    let author = match entry.author {
        JournalAuthor::Gallery => 0,
        JournalAuthor::User => 1,
    };
    let score = entry.score.filter(|score| score.is_finite()).map(f64::from);
    let (camera, track) = track.map(|key| (key.camera.0, key.track.0)).unzip();
    let track = track.map(|track| integer("track", track)).transpose()?;
    conn.prepare_cached(ROW)?.execute(params![
        integer("entry", entry.id.0)?,
        micros(entry.at).unwrap_or_default(),
        author,
        entry.change.kind(),
        person,
        other,
        target,
        camera.and(run),
        camera,
        track,
        score,
        name,
        entry.reason
    ])?;
    Ok(())
}

fn add_template(
    conn: &Connection,
    cipher: &TemplateCipher,
    run: Option<i64>,
    id: EntryId,
    template: &FaceTemplate,
) -> Result<bool, StoreFault> {
    let person = integer("person", template.person.0)?;
    let exists = "SELECT EXISTS (SELECT 1 FROM gallery_person WHERE person = ?1)";
    if !conn.prepare_cached(exists)?.query_row([person], |row| row.get::<_, bool>(0))? {
        return Ok(false);
    }
    let bytes = cipher.seal(id.0, &template.embedding)?;
    let (camera, track) = template.track.map(|key| (key.camera.0, key.track.0)).unzip();
    let track = track.map(|track| integer("track", track)).transpose()?;
    let last = template.last_seen.map(|at| micros(at).unwrap_or_default());
    let quality = f64::from(template.quality.clamp(0.0, 1.0));
    conn.prepare_cached(TEMPLATE)?.execute(params![
        integer("entry", id.0)?,
        person,
        quality,
        last,
        camera.and(run),
        camera,
        track,
        bytes
    ])?;
    Ok(true)
}

/// Writes an edit. Returns false if it contradicts the edits that the file has, because others were lost.
fn edit(
    conn: &Connection,
    edits: &mut PersonEdits,
    run: Option<i64>,
    entry: &JournalEntry,
) -> Result<bool, StoreFault> {
    if let JournalChange::Split { person, .. } = &entry.change {
        conn.prepare_cached(PERSON)?.execute(params![integer("person", person.0)?, true])?;
    }
    if edits.apply(entry.id, &entry.change).is_err() {
        return Ok(false);
    }
    row(conn, run, entry)?;
    match &entry.change {
        JournalChange::Merged { person, into } => {
            let root = integer("person", edits.root(*into).0)?;
            conn.prepare_cached("UPDATE gallery_person SET root = ?2 WHERE root = ?1")?
                .execute(params![integer("person", person.0)?, root])?;
        }
        JournalChange::Named { person, name } => {
            conn.prepare_cached("UPDATE gallery_person SET name = ?2 WHERE person = ?1")?
                .execute(params![integer("person", person.0)?, name])?;
        }
        JournalChange::Split { templates, .. } => {
            let mut insert =
                conn.prepare_cached("INSERT INTO gallery_split (entry, template) VALUES (?1, ?2)")?;
            for template in templates {
                insert.execute(params![integer("entry", entry.id.0)?, integer("template", template.0)?])?;
            }
            settle_splits(conn, edits)?;
        }
        _ => {
            settle_persons(conn, edits)?;
            settle_splits(conn, edits)?;
        }
    }
    Ok(true)
}

/// Brings the root and the name of every number in line with the edits.
fn settle_persons(conn: &Connection, edits: &PersonEdits) -> Result<(), StoreFault> {
    let mut read = conn.prepare_cached("SELECT person, root, name FROM gallery_person")?;
    let mut rows = read.query([])?;
    let mut changed: Vec<(i64, i64, Option<String>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, root, name): (i64, i64, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let person = PersonId(number.unsigned_abs());
        let (new_root, new_name) = (integer("person", edits.root(person).0)?, edits.own_name(person));
        if root != new_root || name.as_deref() != new_name {
            changed.push((number, new_root, new_name.map(str::to_owned)));
        }
    }
    let mut update =
        conn.prepare_cached("UPDATE gallery_person SET root = ?2, name = ?3 WHERE person = ?1")?;
    for (number, root, name) in changed {
        update.execute(params![number, root, name])?;
    }
    Ok(())
}

/// Gives split templates, and the tracks that taught them, to the new persons.
fn settle_splits(conn: &Connection, edits: &PersonEdits) -> Result<(), StoreFault> {
    conn.prepare_cached("DELETE FROM gallery_track")?.execute([])?;
    conn.prepare_cached("UPDATE gallery_template SET owner = person WHERE owner <> person")?.execute([])?;
    let mut own = conn.prepare_cached("UPDATE gallery_template SET owner = ?2 WHERE template = ?1")?;
    let mut assign = conn.prepare_cached(
        "INSERT INTO gallery_track (run, camera, track, person)
        SELECT run, camera, track, ?2 FROM gallery_template WHERE template = ?1 AND run IS NOT NULL
        ON CONFLICT DO UPDATE SET person = excluded.person",
    )?;
    for (person, templates) in edits.splits() {
        for template in templates {
            let values = params![integer("template", template.0)?, integer("person", person.0)?];
            own.execute(values)?;
            assign.execute(values)?;
        }
    }
    Ok(())
}

/// Removes a person with all aliases, and everything that the journal has about them.
pub(super) fn remove(
    conn: &Connection,
    edits: &mut PersonEdits,
    person: PersonId,
) -> Result<bool, StoreFault> {
    let root = edits.root(person);
    let numbers: BTreeSet<PersonId> = edits.numbers(root).into_iter().collect();
    let mut settle = conn.prepare_cached("UPDATE gallery_template SET person = ?2 WHERE template = ?1")?;
    for (template, keeper) in edits.settled(&numbers) {
        settle.execute(params![integer("template", template.0)?, integer("person", keeper.0)?])?;
    }
    let mut drop_entry = conn.prepare_cached("DELETE FROM gallery_journal WHERE entry = ?1")?;
    for EntryId(entry) in edits.about(&numbers) {
        drop_entry.execute(params![integer("entry", entry)?])?;
    }
    let mut was_there = false;
    for number in &numbers {
        let number = integer("person", number.0)?;
        conn.prepare_cached("DELETE FROM gallery_journal WHERE person = ?1 OR other = ?1")?
            .execute([number])?;
        conn.prepare_cached("DELETE FROM gallery_track WHERE person = ?1")?.execute([number])?;
        conn.prepare_cached("DELETE FROM gallery_template WHERE owner = ?1")?.execute([number])?;
        let deleted =
            conn.prepare_cached("DELETE FROM gallery_person WHERE person = ?1")?.execute([number])?;
        was_there |= deleted > 0;
    }
    edits.forget(&numbers);
    Ok(was_there)
}
