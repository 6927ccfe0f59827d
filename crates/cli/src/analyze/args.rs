//! The options of `analyze`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use passerby::capture::Input;
use passerby::types::BoxError;

use crate::options::{InputArgs, NetworkArgs, OutputArgs, PictureArgs, QuietArgs, RunArgs, seconds};

/// Detects, tracks, identifies and describes the faces in videos, pictures and cameras.
///
/// If one input is a camera, all inputs run at once, as with --live, until Ctrl-C or --seconds. Ctrl-C ends the run as
/// --seconds does: every frame that was read is analysed and written. A second Ctrl-C ends it at once.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby analyze door.mp4                            who passes, as a table
  passerby analyze --json --db door.sqlite door.mp4    the summary as JSON, everything in a database
  passerby analyze --faces faces.jsonl photos/         every face of a folder of pictures
  passerby analyze --pictures annotated/ photos/       the pictures with boxes, ages and names of persons
  passerby analyze --seconds 60 rtsp://door.local/live a camera for a minute")]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) networks: NetworkArgs,
    /// An embedding and attributes for each face of each frame, for evaluation
    #[arg(long, help_heading = "Networks")]
    pub(crate) every_frame: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) pictures: PictureArgs,
    /// With --pictures, one picture of each video or camera in N seconds
    #[arg(long, value_name = "N", value_parser = seconds(0.1..=1e8), allow_negative_numbers = true, default_value = "1")]
    #[arg(help_heading = "Pictures")]
    pub(crate) pictures_every: Duration,
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
    /// The options contradict each other, or an output would overwrite an input or another output.
    pub(super) fn mode(&self) -> Result<Mode, BoxError> {
        if self.input.inputs.is_empty() {
            return Err("no input given (--help lists the options)".into());
        }
        let named: Vec<Input> =
            self.input.inputs.iter().filter_map(|input| Input::parse(input).ok()).collect();
        let live = self.run.live.is_some() || named.iter().any(Input::is_live);
        let cadence = self.run.cadence(live)?;
        self.refuse_shared_paths(&named)?;
        self.pictures.check()?;
        Ok(Mode { live, cadence })
    }

    fn refuse_shared_paths(&self, inputs: &[Input]) -> Result<(), BoxError> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut taken: Vec<PathBuf> = inputs.iter().filter_map(Input::as_path).map(real).collect();
        for output in self.output.files() {
            let path = real(output);
            if taken.contains(&path) {
                return Err(format!("{}: is an input or another output too", output.display()).into());
            }
            taken.push(path);
        }
        Ok(())
    }
}
