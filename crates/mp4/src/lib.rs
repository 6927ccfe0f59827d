//! Fragmented MP4 (ISO/IEC 14496-12 and 14496-15): files and streams that browsers, VLC, QuickTime and ffmpeg play.
//!
//! - [`Fmp4Muxer`] packs a camera's H.264 as it came, one fragment a frame, for Media Source Extensions. Nothing is encoded.
//! - `VideoWriter` encodes pictures and writes a video file. Every picture has its own time, in its own colour space and range.
//!   `VideoEncoder` gives the same as segments of bytes.
//!
//! # Features
//! - `h264`: `VideoWriter` and `VideoEncoder`.
#![forbid(unsafe_code)]

mod boxes;
mod fragment;
mod init;
mod muxer;
mod parameter_sets;
mod ticks;

#[cfg(feature = "h264")]
mod encoder;
#[cfg(feature = "h264")]
mod planes;
#[cfg(feature = "h264")]
mod usability;
#[cfg(feature = "h264")]
mod writer;

#[cfg(feature = "h264")]
pub use encoder::{EncoderSettings, VideoEncoder, VideoError, VideoSegment};
pub use muxer::{Fmp4Error, Fmp4Frame, Fmp4Muxer, InitSegment};
#[cfg(feature = "h264")]
pub use writer::VideoWriter;
