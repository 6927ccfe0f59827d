//! The settings of an RTSP camera.

use std::time::Duration;

use crate::context::SourceContext;
use crate::decoder_choice::Decoder;
use crate::live::rtsp_transport::RtspTransport;

/// The settings of an [`Rtsp`](super::Rtsp) camera.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct RtspSettings {
    /// How the camera sends its packets. TCP by default.
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
            max_age: Duration::from_millis(500),
            context: SourceContext::default(),
        }
    }
}
