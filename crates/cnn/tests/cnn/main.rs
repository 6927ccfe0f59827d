//! The tests of graphs and plans, in one program.

mod graph_file;
mod heads;
mod plans;
mod resample;
