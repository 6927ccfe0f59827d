#![doc = include_str!("../README.md")]
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
