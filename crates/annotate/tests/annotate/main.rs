//! The tests of the drawings, in one program.

mod contact_sheet;
mod layouts;
