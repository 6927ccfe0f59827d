//! The options of `demo`.

use std::path::PathBuf;

use clap::Args;

use crate::options::{InputArgs, NetworkArgs, QuietArgs, RunArgs};

/// Runs live cameras at once and shows who passes which of them.
///
/// Without inputs it plays the bundled clip from four places in it, for ten seconds. A file plays as a live camera, and each
/// video of a folder is a camera. On a terminal there is a line for each camera. Ctrl-C ends the run with the same summary.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby demo                                      four cameras on the bundled clip
  passerby demo rtsp://NAME:PASSWORD@door.local/live a network camera
  passerby demo 'rtsp://door.local/live#transport=udp'
  passerby demo 'webcam:0?size=1280x720&rate=30'     a camera at this machine (built with --features webcam)
  passerby demo recordings/                          a folder of videos")]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) networks: NetworkArgs,
    /// Writes tracks, persons and observations into this SQLite database
    #[arg(long, value_name = "FILE.sqlite", default_value = "passerby.sqlite", help_heading = "Output")]
    #[arg(allow_hyphen_values = true)]
    pub(super) db: PathBuf,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}
