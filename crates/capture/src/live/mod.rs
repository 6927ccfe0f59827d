//! Parts that several live sources share.

#[cfg(feature = "_address")]
pub(crate) mod address;
#[cfg(feature = "_live")]
pub(crate) mod certificates;
#[cfg(feature = "_address")]
pub(crate) mod connect_error;
#[cfg(feature = "_live")]
#[cfg_attr(not(feature = "_jpeg"), allow(dead_code, reason = "ffmpeg uses a part of it"))]
pub(crate) mod inbox;
#[cfg(feature = "_address")]
pub(crate) mod login;
#[cfg(feature = "_address")]
pub(crate) mod redirect;
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
pub(crate) mod rtsp_transport;
#[cfg(all(feature = "tls", feature = "_address"))]
pub(crate) mod tls;
