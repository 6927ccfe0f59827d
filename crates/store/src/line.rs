//! One frame as a line of JSON.

use passerby_types::{Embedding, FrameKind, Landmarks, Observation, ObservedFace, TrackState};
use serde::Serialize;

use crate::JsonlSettings;
use crate::value::{known, rfc3339};

/// A frame as [`crate::Jsonl`] documents it. A number that is NaN or infinite becomes `null`: JSON has no other way.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    camera: u32,
    seq: u64,
    pts_s: Option<f64>,
    wall: Option<String>,
    width: u32,
    height: u32,
    kind: &'static str,
    faces: Vec<FaceOf<'a>>,
    ended: Vec<u64>,
}

#[derive(Serialize)]
struct FaceOf<'a> {
    track: u64,
    state: &'static str,
    #[serde(rename = "box")]
    bbox: [f32; 4],
    score: Option<f32>,
    /// The outer `None`: not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    landmarks: Option<Option<[[f32; 2]; 5]>>,
    person: Option<u64>,
    similarity: Option<f32>,
    age: Option<f32>,
    age_interval: Option<[f32; 2]>,
    p_male: Option<f32>,
    /// The outer `None`: not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<Option<&'a [f32]>>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(observation: &'a Observation, settings: JsonlSettings) -> Self {
        let meta = &observation.meta;
        Self {
            camera: meta.camera.0,
            seq: meta.seq,
            pts_s: meta.pts.map(|pts| pts.as_secs_f64()),
            wall: rfc3339(meta.wall),
            width: observation.width,
            height: observation.height,
            kind: match observation.kind {
                FrameKind::Analysed => "analysed",
                FrameKind::Coasted => "coasted",
            },
            faces: observation.faces.iter().map(|f| face(f, settings)).collect(),
            ended: observation.ended.iter().map(|track| track.0).collect(),
        }
    }
}

fn face(seen: &ObservedFace, settings: JsonlSettings) -> FaceOf<'_> {
    let (person, similarity) = match seen.identity {
        passerby_types::Identity::Person { id, similarity } => (Some(id.0), Some(similarity)),
        _ => (None, None),
    };
    let attributes = known(seen.attributes);
    let landmarks = || seen.face.and_then(|f| f.landmarks).map(points);
    FaceOf {
        track: seen.track.0,
        state: match seen.state {
            TrackState::Tentative => "tentative",
            TrackState::Confirmed => "confirmed",
            TrackState::Lost => "lost",
        },
        bbox: [seen.bbox.x1, seen.bbox.y1, seen.bbox.x2, seen.bbox.y2],
        score: seen.face.map(|f| f.score),
        landmarks: settings.landmarks.then(landmarks),
        person,
        similarity,
        age: attributes.map(|a| a.age.years),
        age_interval: attributes.map(|a| [a.age.low, a.age.high]),
        p_male: attributes.map(|a| a.p_male),
        embedding: settings.embeddings.then(|| seen.embedding.as_ref().map(Embedding::as_slice)),
    }
}

fn points(landmarks: Landmarks) -> [[f32; 2]; 5] {
    landmarks.0.map(|p| [p.x, p.y])
}
