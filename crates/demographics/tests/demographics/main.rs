//! The tests of ages and genders, in one program.

mod age_gender;
mod dlib;
mod vote;
