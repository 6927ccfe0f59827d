//! How an RTSP camera sends its packets.

/// How the camera sends its packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RtspTransport {
    /// Within the connection. Nothing is lost on the way; what the network cannot carry is late.
    #[default]
    Tcp,
    /// In packets of their own, which may get lost. What arrives out of order counts as lost.
    Udp,
}
