//! Tests of the server through its connections.

mod client;
mod guard;
mod hostile;
mod persons;
mod routes;
mod site;
mod viewers;
