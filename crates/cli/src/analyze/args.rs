//! The options of `analyze`.

use std::time::Duration;

use clap::Args;
use passerby::capture::Input;
use passerby::types::BoxError;

use crate::options::{
    InputArgs, NetworkArgs, OutputArgs, PictureArgs, QuietArgs, RunArgs, TrackerArgs, VideoArgs, ZoneArgs,
    seconds,
};

/// Detects, tracks, identifies and describes the faces in videos, pictures and cameras.
///
/// If one input is a camera, all inputs run at once, as with --live, until Ctrl-C or --seconds. Ctrl-C, SIGTERM and SIGHUP end
/// the run as --seconds does: every frame that was read is analysed and written. A second signal ends it at once.
///
/// An output that fails is named and the others go on; the exit code is then 2. An output that is not read never holds a camera up:
/// it loses rows, which are counted. If all inputs are files, they wait for it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby analyze door.mp4                            who passes, as a table
  passerby analyze --json --db door.sqlite door.mp4    the summary as JSON, everything in a database
  passerby analyze --faces faces.jsonl photos/         every face of a folder of pictures
  passerby analyze --pictures annotated/ photos/       the pictures with boxes, ages and numbers of persons
  passerby analyze --annotate seen.mp4 door.mp4        the video with boxes, ages and numbers of persons
  passerby analyze --zones passerby.toml door.mp4      who crosses a line, how long people stay at a counter
  passerby analyze --seconds 60 rtsp://door.local/live a camera for a minute")]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) zones: ZoneArgs,
    #[command(flatten)]
    pub(crate) networks: NetworkArgs,
    /// An embedding and attributes for each face of each frame, for evaluation
    #[arg(long, help_heading = "Networks")]
    pub(crate) every_frame: bool,
    #[command(flatten)]
    pub(crate) tracking: TrackerArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    /// With --pictures, one picture of each video or camera in N seconds
    #[arg(long, value_name = "N", value_parser = seconds(0.1..=1e8), allow_negative_numbers = true, default_value = "1")]
    #[arg(help_heading = "Pictures")]
    pub(crate) pictures_every: Duration,
    #[command(flatten)]
    pub(crate) video: VideoArgs,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
}

/// How the inputs run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    /// True if all inputs run at once, as live cameras.
    pub(super) live: bool,
    /// The detector runs on every N-th frame. `None` lets the governor decide.
    pub(super) cadence: Option<u64>,
}

impl AnalyzeArgs {
    /// Returns how the inputs run.
    ///
    /// # Errors
    /// The options contradict each other.
    pub(super) fn mode(&self) -> Result<Mode, BoxError> {
        if self.input.inputs.is_empty() {
            return Err("no input given (--help lists the options)".into());
        }
        let named: Vec<Input> =
            self.input.inputs.iter().filter_map(|input| Input::parse(input).ok()).collect();
        let live = self.run.live.is_some() || named.iter().any(Input::is_live);
        let cadence = self.run.cadence(live)?;
        if self.pictures.blur && !self.pictures.is_any() && self.video.annotate.is_none() {
            let outputs = "--pictures FOLDER, --contact-sheet FILE.jpg or --annotate OUT.mp4";
            return Err(format!("--blur: only pictures and videos are blurred (add {outputs})").into());
        }
        Ok(Mode { live, cadence })
    }
}
