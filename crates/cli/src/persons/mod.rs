//! The persons of a database: lists, corrects, forgets, searches and moves them.

mod args;
mod correct;
mod database;
mod encrypt;
mod export;
mod forget;
mod import;
mod list;
mod search;
mod show;
mod time_text;

use passerby::types::BoxError;

use crate::outcome::Outcome;
pub(crate) use args::PersonsArgs;
use args::PersonsCommand;
use database::PersonsDatabase;

/// Runs one of the commands on the persons of a database.
///
/// # Errors
/// The database or another file cannot be read or written, the person is not known, or the gallery refuses the change.
pub(crate) fn run(args: &PersonsArgs) -> Result<Outcome, BoxError> {
    let key = args.key.key_file.clone().zip(args.key.read()?);
    let database = &PersonsDatabase { path: args.database.clone(), key };
    match &args.command {
        PersonsCommand::List { json } => list::run(database.path(), *json),
        PersonsCommand::Show { person, json } => show::run(database, person, *json),
        PersonsCommand::Name { person, name } => correct::name(database, person, name.as_deref()),
        PersonsCommand::Merge { person, other } => correct::merge(database, person, other),
        PersonsCommand::Split { person, templates } => correct::split(database, person, templates),
        PersonsCommand::Undo { entry } => correct::undo(database, *entry),
        PersonsCommand::Forget { person } => forget::run(database, person),
        PersonsCommand::Search { picture, limit, json } => search::run(database, picture, *limit, *json),
        PersonsCommand::Export { file, persons } => export::run(database, file, persons),
        PersonsCommand::Import { file } => import::run(database, file),
        PersonsCommand::Encrypt { new_key_file } => encrypt::run(database, new_key_file),
        PersonsCommand::Decrypt => encrypt::decrypt(database),
    }?;
    Ok(Outcome::Done)
}
