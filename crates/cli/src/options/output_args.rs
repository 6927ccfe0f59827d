//! The outputs.

use std::path::PathBuf;

use clap::Args;

/// The files and the summary that `analyze` writes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Writes MOT rows frame,id,x,y,w,h,score,-1,-1,-1
    ///
    /// There are rows also for faces that are expected between two detections. With several inputs FILE is a folder of
    /// STEM.txt.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(crate) mot: Option<PathBuf>,

    /// Writes one line a frame: its faces with landmarks, track, person, age and gender
    #[arg(long, value_name = "FILE.jsonl", allow_hyphen_values = true)]
    pub(crate) faces: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// Prints the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl OutputArgs {
    /// Returns the paths of all outputs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.mot, &self.faces, &self.database.db].into_iter().flatten()
    }
}

/// The database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct DatabaseArgs {
    /// Writes tracks, persons and observations into an SQLite database
    #[arg(long, value_name = "FILE.sqlite", allow_hyphen_values = true)]
    pub(crate) db: Option<PathBuf>,
}

/// Messages.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct QuietArgs {
    /// Shows no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
