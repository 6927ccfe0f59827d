//! The tests of the resampling, in one program.

mod opencv;
mod plain;
