//! The tests of graphs and plans, in one program.

mod graph_file;
mod plans;
