//! Finds a face among the persons.

use std::fmt::Write;
use std::path::Path;

use passerby::persons::MatchVerdict;
use passerby::types::{BoxError, PersonId};

use super::database::PersonsDatabase;
use super::time_text::local;
use crate::terminal;

/// Prints the persons whose templates are most like the largest face of a picture.
///
/// # Errors
/// The picture or the database cannot be read, the picture shows no face, or a network fails.
pub(super) fn run(
    database: &PersonsDatabase,
    picture: &Path,
    limit: usize,
    as_json: bool,
) -> Result<(), BoxError> {
    let persons = database.read()?;
    let matches = persons.matches(&persons.face_of(picture)?, limit)?;
    if as_json {
        return terminal::print(&(serde_json::to_string(&matches)? + "\n"));
    }
    let rows = persons.reader.known_persons()?;
    let mut text = String::new();
    for found in &matches {
        let id = PersonId(found.person);
        let name = found.name.as_ref().map_or(String::new(), |name| format!(", {name}"));
        let seen = rows.iter().find(|row| row.id == id).and_then(|row| row.last_seen);
        let verdict = match found.verdict {
            MatchVerdict::Same => "same",
            MatchVerdict::Maybe => "maybe",
            MatchVerdict::Other => "other",
        };
        let _ = writeln!(text, "{:.2} {verdict}: {id}{name}, last seen {}", found.similarity, local(seen));
    }
    if matches.first().is_none_or(|found| found.verdict == MatchVerdict::Other) {
        let _ = writeln!(text, "no known person is like this face");
    }
    terminal::print(&text)
}
