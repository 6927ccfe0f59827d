//! Tests of the server through its connections.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]

mod client;
mod dice;
mod guard;
mod hostile;
mod persons;
mod real_run;
mod routes;
mod shape;
mod site;
mod video;
mod viewers;
mod web_socket;
