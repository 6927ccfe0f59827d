//! The persons of a database: what `passerby persons --json` and the live page say.

mod known;
mod record;
#[cfg(all(feature = "bundled", feature = "images"))]
mod search;

pub use known::KnownPersons;
pub use record::{JournalRecord, PersonDetail, PersonHead, PersonRecord, TemplateRecord, nearest, utc};
#[cfg(all(feature = "bundled", feature = "images"))]
pub use search::{MatchVerdict, PersonMatch, template_network};
