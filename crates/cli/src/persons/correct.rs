//! Corrections of the persons: names, merges, splits, and undo.

use passerby::types::{BoxError, EntryId};

use super::database::PersonsDatabase;
use crate::terminal;

/// Gives a person a name, or takes it away.
///
/// # Errors
/// The person is not known, the name is not a name, or the database cannot be changed.
pub(super) fn name(database: &PersonsDatabase, person: &str, name: Option<&str>) -> Result<(), BoxError> {
    let person = database.read()?.find(person)?;
    let entry = database.change(|gallery| Ok(gallery.set_name(person, name)?))?;
    let done = name.map_or_else(|| "has no name now".to_owned(), |name| format!("is {name}"));
    terminal::print(&format!("{person} {done}; {}\n", database.undo_hint(entry)))
}

/// Makes one person an alias of another one.
///
/// # Errors
/// A person is not known, both are one already, both were seen in one frame, or the database cannot be changed.
pub(super) fn merge(database: &PersonsDatabase, person: &str, other: &str) -> Result<(), BoxError> {
    let persons = database.read()?;
    let (person, other) = (persons.find(person)?, persons.find(other)?);
    if let Some((run, camera, seq)) = persons.reader.frame_of_both(person, other)? {
        return Err(format!(
            "{person} and {other} were seen as two faces of one frame: {run}, {camera}, frame {seq}"
        )
        .into());
    }
    let entry = database.change(|gallery| Ok(gallery.merge(person, other)?))?;
    terminal::print(&format!("{other} is {person} now; {}\n", database.undo_hint(entry)))
}

/// Gives some templates of a person to a new one.
///
/// # Errors
/// The person or a template is not known, nothing would be left, or the database cannot be changed.
pub(super) fn split(database: &PersonsDatabase, person: &str, templates: &[u64]) -> Result<(), BoxError> {
    let person = database.read()?.find(person)?;
    let templates: Vec<EntryId> = templates.iter().copied().map(EntryId).collect();
    let (new, entry) = database.change(|gallery| Ok(gallery.split_person(person, &templates)?))?;
    let count = templates.len();
    terminal::print(&format!("{new} has {count} templates of {person} now; {}\n", database.undo_hint(entry)))
}

/// Takes an entry of the journal back.
///
/// # Errors
/// The journal has no such entry, it cannot be undone, or the database cannot be changed.
pub(super) fn undo(database: &PersonsDatabase, entry: u64) -> Result<(), BoxError> {
    let undone = EntryId(entry);
    let entry = database.change(|gallery| Ok(gallery.undo(undone)?))?;
    terminal::print(&format!("{undone} is undone; {}\n", database.undo_hint(entry)))
}
