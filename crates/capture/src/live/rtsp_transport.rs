//! The transport of an RTSP stream.

/// How an RTSP camera sends its packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RtspTransport {
    /// Over TCP, or over UDP if the camera refuses TCP.
    #[default]
    Auto,
    /// Within the RTSP connection. No packet gets lost. If the network is too slow, packets arrive late.
    Tcp,
    /// In UDP packets, which may get lost. A packet that arrives out of order counts as lost.
    Udp,
}
