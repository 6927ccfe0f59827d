//! The settings of an RTSP camera.

use std::time::Duration;

use crate::context::SourceContext;
use crate::decoder_choice::Decoder;
use crate::live::certificates::AcceptedCertificates;
use crate::live::rtsp_transport::RtspTransport;

/// The settings of an [`Rtsp`](super::Rtsp) camera.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct RtspSettings {
    /// How the camera sends its packets. Over TCP by default, and over UDP if it refuses TCP.
    pub transport: RtspTransport,
    /// The decoder for H.264.
    pub decoder: Decoder,
    /// Whether pictures with traces of a loss are returned.
    ///
    /// If false, the default, the source drops and counts the frames from a loss up to the next key frame. If true, it
    /// returns them. Encoders that send no key frames, but refresh pictures bit by bit, need this.
    pub allow_damaged: bool,
    /// How long connecting may take, until the camera has agreed to play. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub connect_timeout: Duration,
    /// How long packets may come without a key frame, before the connection is given up. Until then
    /// [`SourceError::AwaitingKeyFrame`](passerby_types::SourceError::AwaitingKeyFrame) is returned every second. 60 s by
    /// default: with so-called smart codecs, key frames are up to half a minute apart.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub key_frame_timeout: Duration,
    /// Whether the camera may redirect to any host. If false, the default, only to its own.
    pub any_redirect: bool,
    /// The certificates that are accepted on `rtsps://`.
    pub certificates: AcceptedCertificates,
    /// How old a frame may get before it is decoded. Older frames are dropped and counted. 500 ms by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_age: Duration,
    /// The limits, buffers and clock.
    pub context: SourceContext,
}

impl Default for RtspSettings {
    fn default() -> Self {
        Self {
            transport: RtspTransport::default(),
            decoder: Decoder::default(),
            allow_damaged: false,
            connect_timeout: Duration::from_secs(5),
            key_frame_timeout: Duration::from_secs(60),
            any_redirect: false,
            certificates: AcceptedCertificates::default(),
            max_age: Duration::from_millis(500),
            context: SourceContext::default(),
        }
    }
}
