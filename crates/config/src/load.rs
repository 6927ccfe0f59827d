//! Reads and checks the file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use passerby_zones::ZoneWatch;
use serde::Deserialize;
use toml::Spanned;

use crate::camera::CameraConfig;
use crate::error::ConfigError;
use crate::events::EventsConfig;
use crate::tables::{GovernorConfig, PreviewConfig, ServeConfig, StagesConfig, StoreConfig};

/// The largest file that is read, in bytes. A configuration of a thousand cameras has a tenth of it.
const MAX_BYTES: u64 = 16 << 20;

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    camera: Vec<Spanned<CameraConfig>>,
    stages: StagesConfig,
    governor: GovernorConfig,
    store: StoreConfig,
    preview: Option<Spanned<PreviewConfig>>,
    events: Option<Spanned<EventsConfig>>,
}

/// The use of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A server, which needs a name and an input for each camera.
    Serve,
    /// The zones of inputs that are named elsewhere.
    Zones,
}

impl ServeConfig {
    /// Reads the file of a server. Paths in it become relative to its folder.
    ///
    /// # Errors
    /// The file cannot be read, or the first fault in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        checked(path, &read(path)?, Purpose::Serve)
    }

    /// Reads a file for the zones of its cameras, which need neither a name nor an input. The file of a server will do.
    ///
    /// # Errors
    /// As for [`ServeConfig::load`].
    pub fn load_zones(path: &Path) -> Result<Self, ConfigError> {
        checked(path, &read(path)?, Purpose::Zones)
    }

    /// Reads the text of a server's file. `path` is the file's name in errors, and its folder that of relative paths.
    ///
    /// # Errors
    /// The first fault in the text.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        checked(path, text, Purpose::Serve)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let error = |cause| ConfigError::Read { path: path.to_owned(), cause };
    let size = fs::metadata(path).map_err(error)?.len();
    if size > MAX_BYTES {
        let what = format!("has {size} bytes; a configuration may have {MAX_BYTES}");
        return Err(error(std::io::Error::new(std::io::ErrorKind::FileTooLarge, what)));
    }
    fs::read_to_string(path).map_err(error)
}

fn checked(path: &Path, text: &str, purpose: Purpose) -> Result<ServeConfig, ConfigError> {
    let file: File = toml::from_str(text).map_err(|e| ConfigError::of(path, text, &e))?;
    let mut names = BTreeSet::new();
    let mut cameras = Vec::with_capacity(file.camera.len());
    let folder = path.parent().unwrap_or(Path::new(""));
    for camera in file.camera {
        let wrong = |what: String| ConfigError::at(path, text, &camera.span(), what);
        check_camera(camera.get_ref(), purpose, &mut names).map_err(wrong)?;
        let mut camera = camera.into_inner();
        camera.rebase(folder);
        cameras.push(camera);
    }
    let place = file.preview.as_ref().map_or(0..0, Spanned::span);
    let mut preview = file.preview.map(Spanned::into_inner).unwrap_or_default();
    if preview.token_env.is_some() && preview.token_file.is_some() {
        let what = "preview: has token_env and token_file; one of them is enough";
        return Err(ConfigError::at(path, text, &place, what));
    }
    preview.token_file = preview.token_file.map(|file| folder.join(file));
    let place = file.events.as_ref().map_or(0..0, Spanned::span);
    let mut events = file.events.map(Spanned::into_inner).unwrap_or_default();
    events.check().map_err(|what| ConfigError::at(path, text, &place, what))?;
    events.rebase(folder);
    let mut store = file.store;
    store.database = folder.join(store.database);
    store.key_file = store.key_file.map(|file| folder.join(file));
    Ok(ServeConfig { cameras, stages: file.stages, governor: file.governor, store, preview, events })
}

/// Checks the rules that the types alone do not enforce.
///
/// # Errors
/// The fault, with its key.
fn check_camera(camera: &CameraConfig, purpose: Purpose, names: &mut BTreeSet<String>) -> Result<(), String> {
    let name = camera.name.as_deref();
    let who = name.map_or_else(|| "camera".to_owned(), |name| format!("camera {name:?}"));
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().any(char::is_control)) {
        return Err("camera.name: must be a text without control characters".into());
    }
    if let Some(name) = name.filter(|name| !names.insert((*name).to_owned())) {
        return Err(format!("camera.name: {name:?} is the name of another camera"));
    }
    if purpose == Purpose::Serve {
        if name.is_none() {
            return Err("camera.name: is missing".into());
        }
        if camera.uri.as_deref().is_none_or(str::is_empty) {
            return Err(format!("camera.uri: is missing for {who}"));
        }
    }
    if camera.password_env.is_some() && camera.password_file.is_some() {
        return Err(format!("{who} has password_env and password_file; one of them is enough"));
    }
    ZoneWatch::new(&camera.zones).map_err(|e| format!("camera.zones: {e}, in {who}"))?;
    Ok(())
}
