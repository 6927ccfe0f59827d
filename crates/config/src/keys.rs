//! The keys that the file may have, as the tables themselves say.

use std::fmt;

use passerby_zones::{AreaPlan, LinePlan, ZonePlan};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use crate::camera::CameraConfig;
use crate::events::{EventsConfig, MqttConfig, WebhookConfig};
use crate::tables::{GovernorConfig, PreviewConfig, StagesConfig, StoreConfig};

/// A table of the file, and its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTable {
    /// The table, for example `camera.zones`.
    pub table: &'static str,
    /// Its keys, in the order of the type.
    pub keys: &'static [&'static str],
}

/// Returns every table of the file with its keys. A test compares the documentation with it.
#[must_use]
pub fn key_tables() -> Vec<KeyTable> {
    let of = |table, keys| KeyTable { table, keys };
    vec![
        of("camera", keys::<CameraConfig>()),
        of("camera.zones", keys::<ZonePlan>()),
        of("camera.zones.zones", keys::<AreaPlan>()),
        of("camera.zones.lines", keys::<LinePlan>()),
        of("stages", keys::<StagesConfig>()),
        of("governor", keys::<GovernorConfig>()),
        of("store", keys::<StoreConfig>()),
        of("preview", keys::<PreviewConfig>()),
        of("events", keys::<EventsConfig>()),
        of("events.mqtt", keys::<MqttConfig>()),
        of("events.webhook", keys::<WebhookConfig>()),
    ]
}

/// Returns the keys of a struct that derives `Deserialize`: the derived code hands them to the deserializer.
fn keys<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // The error says only that no value was there.
    let _ = T::deserialize(Recorder(&mut found));
    found
}

struct Recorder<'a>(&'a mut &'static [&'static str]);

/// The end of a recording.
#[derive(Debug)]
struct Recorded;

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value")
    }
}

impl std::error::Error for Recorded {}

impl Error for Recorded {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = Recorded;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Recorded> {
        Err(Recorded)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Recorded> {
        *self.0 = fields;
        Err(Recorded)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
