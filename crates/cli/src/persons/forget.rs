//! Removes a person for good.

use passerby::types::BoxError;

use super::database::PersonsDatabase;
use crate::terminal;

/// Removes a person from every byte of the database, and prints the result of the search.
///
/// # Errors
/// The person is not known, the database cannot be changed, or something of the person is left.
pub(super) fn run(database: &PersonsDatabase, person: &str) -> Result<(), BoxError> {
    // Closed again, because a reader would keep old pages alive.
    let person = database.read()?.find(person)?;
    let done = database.journal()?.forget(person)?.ok_or_else(|| format!("{person} is not known"))?;
    let files: Vec<String> = done.searched.iter().map(|file| file.display().to_string()).collect();
    terminal::print(&format!(
        "{person} is forgotten: {} templates and {} entries of the journal are gone, {} tracks name no person now\n\
        searched {} bytes of {}: no template and no name of the person is left\n\
        exports, pictures and backups are files of their own: delete them yourself\n",
        done.templates,
        done.journal_rows,
        done.tracks,
        done.searched_bytes,
        files.join(" and "),
    ))
}
