//! Encrypts and decrypts the templates of a database.

use std::path::Path;

use passerby::store::TemplateKey;
use passerby::types::BoxError;

use super::database::PersonsDatabase;
use crate::terminal;

/// Encrypts the templates with the key of a file, and makes the file if it does not exist.
///
/// # Errors
/// The key cannot be read or written, or the database cannot be changed.
pub(super) fn run(database: &PersonsDatabase, key_file: &Path) -> Result<(), BoxError> {
    let mut journal = database.journal()?;
    let is_new = !key_file.try_exists()?;
    let key = if is_new { TemplateKey::create_file(key_file) } else { TemplateKey::read_file(key_file) }?;
    journal.change_key(Some(key))?;
    let (path, key_file) = (database.path().display(), key_file.display());
    let made = if is_new { format!("{key_file} has a new key\n") } else { String::new() };
    terminal::print(&format!(
        "{made}the templates of {path} are encrypted: give --key-file {key_file} from now on\n\
        without this key the templates are lost: keep a copy of it, apart from the database\n"
    ))
}

/// Decrypts the templates.
///
/// # Errors
/// The database cannot be changed.
pub(super) fn decrypt(database: &PersonsDatabase) -> Result<(), BoxError> {
    database.journal()?.change_key(None)?;
    terminal::print(&format!("the templates of {} are not encrypted now\n", database.path().display()))
}
