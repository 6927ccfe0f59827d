//! The faces of each frame as JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use passerby::types::{BoxError, Observation, ObservationRecord};
use serde_json::json;

use super::file_error::at;

/// JSON lines, one for each frame or picture: the record of the observation, with landmarks, with the input and the number
/// of the frame from 1, and with embeddings if the user asked for them.
///
/// A line holds only the faces that the detector found, each with the box of the detection.
pub(super) struct Faces {
    path: PathBuf,
    out: BufWriter<File>,
    single: bool,
    embeddings: bool,
}

impl Faces {
    /// Creates the file. If `single` is true, the attributes are those of the frame alone, otherwise those of the track.
    pub(super) fn create(path: &Path, single: bool, embeddings: bool) -> Result<Self, BoxError> {
        let out = BufWriter::new(File::create(path).map_err(|e| at(path, &e))?);
        Ok(Self { path: path.to_path_buf(), out, single, embeddings })
    }

    /// Writes the line of one frame.
    pub(super) fn write(&mut self, input: &str, observation: &Observation) -> Result<(), BoxError> {
        let found = self.found(observation);
        // The time of day differs from run to run, even if the input is the same file.
        let record = ObservationRecord::new(&found).with_landmarks().without_wall();
        let record = if self.embeddings { record.with_embeddings() } else { record };
        let mut line = serde_json::to_value(record)?;
        line["input"] = json!(input);
        line["frame"] = json!(observation.meta.seq + 1);
        writeln!(self.out, "{line}").map_err(|e| at(&self.path, &e))
    }

    /// Writes every pending line to the file.
    pub(super) fn finish(mut self) -> Result<(), BoxError> {
        self.out.flush().map_err(|e| at(&self.path, &e))
    }

    /// Returns the observation with only the faces that the detector found.
    fn found(&self, observation: &Observation) -> Observation {
        let mut found = observation.clone();
        found.faces.retain_mut(|observed| {
            let Some(face) = observed.face else { return false };
            observed.bbox = face.bbox;
            if self.single {
                observed.attributes = observed.estimate;
            }
            true
        });
        found
    }
}
