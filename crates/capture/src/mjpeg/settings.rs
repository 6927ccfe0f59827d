//! The settings of an HTTP camera.

use std::time::Duration;

use crate::context::SourceContext;
use crate::live::certificates::AcceptedCertificates;

/// The settings of an [`Mjpeg`](super::Mjpeg) camera.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct MjpegSettings {
    /// How long connecting may take, and the header of each response. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub connect_timeout: Duration,
    /// How old a picture may get before it is dropped. 500 ms by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_age: Duration,
    /// How often per second a camera that gives single pictures is asked, at most. 25 by default. If the rate isn't a
    /// positive number, the default applies.
    pub rate: f64,
    /// The most bytes of a coded picture. 16 MiB by default. The `bytes` of the context's limits apply as well.
    pub max_picture_bytes: u64,
    /// Whether the camera may redirect to any host. If false, the default, only to its own.
    pub any_redirect: bool,
    /// The certificates that are accepted on `https://`.
    pub certificates: AcceptedCertificates,
    /// The limits, buffers and clock. `picture_pixels` bounds a decoded picture.
    pub context: SourceContext,
}

impl MjpegSettings {
    pub(super) const DEFAULT_RATE: f64 = 25.0;
}

impl Default for MjpegSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            max_age: Duration::from_millis(500),
            rate: Self::DEFAULT_RATE,
            max_picture_bytes: 16 << 20,
            any_redirect: false,
            certificates: AcceptedCertificates::default(),
            context: SourceContext::default(),
        }
    }
}
