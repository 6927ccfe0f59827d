//! Runs the built program as its users do.

mod analyze;
mod demo;
mod encryption;
mod evaluate;
mod kill;
mod outputs;
mod persons;
mod photographs;
mod pictures;
mod program;
mod report;
mod serve;
mod zones;
