//! Turns a configuration, or the inputs of the command line, into the parts of a run.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use passerby::capture::Input;
use passerby::inference::Device;
use passerby::pipeline::GovernorLimits;
use passerby::types::BoxError;
use passerby_config::{CadenceChoice, CameraConfig, GovernorConfig, ServeConfig};

use super::messages;
use super::secrets::Secrets;
use crate::options::{NetworkArgs, default_workers};
use crate::pictures::unique_name;

/// Returns the configuration that stands for inputs of the command line.
///
/// # Errors
/// An input does not exist.
pub(crate) fn of_inputs(words: &[OsString]) -> Result<ServeConfig, BoxError> {
    let mut config = ServeConfig::default();
    let mut taken = std::collections::BTreeSet::new();
    for word in words {
        let found = Input::expand(word)?;
        let is_one = found.len() == 1;
        for input in found {
            let path = input.as_path().filter(|_| !is_one);
            let uri = path.map_or_else(|| word.to_string_lossy(), Path::to_string_lossy).into_owned();
            let name = unique_name(&input.to_string(), |name| taken.insert(name.to_owned()));
            config.cameras.push(CameraConfig {
                name: Some(name),
                uri: Some(uri),
                enabled: true,
                ..CameraConfig::default()
            });
        }
    }
    Ok(config)
}

/// Reads a configuration with its secrets, and checks the parts that the crate `config` does not know: the inputs, the device, and
/// the features of this build.
///
/// # Errors
/// The first fault, with the file and the key.
pub(super) fn of_file(path: &Path) -> Result<(ServeConfig, Secrets), BoxError> {
    let config = ServeConfig::load(path)?;
    let file = path.display();
    for camera in config.cameras.iter().filter(|camera| camera.enabled) {
        let name = camera.name.as_deref().unwrap_or_default();
        camera.check_password().map_err(|e| format!("{file}: the password of camera {name:?}: {e}"))?;
        Input::parse(camera.input()).map_err(|e| format!("{file}: camera.uri of {name:?}: {e}"))?;
    }
    networks(&config).map_err(|e| format!("{file}: stages.device: {e}"))?;
    messages::check(&config.events).map_err(|e| format!("{file}: {e}"))?;
    let secrets = Secrets::read(&config).map_err(|e| format!("{file}: {e}"))?;
    Ok((config, secrets))
}

/// Returns the networks.
///
/// # Errors
/// The device has an unknown name.
pub(super) fn networks(config: &ServeConfig) -> Result<NetworkArgs, BoxError> {
    let device = config.stages.device.as_deref().map(str::parse::<Device>).transpose()?;
    Ok(NetworkArgs::of(&config.stages, device))
}

/// Returns the limits of the governor.
pub(super) fn limits(config: &GovernorConfig, networks: &NetworkArgs) -> GovernorLimits {
    let workers = config.workers.unwrap_or_else(default_workers);
    let mut limits = GovernorLimits { workers: 1..=workers, ..GovernorLimits::default() };
    if let CadenceChoice::Every(frames) = config.cadence {
        limits.cadence = frames..=frames;
    }
    if let Some(detail) = config.min_detail {
        limits.detail = detail..=1.0;
    }
    if networks.has_fixed_input() {
        limits.detail = 1.0..=1.0;
    }
    if let Some(millis) = config.max_age_ms {
        limits.max_age_p95 = Duration::from_millis(millis);
    }
    limits
}

/// Returns the tables of a changed configuration that only a new start can apply.
pub(super) fn fixed_changes(before: &ServeConfig, after: &ServeConfig) -> Vec<&'static str> {
    let changes = [
        ("stages", before.stages != after.stages),
        ("governor", before.governor != after.governor),
        ("store", before.store != after.store),
        ("preview", before.preview != after.preview),
        ("events", before.events != after.events),
    ];
    changes.into_iter().filter_map(|(table, changed)| changed.then_some(table)).collect()
}
