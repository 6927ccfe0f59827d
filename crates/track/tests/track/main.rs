//! The tests of the tracker, in one program.

mod conformance;
mod golden;
mod outage;
mod scenes;
mod serde;
