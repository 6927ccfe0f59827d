//! FFmpeg's libraries: files, and RTSP cameras that send H.265.
#![cfg(feature = "libav")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may fail, and skipped tests are reported"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/ffmpeg_program.rs"]
mod ffmpeg_program;
mod files;
#[cfg(feature = "rtsp")]
#[path = "../common/gstreamer.rs"]
mod gstreamer;
#[cfg(feature = "rtsp")]
mod rtsp_h265;
