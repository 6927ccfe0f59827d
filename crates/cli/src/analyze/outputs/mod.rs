//! Everything that a run writes: files, a database, the summary and the progress.

mod csv_rows;
mod database;
mod faces;
mod file_error;
mod mot;

use passerby::pipeline::Summary;
use passerby::types::{BoxError, CameraId, Observation};

use super::args::AnalyzeArgs;
use crate::progress::Progress;
use csv_rows::CsvRows;
pub(super) use database::Database;
use faces::Faces;
use mot::Mot;

/// All outputs.
///
/// A new output is a field here, which [`Outputs::add`] passes each observation.
pub(super) struct Outputs {
    summary: Summary,
    mot: Option<Mot>,
    faces: Option<Faces>,
    csv: Option<CsvRows>,
    database: Option<Database>,
    pub(super) progress: Progress,
}

impl Outputs {
    /// Creates the files that the user asked for.
    pub(super) fn create(args: &AnalyzeArgs, several: bool) -> Result<Self, BoxError> {
        let output = &args.output;
        let faces = |path| Faces::create(path, args.every_frame, output.embeddings);
        Ok(Self {
            summary: Summary::default(),
            database: output.database.db.as_deref().map(Database::open).transpose()?,
            mot: output.mot.as_deref().map(|path| Mot::create(path, several)).transpose()?,
            faces: output.faces.as_deref().map(faces).transpose()?,
            csv: output.csv.as_deref().map(|path| CsvRows::create(path, args.every_frame)).transpose()?,
            progress: Progress::new(args.quiet.quiet),
        })
    }

    /// Returns the database, which the pipelines write themselves.
    pub(super) fn database(&self) -> Option<Database> {
        self.database.clone()
    }

    /// Must be called before the first observation of an input.
    pub(super) fn begin(&mut self, camera: CameraId, name: &str) -> Result<(), BoxError> {
        self.database.as_ref().map_or(Ok(()), |database| database.begin(camera, name))
    }

    /// Writes the observation of one frame.
    pub(super) fn add(&mut self, name: &str, observation: &Observation) -> Result<(), BoxError> {
        self.summary.add(observation);
        self.progress.count(observation);
        if let Some(mot) = &mut self.mot {
            mot.add(observation);
        }
        if let Some(faces) = &mut self.faces {
            faces.write(name, observation)?;
        }
        if let Some(csv) = &mut self.csv {
            csv.write(name, observation)?;
        }
        Ok(())
    }

    /// Shows the progress. Must be called often, also while no observation comes.
    pub(super) fn show_progress(&mut self) {
        self.progress.show(&self.summary);
    }

    /// Must be called after the last observation of an input.
    pub(super) fn end(&mut self, camera: CameraId, name: &str) -> Result<(), BoxError> {
        self.mot.as_mut().map_or(Ok(()), |mot| mot.finish(camera, name))
    }

    /// Flushes all files.
    pub(super) fn finish(self) -> Result<Summary, BoxError> {
        self.faces.map_or(Ok(()), Faces::finish)?;
        self.csv.map_or(Ok(()), CsvRows::finish)?;
        self.database.map_or(Ok(()), Database::finish)?;
        Ok(self.summary)
    }
}
