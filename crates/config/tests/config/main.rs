//! The tests of the configuration file, in one program.

mod documents;
mod errors;
