//! The faces of each frame as JSON lines.

use passerby::types::{BoxError, CameraId, Observation, ObservationRecord};
use serde_json::json;

use super::row_format::RowFormat;

/// JSON lines, one for each frame or picture: the record of the observation, with landmarks, with the input and the number
/// of the frame from 1, and with embeddings if the user asked for them.
///
/// A line holds only the faces that the detector found, each with the box of the detection.
pub(super) struct Faces {
    /// True if the attributes are those of the frame alone, otherwise those of the track.
    pub(super) single: bool,
    pub(super) embeddings: bool,
    /// True if a line has the time of day. The time of day of a file is that of its processing, which differs from run to
    /// run.
    pub(super) time_of_day: bool,
}

impl RowFormat for Faces {
    fn add(&mut self, input: &str, observation: &Observation, out: &mut Vec<u8>) -> Result<u64, BoxError> {
        let found = self.found(observation);
        let record = ObservationRecord::new(&found).with_landmarks();
        let record = if self.time_of_day { record } else { record.without_wall() };
        let record = if self.embeddings { record.with_embeddings() } else { record };
        let mut line = serde_json::to_value(record)?;
        line["input"] = json!(input);
        line["frame"] = json!(observation.meta.seq + 1);
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
        Ok(1)
    }

    fn end(&mut self, _: CameraId, _: &mut Vec<u8>) -> u64 {
        0
    }
}

impl Faces {
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
