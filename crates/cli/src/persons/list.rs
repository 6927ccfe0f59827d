//! Lists the persons of a database.

use std::fmt::Write;
use std::path::Path;

use passerby::persons::PersonRecord;
use passerby::store::{KnownPersonRow, Reader};
use passerby::types::BoxError;

use super::time_text::local;
use crate::terminal;

/// Prints a line for each person.
///
/// # Errors
/// The database cannot be read.
pub(super) fn run(database: &Path, as_json: bool) -> Result<(), BoxError> {
    let persons = Reader::open(database)?.known_persons()?;
    if as_json {
        let list: Vec<PersonRecord> = persons.iter().map(PersonRecord::new).collect();
        return terminal::print(&(serde_json::to_string(&list)? + "\n"));
    }
    let mut text = format!("{} persons\n", persons.len());
    persons.iter().for_each(|person| text.push_str(&line(person)));
    terminal::print(&text)
}

/// Returns one person as a line.
pub(super) fn line(person: &KnownPersonRow) -> String {
    let mut line = format!("  {}", person.id);
    if let Some(name) = &person.name {
        let _ = write!(line, ", {name}");
    }
    if person.first_seen.is_some() {
        let _ = write!(line, ": {} to {}", local(person.first_seen), local(person.last_seen));
    } else {
        line.push_str(": never seen");
    }
    let _ = write!(line, ", {} tracks, {} templates", person.tracks, person.templates);
    if person.aliases > 0 {
        let _ = write!(line, ", {} aliases", person.aliases);
    }
    line + "\n"
}
