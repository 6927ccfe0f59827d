//! The outputs of the commands: files that must not be inputs, each on a thread of its own, and the database.

pub(crate) mod chunk_queue;
mod database;
mod file_claims;
mod file_error;
mod input_files;
pub(crate) mod lasting_gallery;
mod mot_row;
mod output_thread;
mod recording;
mod row_file;

pub(crate) use chunk_queue::Chunk;
pub(crate) use database::{Database, PersonNumbers, known_stages};
pub(crate) use file_claims::{FileClaims, input_files};
pub(crate) use file_error::at;
pub(crate) use input_files::files_of_inputs;
pub(crate) use mot_row::write_mot_row;
pub(crate) use output_thread::{OutputThread, Readers, WhenBehind, end_deadline};
pub(crate) use recording::Recording;
