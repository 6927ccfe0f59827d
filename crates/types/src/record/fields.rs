//! The JSON shapes of the parts of an observation.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::time::{WallTime, wall_or_epoch};
use crate::face::{Age, Attributes, Face};
use crate::frame::{CameraId, FrameMeta};
use crate::geometry::{BBox, Landmarks, Point};

/// Reads numbers of which any may be `null`, which becomes NaN.
fn numbers<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[f32; N], D::Error>
where
    [Option<f32>; N]: Deserialize<'de>,
{
    let numbers = <[Option<f32>; N]>::deserialize(deserializer)?;
    Ok(numbers.map(|number| number.unwrap_or(f32::NAN)))
}

/// Writes left, top, right and bottom. JSON has `null` for a number that is NaN or infinite.
impl Serialize for BBox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.x1, self.y1, self.x2, self.y2].serialize(serializer)
    }
}

/// Reads left, top, right and bottom. A `null` becomes NaN.
impl<'de> Deserialize<'de> for BBox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        numbers(deserializer).map(|[x1, y1, x2, y2]| Self::new(x1, y1, x2, y2))
    }
}

/// Writes x and y. JSON has `null` for a number that is NaN or infinite.
impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.x, self.y].serialize(serializer)
    }
}

/// Reads x and y. A `null` becomes NaN.
impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        numbers(deserializer).map(|[x, y]| Self::new(x, y))
    }
}

/// Writes five points. Landmarks are biometric data: no other type of this crate writes them unless it is asked to.
impl Serialize for Landmarks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads five points.
impl<'de> Deserialize<'de> for Landmarks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}

/// Writes `box` and `score`, but not the landmarks: they are biometric data.
impl Serialize for Face {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut face = serializer.serialize_struct("Face", 2)?;
        face.serialize_field("box", &self.bbox)?;
        face.serialize_field("score", &self.score)?;
        face.end()
    }
}

#[derive(serde::Deserialize)]
struct FaceFields {
    #[serde(rename = "box")]
    bbox: BBox,
    score: f32,
    #[serde(default)]
    landmarks: Option<Landmarks>,
}

/// Reads `box`, `score` and, if there are any, `landmarks`.
impl<'de> Deserialize<'de> for Face {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FaceFields { bbox, score, landmarks } = FaceFields::deserialize(deserializer)?;
        Ok(Self { bbox, score, landmarks })
    }
}

/// Age and gender as they stand in a record.
#[derive(serde::Deserialize, serde::Serialize)]
pub(super) struct AttributeFields<N, I> {
    age: N,
    age_interval: I,
    p_male: N,
}

impl AttributeFields<Option<f32>, Option<[f32; 2]>> {
    /// Returns the attributes, or `None` if a field is.
    pub(super) fn known(self) -> Option<Attributes> {
        let [low, high] = self.age_interval?;
        Some(Attributes { age: Age { years: self.age?, low, high }, p_male: self.p_male? })
    }
}

/// Writes `age` and `age_interval` in years, and `p_male`.
impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Age { years, low, high } = self.age;
        AttributeFields { age: years, age_interval: [low, high], p_male: self.p_male }.serialize(serializer)
    }
}

/// Reads `age` and `age_interval` in years, and `p_male`.
impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = AttributeFields::<f32, [f32; 2]>::deserialize(deserializer)?;
        let [low, high] = read.age_interval;
        Ok(Self { age: Age { years: read.age, low, high }, p_male: read.p_male })
    }
}

#[derive(serde::Deserialize, serde::Serialize)]
struct MetaFields {
    camera: CameraId,
    seq: u64,
    #[serde(default)]
    pts_s: Option<f64>,
    #[serde(default)]
    wall: Option<WallTime>,
}

/// Writes `camera`, `seq`, `pts_s` and `wall`, but not `captured`, which only means something beside its clock.
impl Serialize for FrameMeta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pts_s = self.pts.map(|pts| pts.as_secs_f64());
        let wall = WallTime::in_years(self.wall);
        MetaFields { camera: self.camera, seq: self.seq, pts_s, wall }.serialize(serializer)
    }
}

/// Reads `camera`, `seq`, `pts_s` and `wall`. `captured` is zero.
impl<'de> Deserialize<'de> for FrameMeta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = MetaFields::deserialize(deserializer)?;
        let meta = Self::new(read.camera, read.seq).with_wall(wall_or_epoch(read.wall));
        Ok(Self { pts: pts_from_seconds(read.pts_s)?, ..meta })
    }
}

/// Returns the presentation time of `pts_s`, or an error if it is negative or too large.
pub(super) fn pts_from_seconds<E: Error>(seconds: Option<f64>) -> Result<Option<Duration>, E> {
    seconds.map(Duration::try_from_secs_f64).transpose().map_err(E::custom)
}
