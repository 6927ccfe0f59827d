//! FFmpeg's libraries: files, and RTSP cameras that send H.265.
#![cfg(feature = "libav")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may fail, and skipped tests are reported"
)]

mod files;
#[cfg(feature = "rtsp")]
mod rtsp_h265;
