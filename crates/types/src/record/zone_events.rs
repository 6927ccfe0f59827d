//! The JSON shape of what tracks did at zones and lines.

use std::sync::Arc;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::observation::{LineSide, ZoneChange, ZoneEvent};
use crate::track::TrackId;

#[derive(serde::Deserialize, serde::Serialize)]
struct EventFields {
    track: TrackId,
    at_s: f64,
    #[serde(flatten)]
    change: ChangeFields,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ChangeFields {
    Entered { zone: String },
    Left { zone: String, dwell_s: f64 },
    Crossed { line: String, from: LineSide },
}

/// Writes `track`, `at_s`, `kind` (`entered`, `left` or `crossed`), the name as `zone` or `line`, and `dwell_s` or `from`.
impl Serialize for ZoneEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let change = match &self.change {
            ZoneChange::Entered { zone } => ChangeFields::Entered { zone: zone.to_string() },
            ZoneChange::Left { zone, dwell } => {
                ChangeFields::Left { zone: zone.to_string(), dwell_s: dwell.as_secs_f64() }
            }
            ZoneChange::Crossed { line, from } => {
                ChangeFields::Crossed { line: line.to_string(), from: *from }
            }
        };
        EventFields { track: self.track, at_s: self.at.as_secs_f64(), change }.serialize(serializer)
    }
}

/// Reads what the serialization writes.
impl<'de> Deserialize<'de> for ZoneEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = EventFields::deserialize(deserializer)?;
        let duration = |seconds| Duration::try_from_secs_f64(seconds).map_err(D::Error::custom);
        let change = match read.change {
            ChangeFields::Entered { zone } => ZoneChange::Entered { zone: Arc::from(zone) },
            ChangeFields::Left { zone, dwell_s } => {
                ZoneChange::Left { zone: Arc::from(zone), dwell: duration(dwell_s)? }
            }
            ChangeFields::Crossed { line, from } => ZoneChange::Crossed { line: Arc::from(line), from },
        };
        Ok(Self { track: read.track, at: duration(read.at_s)?, change })
    }
}
