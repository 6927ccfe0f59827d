//! Shows the demo's cameras on the live page.

use passerby::types::BoxError;
use passerby_config::{CameraConfig, ServeConfig};

use super::args::DemoArgs;
use super::cameras::{CAMERAS, CLIP, CLIP_PICTURES, CLIP_RATE};
use crate::outcome::Outcome;
use crate::serve::{Secrets, ServerRun, of_inputs};
use crate::stop::Stop;

/// Runs the cameras until Ctrl-C, or until `--seconds` have passed.
///
/// # Errors
/// As for [`ServerRun::run`], and if an input does not exist.
pub(super) fn run(args: &DemoArgs) -> Result<Outcome, BoxError> {
    let mut config = match &args.input.inputs[..] {
        [] => ServeConfig { cameras: bundled(args.run.live), ..ServeConfig::default() },
        words => of_inputs(words)?,
    };
    config.store.database.clone_from(&args.db);
    config.store.gallery = !args.gallery.no_gallery;
    let secrets = Secrets::with_key(args.gallery.read_key()?);
    config.preview.address = args.page_address;
    let networks = args.networks.clone();
    let limits = args.run.governor_limits(args.run.cadence(true)?, &networks);
    let stop = Stop::new(args.run.seconds)?;
    ServerRun { config, secrets, networks, limits, stop }.run(None)
}

/// Returns cameras that play the bundled clip over and over, each from another place.
fn bundled(rate: Option<f64>) -> Vec<CameraConfig> {
    let rate = rate.unwrap_or(CLIP_RATE);
    let camera = |n: u32| {
        let offset = (CLIP_PICTURES * u64::from(n) / u64::from(CAMERAS)) as f64 / rate;
        CameraConfig {
            name: Some(format!("camera {n}")),
            uri: Some(format!("{CLIP}?live={rate}&loop&offset={offset}s")),
            enabled: true,
            ..CameraConfig::default()
        }
    };
    (0..CAMERAS).map(camera).collect()
}
