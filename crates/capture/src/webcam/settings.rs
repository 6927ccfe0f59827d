//! The settings of a webcam.

use std::time::Duration;

use super::device::WebcamPixels;
use crate::context::SourceContext;

/// The settings of a [`Webcam`](super::Webcam).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct WebcamSettings {
    /// The wanted width in pixels. 1280 by default.
    pub width: u32,
    /// The wanted height in pixels. 720 by default.
    pub height: u32,
    /// The wanted rate in frames per second. 30 by default.
    pub rate: f64,
    /// The only pixel format to accept. `None`, the default: the best one.
    pub pixels: Option<WebcamPixels>,
    /// How long finding, opening and starting the camera may take together. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub connect_timeout: Duration,
    /// How long the driver may give no frame. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub stall_timeout: Duration,
    /// How long dropping the webcam waits for the driver to close it. 1 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub close_timeout: Duration,
    /// How old a frame may get before it is dropped. 500 ms by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_age: Duration,
    /// The limits, buffers and clock. `picture_pixels` bounds a picture, and `bytes` the frames that wait.
    pub context: SourceContext,
}

impl Default for WebcamSettings {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            rate: 30.0,
            pixels: None,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(1),
            max_age: Duration::from_millis(500),
            context: SourceContext::default(),
        }
    }
}
