//! The outputs.

use std::path::PathBuf;

use clap::Args;
use passerby::store::{StoreError, TemplateKey};
use passerby::types::BoxError;

use crate::output::PersonNumbers;

/// The files and the summary that `analyze` writes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Writes MOT rows frame,id,x,y,w,h,score,-1,-1,-1
    ///
    /// There are rows also for faces that are expected between two detections. With several inputs FILE is a folder of
    /// STEM.txt, or STEM-2.txt for the second input of the same stem. The rows of a frame are written as soon as it is known
    /// which of its tracks are faces.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(crate) mot: Option<PathBuf>,

    /// Writes one line a frame: its faces with landmarks, track, person, age and gender
    #[arg(long, value_name = "FILE.jsonl", allow_hyphen_values = true)]
    pub(crate) faces: Option<PathBuf>,

    /// Adds the embedding of each face to --faces
    ///
    /// Embeddings are biometric data: with them anyone can recognise the person elsewhere. Only you can read the file then.
    #[arg(long, requires = "faces")]
    pub(crate) embeddings: bool,

    /// Writes one row a face and frame
    ///
    /// The columns are input, frame, time_s, track, state, x, y, width, height, score, person, similarity, age, age_low,
    /// age_high and p_male. Frames count from 1; time_s is the time in the stream; boxes are in pixels, from the upper left
    /// corner. An unknown value is empty.
    #[arg(long, value_name = "FILE.csv", allow_hyphen_values = true)]
    pub(crate) csv: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// Prints the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl OutputArgs {
    /// Returns the outputs that are single files, with their options.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let files = [("--faces", &self.faces), ("--csv", &self.csv)];
        files.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?)))
    }
}

/// The database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct DatabaseArgs {
    /// Writes tracks, persons and observations into an SQLite database
    ///
    /// The persons of earlier runs are known again by the templates of their faces, which are stored with it.
    #[arg(long, value_name = "FILE.sqlite", allow_hyphen_values = true)]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) gallery: GalleryArgs,
}

/// The persons of a database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct GalleryArgs {
    /// Numbers the persons anew, and stores no templates of their faces
    #[arg(long)]
    pub(crate) no_gallery: bool,

    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

impl GalleryArgs {
    /// Returns true if the user gave one of the options.
    pub(crate) fn is_given(&self) -> bool {
        self.no_gallery || self.key.key_file.is_some()
    }

    /// Returns the meaning of the numbers of persons.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(crate) fn numbers(&self) -> Result<PersonNumbers, BoxError> {
        Ok(PersonNumbers::new(!self.no_gallery, self.read_key()?))
    }

    /// Reads the key of the templates. Returns `None` if the user gave none, or wants no templates.
    ///
    /// # Errors
    /// As for [`KeyArgs::read`].
    pub(crate) fn read_key(&self) -> Result<Option<TemplateKey>, StoreError> {
        if self.no_gallery { Ok(None) } else { self.key.read() }
    }
}

/// The key of the templates.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct KeyArgs {
    /// Encrypts the templates of the faces in the database with the key in this file (built with --features encryption)
    ///
    /// `passerby persons DATABASE encrypt FILE` makes a key. Without the key no one can use the templates, in the database and in
    /// copies of it. Names, times and counts are not encrypted.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// Reads the key. Returns `None` if the user gave none.
    ///
    /// # Errors
    /// The file cannot be read, or has no key.
    pub(crate) fn read(&self) -> Result<Option<TemplateKey>, StoreError> {
        self.key_file.as_deref().map(TemplateKey::read_file).transpose()
    }
}

/// Messages.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct QuietArgs {
    /// Shows no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
