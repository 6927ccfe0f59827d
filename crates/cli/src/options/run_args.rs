//! How fast and how long a command runs.

use std::time::Duration;

use clap::Args;
use passerby::pipeline::GovernorLimits;

use super::cadence::Cadence;
use super::network_args::NetworkArgs;
use super::number::{number, seconds};

/// The largest number of detection workers if the user does not set one.
const MAX_DEFAULT_WORKERS: usize = 8;

/// How fast and how long a command runs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub(crate) struct RunArgs {
    /// Plays each file as a live camera of FPS frames a second
    ///
    /// All inputs run at once, and a camera drops frames that are not processed in time. Without it, and without a camera
    /// among the inputs, `analyze` reads files one after another as fast as possible, and drops no frame.
    #[arg(long, value_name = "FPS", value_parser = number(0.1..=1000.0), allow_negative_numbers = true)]
    pub(crate) live: Option<f64>,

    /// Ends after N seconds of real time
    ///
    /// They begin when the networks are loaded. With --live, shorter files start again until then.
    #[arg(long, value_name = "N", value_parser = seconds(0.0..=1e8), allow_negative_numbers = true)]
    pub(crate) seconds: Option<Duration>,

    /// Detects on every N-th frame and tracks faces in between
    ///
    /// The default is 1 for files, and for cameras auto: as often as the machine allows.
    #[arg(long, value_name = "auto|N", allow_negative_numbers = true)]
    pub(crate) cadence: Option<Cadence>,

    /// The number of detection threads [default: the number of cores, at most 8]
    ///
    /// With live inputs it is the largest number.
    #[arg(long, value_name = "N", value_parser = number::<usize>(1..=256), allow_negative_numbers = true)]
    workers: Option<usize>,
}

/// Returns the number of detection workers if the user does not set one.
pub(crate) fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_DEFAULT_WORKERS)
}

impl RunArgs {
    /// Returns the number of detection workers.
    pub(crate) fn workers(&self) -> usize {
        self.workers.unwrap_or_else(default_workers)
    }

    /// Returns the limits of a governor for live inputs. A fixed interval between two detections, in frames, and a fixed size of
    /// the detector's input stay as they are.
    pub(crate) fn governor_limits(&self, cadence: Option<u64>, networks: &NetworkArgs) -> GovernorLimits {
        let mut limits = GovernorLimits { workers: 1..=self.workers(), ..GovernorLimits::default() };
        if let Some(cadence) = cadence {
            limits.cadence = cadence..=cadence;
        }
        if networks.has_fixed_input() {
            limits.detail = 1.0..=1.0;
        }
        limits
    }

    /// Returns the fixed interval between two detections, in frames, or `None` if it follows the load.
    ///
    /// # Errors
    /// Files that are read as fast as possible are never late, so their interval cannot follow the load.
    pub(crate) fn cadence(&self, live: bool) -> Result<Option<u64>, String> {
        match self.cadence {
            None => Ok((!live).then_some(1)),
            Some(Cadence::Auto) if live => Ok(None),
            Some(Cadence::Auto) => Err("--cadence auto: only a live camera (--live) can be late".into()),
            Some(Cadence::Every(frames)) => Ok(Some(frames)),
        }
    }
}
