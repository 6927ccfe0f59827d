//! The inputs.

use std::ffi::OsString;

use clap::Args;

/// The inputs.
#[derive(Args, Clone, Debug)]
pub(crate) struct InputArgs {
    /// Videos, pictures, folders, patterns and cameras
    ///
    /// A video (MP4, MOV, H.264), a picture (JPEG, PNG, GIF, BMP, WebP, TIFF), a folder of them, a pattern ('*.jpg'), or a
    /// camera: rtsp://NAME:PASSWORD@HOST/PATH, http://HOST/video.mjpg, scene:people=5; webcam:0 and ffmpeg:ANYTHING if they
    /// are built in. docs/inputs.md lists all inputs and their options.
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,
}
