//! The tests of the zones, in one program.

mod crossings;
mod rules;
