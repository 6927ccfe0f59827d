//! The gallery's journal in a database file.

mod append;
mod cipher;
mod forget;
mod journal;
mod key;
mod load;
mod lock;
mod rows;
pub(super) mod schema;

pub use forget::Forgotten;
pub use journal::{JournalSettings, SqliteJournal};
pub use key::TemplateKey;
pub use rows::{JournalRow, KnownPersonRow, PresenceRow};
