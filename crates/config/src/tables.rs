//! The tables of the file but for the cameras.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::camera::CameraConfig;
use crate::events::EventsConfig;
use crate::secret::{Secret, SecretError, SecretPlace};
use crate::values;

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServeConfig {
    /// The cameras, in the order of the file.
    pub cameras: Vec<CameraConfig>,
    /// The networks.
    pub stages: StagesConfig,
    /// How far the machine may go when it is full.
    pub governor: GovernorConfig,
    /// The settings of the store.
    pub store: StoreConfig,
    /// The live page.
    pub preview: PreviewConfig,
    /// What other programs are told.
    pub events: EventsConfig,
}

/// The networks and their settings. A missing key stands for the program's default.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct StagesConfig {
    /// The size of the smallest face that must be found, in pixels of the picture, 1 to 4096.
    #[serde(deserialize_with = "values::min_face")]
    pub min_face: Option<f32>,
    /// The longer side of the detector's input, in pixels, 32 to 3840, whatever the size of the picture.
    #[serde(deserialize_with = "values::detector_side")]
    pub detector_side: Option<u32>,
    /// The lowest detector score of a face that starts a track, 0 to 1.
    #[serde(deserialize_with = "values::share")]
    pub threshold: Option<f32>,
    /// The number format of the embedder.
    pub precision: PrecisionChoice,
    /// The networks for age and gender.
    pub attributes: AttributeChoice,
    /// A device of ONNX Runtime, for example `cuda`.
    pub device: Option<String>,
}

/// The number format of the embedder.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionChoice {
    /// 32-bit floats.
    #[default]
    Float,
    /// 8-bit integers.
    Int8,
}

/// The networks for age and gender.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AttributeChoice {
    /// The networks with the smaller errors.
    #[default]
    Full,
    /// The networks that take a third of the time.
    Light,
}

/// The limits of the governor, which thins detection if the machine is too slow for all cameras. A missing key stands for the program's
/// default.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct GovernorConfig {
    /// The largest number of detection workers, 1 to 256.
    #[serde(deserialize_with = "values::workers")]
    pub workers: Option<usize>,
    /// On which frames the detector runs.
    pub cadence: CadenceChoice,
    /// The lowest factor on the size of the detector's input, 0.1 to 1.
    #[serde(deserialize_with = "values::detail")]
    pub min_detail: Option<f32>,
    /// The goal for the 95th percentile of the age of results, in milliseconds, 1 to 60,000.
    #[serde(deserialize_with = "values::age_ms")]
    pub max_age_ms: Option<u64>,
}

/// On which frames the detector runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CadenceChoice {
    /// As often as the machine allows.
    #[default]
    Auto,
    /// On every frame of this number, 1 to 100.
    Every(u64),
}

/// The settings of the store.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// False to store nothing. The persons are then known for one run.
    pub enabled: bool,
    /// The SQLite database.
    pub database: PathBuf,
    /// False to number the persons anew in each run, and to store no templates of their faces.
    pub gallery: bool,
    /// The file of the key that encrypts the templates, or `None` if they are not encrypted.
    pub key_file: Option<PathBuf>,
    /// How long rows about frames are kept, at least a minute, or `None` for ever.
    #[serde(deserialize_with = "values::keep")]
    pub keep: Option<Duration>,
    /// How long persons without a name are known after they were last seen, at least a minute, or `None` for ever.
    #[serde(deserialize_with = "values::keep")]
    pub keep_persons: Option<Duration>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            database: "passerby.sqlite".into(),
            gallery: true,
            key_file: None,
            keep: None,
            keep_persons: None,
        }
    }
}

/// The live page.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct PreviewConfig {
    /// False for no page.
    pub enabled: bool,
    /// The address, for example `0.0.0.0:8088` for all of the machine's addresses. Any but those of the machine itself need a token.
    pub address: SocketAddr,
    /// The environment variable that has the token.
    pub token_env: Option<String>,
    /// The file whose first line is the token.
    pub token_file: Option<PathBuf>,
    /// Other names under which browsers reach the page, for example that of a proxy.
    pub hosts: Vec<String>,
    /// False if the page may look on, and change nothing.
    pub editable: bool,
    /// True to make faces unrecognisable in every picture that leaves the machine.
    pub blur: bool,
    /// True to show a picture of each person's face, which is kept in memory alone. Not with `blur`.
    pub person_pictures: bool,
}

impl Default for PreviewConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8088)),
            token_env: None,
            token_file: None,
            hosts: Vec::new(),
            editable: true,
            blur: false,
            person_pictures: false,
        }
    }
}

impl PreviewConfig {
    /// Reads the token, if there is one.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or it is empty.
    pub fn token(&self) -> Result<Option<Secret>, SecretError> {
        SecretPlace::read_optional(self.token_env.as_deref(), self.token_file.as_deref())
    }
}
