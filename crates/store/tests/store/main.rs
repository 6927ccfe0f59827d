//! The tests of the stores, in one program.

mod conformance;
mod crash;
mod encryption;
mod gallery;
mod hostile;
mod jsonl;
mod lasting;
mod query;
mod sqlite;
