//! The tests of running pipelines that may run beside each other, in one program.

mod coded;
mod events;
mod flow;
mod follow;
mod losses;
mod parallel;
mod pressure;
mod store;
#[path = "../support/mod.rs"]
mod support;
