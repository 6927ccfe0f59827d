//! The tests of all sources, in one program. Those that measure the memory of their process are programs of their own.

mod bad;
#[path = "../common/camera.rs"]
mod camera;
mod camera_errors;
#[path = "../common/clock.rs"]
mod clock;
mod coded;
#[path = "../common/mod.rs"]
mod common;
mod cut;
mod encrypted;
mod ffmpeg;
#[cfg(any(feature = "ffmpeg", feature = "libav"))]
#[path = "../common/ffmpeg_program.rs"]
mod ffmpeg_program;
#[path = "../common/gstreamer.rs"]
mod gstreamer;
mod hostile;
mod images;
mod libav;
mod mjpeg;
mod open;
mod restart;
mod rtsp;
mod scene;
mod video;
#[path = "../common/coded.rs"]
mod viewer;
