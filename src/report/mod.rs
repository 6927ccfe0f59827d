//! Answers from a database as one record: what `passerby report --json` and the live page say.

mod moment;
mod record;

pub use moment::{RangeEnd, moment, person, time_zone};
pub use record::{PersonPath, PlaceRecord, ReportRecord};
