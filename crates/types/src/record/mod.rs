//! The JSON shape of observations, and serialization of the types in it.
//!
//! This module is the only place that knows the shape: the JSON-lines sink, the programs and `serde` users share it.

mod fields;
mod time;
mod zone_events;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::face::{Attributes, Embedding, Face};
use crate::frame::{CameraId, FrameMeta};
use crate::geometry::{BBox, Landmarks};
use crate::identity::{Identity, PersonId};
use crate::observation::{FrameKind, Observation, ObservedFace, ZoneEvent};
use crate::track::{TrackId, TrackState};
use fields::{AttributeFields, pts_from_seconds};
use time::{WallTime, wall_or_epoch};

/// Serializes one [`Observation`], with a choice of what to write. Needs the feature `serde`.
///
/// Without any choice the result is that of [`Observation`] itself:
///
/// ```json
/// {"camera":0,"seq":12,"pts_s":0.48,"wall":"2026-01-01T00:00:00.480000Z","width":640,"height":360,
///  "kind":"analysed","faces":[{"track":1,"state":"confirmed","box":[10.0,50.0,50.0,100.0],"score":0.9,
///  "person":1,"similarity":0.8,"age":41.5,"age_interval":[33.0,50.0],"p_male":0.97}],"ended":[]}
/// ```
///
/// | field | value |
/// |---|---|
/// | `pts_s` | the time since the start of the stream, in seconds |
/// | `wall` | the time of day in UTC (RFC 3339, microseconds) |
/// | `width`, `height` | the size of the upright picture, in pixels |
/// | `kind` | `analysed` or `coasted` |
/// | `state` | `tentative`, `confirmed` or `lost` |
/// | `box` | left, top, right and bottom, in pixels of the upright picture |
/// | `score` | the detector's score, or `null` if the box is a prediction |
/// | `person`, `similarity` | the identity, or `null` if the track has none |
/// | `age`, `age_interval`, `p_male` | the track's attributes, or `null` while they are unknown |
/// | `ended` | the tracks that ended with the frame |
/// | `zone_events` | what tracks did at zones and lines: `track`, `at_s` in the time of the stream, `kind` (`entered`, `left` with `dwell_s`, or `crossed` with the side `from`), and the name as `zone` or `line`. Absent if there is none |
///
/// An unknown value is `null`, and so is a number that is NaN or infinite. If one number of the attributes is, all of them are
/// `null`. Ids and `seq` are whole numbers up to 2^64 - 1; a reader that knows only 64-bit floats is exact up to 2^53.
///
/// # Privacy
/// Embeddings and landmarks are biometric data. They are left out unless [`ObservationRecord::with_embeddings`] or
/// [`ObservationRecord::with_landmarks`] asks for them. [`Embedding`] itself does not implement `Serialize`.
///
/// # Reading
/// [`Observation`] implements `Deserialize` for the same shape. The record does not hold everything: a read observation has
/// `captured` zero, no single-frame `estimate`, the track's box as the box of the detection, and [`Identity::Pending`] for
/// every track without a person.
///
/// ```
/// use passerby_types::{FrameMeta, Observation, ObservationRecord};
///
/// let meta = FrameMeta::new(3, 12);
/// let observation = Observation::new(meta, 640, 360);
/// let text = serde_json::to_string(&ObservationRecord::new(&observation).without_wall())?;
/// assert_eq!(
///     text,
///     r#"{"camera":3,"seq":12,"pts_s":null,"width":640,"height":360,"kind":"analysed","faces":[],"ended":[]}"#
/// );
/// let read: Observation = serde_json::from_str(&text)?;
/// assert_eq!(read.meta, meta);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ObservationRecord<'a> {
    observation: &'a Observation,
    wall: bool,
    biometrics: Biometrics,
}

/// Which biometric data a record holds.
#[derive(Clone, Copy, Debug, Default)]
struct Biometrics {
    landmarks: bool,
    embeddings: bool,
}

impl<'a> ObservationRecord<'a> {
    /// Creates the record of an observation, without biometric data.
    #[must_use]
    pub fn new(observation: &'a Observation) -> Self {
        Self { observation, wall: true, biometrics: Biometrics::default() }
    }

    /// Adds `landmarks` to each face: five pairs of x and y in pixels of the upright picture, or `null`.
    #[must_use]
    pub fn with_landmarks(mut self) -> Self {
        self.biometrics.landmarks = true;
        self
    }

    /// Adds `embedding` to each face: a list of numbers, or `null`.
    #[must_use]
    pub fn with_embeddings(mut self) -> Self {
        self.biometrics.embeddings = true;
        self
    }

    /// Leaves out `wall`, which differs from run to run even if the input is the same file.
    #[must_use]
    pub fn without_wall(mut self) -> Self {
        self.wall = false;
        self
    }
}

