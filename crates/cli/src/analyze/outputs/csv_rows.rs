//! The faces of each frame as rows of a table.

use passerby::types::{Attributes, BoxError, CameraId, Identity, Observation, ObservedFace, TrackState};
use serde::Serialize;

use super::row_format::RowFormat;

/// One face that the detector found in one frame. Unknown values are empty.
#[derive(Serialize)]
struct CsvRow<'a> {
    input: &'a str,
    /// The number of the frame, from 1.
    frame: u64,
    /// The time in the stream.
    time_s: Option<f64>,
    track: u64,
    state: TrackState,
    /// The upper left corner and the size of the face, in pixels of the upright picture.
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    /// The detector's score, 0 to 1.
    score: f32,
    person: Option<u64>,
    /// The similarity to the person, -1 to 1.
    similarity: Option<f32>,
    age: Option<f32>,
    age_low: Option<f32>,
    age_high: Option<f32>,
    /// The probability that the person is male, 0 to 1.
    p_male: Option<f32>,
}

/// The names of the columns.
const COLUMNS: [&str; 16] = [
    "input",
    "frame",
    "time_s",
    "track",
    "state",
    "x",
    "y",
    "width",
    "height",
    "score",
    "person",
    "similarity",
    "age",
    "age_low",
    "age_high",
    "p_male",
];

/// A table in the format CSV: one row for each face of each frame, after a row with the names of the columns.
pub(super) struct CsvRows {
    /// True if the attributes are those of the frame alone, otherwise those of the track.
    pub(super) single: bool,
}

impl CsvRows {
    /// Returns the row with the names of the columns.
    pub(super) fn head() -> Vec<u8> {
        (COLUMNS.join(",") + "\n").into_bytes()
    }
}

impl RowFormat for CsvRows {
    fn add(&mut self, input: &str, observation: &Observation, out: &mut Vec<u8>) -> Result<u64, BoxError> {
        let mut rows = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        for face in &observation.faces {
            if let Some(row) = row(input, observation, face, self.single) {
                rows.serialize(row)?;
            }
        }
        let rows = rows.into_inner().map_err(csv::IntoInnerError::into_error)?;
        out.extend(&rows);
        Ok(u64::from(!rows.is_empty()))
    }

    fn end(&mut self, _: CameraId, _: &mut Vec<u8>) -> u64 {
        0
    }
}

/// Returns the row of a face, or `None` if the detector did not find it in this frame.
fn row<'a>(
    input: &'a str,
    observation: &Observation,
    observed: &ObservedFace,
    single: bool,
) -> Option<CsvRow<'a>> {
    let face = observed.face?;
    let (person, similarity) = match observed.identity {
        Identity::Person { id, similarity } => (Some(id.0), Some(similarity)),
        Identity::Pending | Identity::Unidentified => (None, None),
    };
    let attributes: Option<Attributes> = if single { observed.estimate } else { observed.attributes };
    Some(CsvRow {
        input,
        frame: observation.meta.seq + 1,
        time_s: observation.meta.pts.map(|pts| pts.as_secs_f64()),
        track: observed.track.0,
        state: observed.state,
        x: face.bbox.x1,
        y: face.bbox.y1,
        width: face.bbox.width(),
        height: face.bbox.height(),
        score: face.score,
        person,
        similarity,
        age: attributes.map(|a| a.age.years),
        age_low: attributes.map(|a| a.age.low),
        age_high: attributes.map(|a| a.age.high),
        p_male: attributes.map(|a| a.p_male),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use passerby::types::{BBox, Face, FrameMeta, PersonId};

    use super::*;

    #[test]
    fn each_found_face_is_a_row() {
        let bbox = BBox::from_xywh(10.0, 20.0, 30.0, 40.0);
        let mut observation = Observation::new(FrameMeta::new(0, 11), 640, 360);
        observation.meta.pts = Some(Duration::from_millis(480));
        let mut found = ObservedFace::new(7, bbox);
        found.face = Some(Face::new(bbox, 0.5));
        found.identity = Identity::Person { id: PersonId(3), similarity: 0.75 };
        observation.faces = vec![found, ObservedFace::new(8, bbox)];

        let mut text = CsvRows::head();
        let frames = CsvRows { single: false }.add("a, b.mp4", &observation, &mut text).unwrap();
        assert_eq!(frames, 1);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "input,frame,time_s,track,state,x,y,width,height,score,person,similarity,age,age_low,age_high,p_male\n\
             \"a, b.mp4\",12,0.48,7,confirmed,10.0,20.0,30.0,40.0,0.5,3,0.75,,,,\n"
        );
    }

    #[test]
    fn a_frame_without_faces_has_no_row() {
        let mut text = Vec::new();
        let observation = Observation::new(FrameMeta::new(0, 11), 640, 360);
        assert_eq!(CsvRows { single: false }.add("a.mp4", &observation, &mut text).unwrap(), 0);
        assert!(text.is_empty());
    }
}
