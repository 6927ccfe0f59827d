//! Parts that several live sources share.

#[cfg(feature = "_address")]
pub(crate) mod address;
#[cfg(feature = "_address")]
pub(crate) mod connect_error;
#[cfg(feature = "_live")]
#[cfg_attr(not(feature = "_jpeg"), allow(dead_code, reason = "ffmpeg uses a part of it"))]
pub(crate) mod inbox;
#[cfg(feature = "_jpeg")]
pub(crate) mod jpeg;
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
pub(crate) mod rtsp_transport;