impl Serialize for ObservationRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Observation { meta, width, height, kind, faces, ended, zone_events } = self.observation;
        let fields = 8 + usize::from(self.wall) + usize::from(!zone_events.is_empty());
        let mut record = serializer.serialize_struct("Observation", fields)?;
        record.serialize_field("camera", &meta.camera)?;
        record.serialize_field("seq", &meta.seq)?;
        record.serialize_field("pts_s", &meta.pts.map(|pts| pts.as_secs_f64()))?;
        match self.wall {
            true => record.serialize_field("wall", &WallTime::in_years(meta.wall))?,
            false => record.skip_field("wall")?,
        }
        record.serialize_field("width", width)?;
        record.serialize_field("height", height)?;
        record.serialize_field("kind", kind)?;
        record.serialize_field("faces", &FaceRecords { faces, biometrics: self.biometrics })?;
        record.serialize_field("ended", ended)?;
        match zone_events.is_empty() {
            true => record.skip_field("zone_events")?,
            false => record.serialize_field("zone_events", zone_events)?,
        }
        record.end()
    }
}

/// The faces of a frame, each as a [`FaceRecord`].
struct FaceRecords<'a> {
    faces: &'a [ObservedFace],
    biometrics: Biometrics,
}

impl Serialize for FaceRecords<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.faces.iter().map(|face| FaceRecord { face, biometrics: self.biometrics }))
    }
}

struct FaceRecord<'a> {
    face: &'a ObservedFace,
    biometrics: Biometrics,
}

impl Serialize for FaceRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ObservedFace { track, state, bbox, face, embedding, identity, attributes, .. } = self.face;
        let Biometrics { landmarks, embeddings } = self.biometrics;
        let (person, similarity) = match identity {
            Identity::Person { id, similarity } => (Some(id), Some(similarity)),
            Identity::Pending | Identity::Unidentified => (None, None),
        };
        let attributes = attributes.filter(Attributes::is_finite);
        let len = 9 + usize::from(landmarks) + usize::from(embeddings);
        let mut record = serializer.serialize_struct("ObservedFace", len)?;
        record.serialize_field("track", track)?;
        record.serialize_field("state", state)?;
        record.serialize_field("box", bbox)?;
        record.serialize_field("score", &face.map(|face| face.score))?;
        if landmarks {
            record.serialize_field("landmarks", &face.and_then(|face| face.landmarks))?;
        }
        record.serialize_field("person", &person)?;
        record.serialize_field("similarity", &similarity)?;
        record.serialize_field("age", &attributes.map(|a| a.age.years))?;
        record.serialize_field("age_interval", &attributes.map(|a| [a.age.low, a.age.high]))?;
        record.serialize_field("p_male", &attributes.map(|a| a.p_male))?;
        if embeddings {
            record.serialize_field("embedding", &embedding.as_ref().map(Embedding::as_slice))?;
        }
        record.end()
    }
}

/// Writes the shape of [`ObservationRecord`], without biometric data.
impl Serialize for Observation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ObservationRecord::new(self).serialize(serializer)
    }
}

/// Writes one face of the shape of [`ObservationRecord`], without biometric data.
impl Serialize for ObservedFace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FaceRecord { face: self, biometrics: Biometrics::default() }.serialize(serializer)
    }
}

#[derive(serde::Deserialize)]
struct ObservationFields {
    camera: CameraId,
    seq: u64,
    #[serde(default)]
    pts_s: Option<f64>,
    #[serde(default)]
    wall: Option<WallTime>,
    width: u32,
    height: u32,
    kind: FrameKind,
    faces: Vec<ObservedFace>,
    ended: Vec<TrackId>,
    #[serde(default)]
    zone_events: Vec<ZoneEvent>,
}

/// Reads the shape of [`ObservationRecord`].
impl<'de> Deserialize<'de> for Observation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = ObservationFields::deserialize(deserializer)?;
        let mut meta = FrameMeta::new(read.camera, read.seq).with_wall(wall_or_epoch(read.wall));
        meta.pts = pts_from_seconds(read.pts_s)?;
        let ObservationFields { width, height, kind, faces, ended, zone_events, .. } = read;
        Ok(Self { meta, width, height, kind, faces, ended, zone_events })
    }
}

#[derive(serde::Deserialize)]
struct ObservedFaceFields {
    track: TrackId,
    state: TrackState,
    #[serde(rename = "box")]
    bbox: BBox,
    score: Option<f32>,
    #[serde(default)]
    landmarks: Option<Landmarks>,
    person: Option<PersonId>,
    similarity: Option<f32>,
    #[serde(flatten)]
    attributes: AttributeFields<Option<f32>, Option<[f32; 2]>>,
    #[serde(default)]
    embedding: Option<Vec<f32>>,
}

/// Reads one face of the shape of [`ObservationRecord`].
impl<'de> Deserialize<'de> for ObservedFace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = ObservedFaceFields::deserialize(deserializer)?;
        let similarity = read.similarity.unwrap_or(f32::NAN);
        let embedding = read.embedding.map(Embedding::new).transpose();
        Ok(Self {
            track: read.track,
            state: read.state,
            bbox: read.bbox,
            face: read.score.map(|score| Face { bbox: read.bbox, score, landmarks: read.landmarks }),
            embedding: embedding.map_err(D::Error::custom)?,
            estimate: None,
            identity: read.person.map_or(Identity::Pending, |id| Identity::Person { id, similarity }),
            attributes: read.attributes.known(),
        })
    }
}
