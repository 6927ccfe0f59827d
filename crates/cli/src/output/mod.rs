//! The outputs of the commands: files that must not be inputs, each on a thread of its own, and the database.

pub(crate) mod chunk_queue;
mod database;
mod file_claims;
mod file_error;
pub(crate) mod lasting_gallery;
mod mot_row;
mod output_thread;
mod row_file;

pub(crate) use chunk_queue::Chunk;
pub(crate) use database::{Database, PersonNumbers, known_stages};
pub(crate) use file_claims::{FileClaims, input_files};
pub(crate) use file_error::at;
pub(crate) use mot_row::write_mot_row;
pub(crate) use output_thread::{OutputThread, Readers, WhenBehind, end_deadline};
