//! Runs live cameras at once: shows who passes which of them, when, and how old they are, and writes all of it to an SQLite
//! file.

mod cameras;
mod connection_log;
mod live_run;
mod table;
mod view;

use std::path::{Path, PathBuf};

use clap::Args;
use passerby::types::BoxError;

use crate::options::{InputArgs, NetworkArgs, QuietArgs, RunArgs};
use crate::outcome::Outcome;
use crate::stop::Stop;
use connection_log::ConnectionLog;

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
    input: InputArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    /// Writes tracks, persons and observations into this SQLite database
    #[arg(long, value_name = "FILE.sqlite", default_value = "passerby.sqlite", help_heading = "Output")]
    #[arg(allow_hyphen_values = true)]
    db: PathBuf,
    #[command(flatten)]
    quiet: QuietArgs,
}

impl DemoArgs {
    fn database(&self) -> &Path {
        &self.db
    }
}

/// Runs the cameras until they end, or until Ctrl-C or `--seconds`.
///
/// # Errors
/// An input cannot be opened, or the database cannot be written.
pub(crate) fn run(args: &DemoArgs) -> Result<Outcome, BoxError> {
    let stop = Stop::new(args.run.seconds)?;
    let connection_log = ConnectionLog::default();
    let cameras = cameras::open(&args.input.inputs, args.run.live, &connection_log)?;
    let ok = live_run::run(cameras, args, &stop, &connection_log)?;
    Ok(if ok { stop.outcome() } else { Outcome::Failed })
}
