//! Persons that outlive the process, and corrections by a user.

mod edit;
pub(crate) mod journal_link;
mod open;
pub(crate) mod recorder;
