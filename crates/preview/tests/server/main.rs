//! Tests of the server through its connections.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod client;
mod guard;
mod hostile;
mod persons;
mod routes;
mod site;
mod viewers;
