//! The configuration file of passerby, `passerby.toml`.
//!
//! [`ServeConfig::load`] reads the file for `passerby serve`, and [`ServeConfig::load_zones`] the zones of its cameras for
//! `passerby analyze --zones`. An error names the file, the line and the key, and the key that was probably meant:
//!
//! ```
//! use passerby_config::ServeConfig;
//!
//! let text = "[[camera]]\nname = \"door\"\nurl = \"rtsp://door.local/live\"\n";
//! let error = ServeConfig::parse("passerby.toml".as_ref(), text).unwrap_err();
//! assert_eq!(error.to_string(), "passerby.toml:3: camera.url: no such key; did you mean uri?");
//!
//! let config = ServeConfig::parse("passerby.toml".as_ref(), &text.replace("url", "uri"))?;
//! assert_eq!(config.cameras[0].name.as_deref(), Some("door"));
//! # Ok::<(), passerby_config::ConfigError>(())
//! ```
//!
//! Paths in the file are relative to the folder of the file. No `Debug` output shows an address of a camera, since it may have a
//! password in it.

/// Runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod camera;
mod error;
mod events;
mod keys;
mod load;
mod secret;
mod tables;
mod values;

pub use camera::CameraConfig;
pub use error::ConfigError;
pub use events::{EventsConfig, MqttConfig, WebhookConfig};
pub use keys::{KeyTable, key_tables};
pub use secret::{Secret, SecretError, SecretPlace};
pub use tables::{
    AttributeChoice, CadenceChoice, GovernorConfig, PrecisionChoice, PreviewConfig, ServeConfig,
    StagesConfig, StoreConfig,
};
