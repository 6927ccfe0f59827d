//! Writes MOT rows, JSON lines and a database, and builds the summary.

use passerby::pipeline::Summary;
use passerby::types::{BoxError, CameraId, Observation};

use super::args::AnalyzeArgs;
use super::database::Database;
use super::faces::Faces;
use super::mot::Mot;

/// All outputs.
pub(crate) struct Outputs {
    pub(crate) summary: Summary,
    mot: Option<Mot>,
    faces: Option<Faces>,
    database: Option<Database>,
}

impl Outputs {
    /// Creates the files that the user asked for.
    pub(crate) fn create(args: &AnalyzeArgs, several: bool) -> Result<Self, BoxError> {
        let output = &args.output;
        Ok(Self {
            summary: Summary::default(),
            database: output.database.db.as_deref().map(Database::open).transpose()?,
            mot: output.mot.as_ref().map(|path| Mot::create(path, several)).transpose()?,
            faces: output.faces.as_ref().map(|path| Faces::create(path, args.every_frame)).transpose()?,
        })
    }

    /// Returns the database, which the pipelines write themselves.
    pub(crate) fn database(&self) -> Option<Database> {
        self.database.clone()
    }

    /// Must be called before the first observation of an input.
    pub(crate) fn begin(&mut self, camera: CameraId, name: &str) -> Result<(), BoxError> {
        self.database.as_ref().map_or(Ok(()), |database| database.begin(camera, name))
    }

    /// Writes the observation of one frame.
    pub(crate) fn add(&mut self, name: &str, observation: &Observation) -> Result<(), BoxError> {
        self.summary.add(observation);
        if let Some(mot) = &mut self.mot {
            mot.add(observation);
        }
        self.faces.as_mut().map_or(Ok(()), |faces| faces.write(name, observation))
    }

    /// Must be called after the last observation of an input.
    pub(crate) fn end(&mut self, camera: CameraId, name: &str) -> Result<(), BoxError> {
        self.mot.as_mut().map_or(Ok(()), |mot| mot.finish(camera, name))
    }

    /// Flushes all files.
    pub(crate) fn finish(self) -> Result<Summary, BoxError> {
        self.faces.map_or(Ok(()), Faces::finish)?;
        self.database.map_or(Ok(()), Database::finish)?;
        Ok(self.summary)
    }
}
