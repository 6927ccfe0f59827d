//! The tests of the whole library, in one program.

mod clip;
mod follow;
mod golden;
mod parallel;
mod persons;
mod precision;
mod settings;
mod sources;
