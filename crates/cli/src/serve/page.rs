//! Starts the live page.

use std::path::Path;
use std::sync::Arc;

use passerby::types::BoxError;
use passerby::zones::ZoneBoard;
use passerby_config::{PreviewConfig, Secret, SecretPlace};
use passerby_preview::{PreviewServer, PreviewSettings, PreviewSources};

use super::camera_set::CameraSet;
use crate::output::Database;
use crate::output::lasting_gallery::LastingGallery;

/// Starts the page, or returns `None` if the configuration has none. `path` is that of the database.
///
/// # Errors
/// The token cannot be read or is missing, or the address cannot be listened on.
pub(super) fn start(
    config: &PreviewConfig,
    cameras: &Arc<CameraSet>,
    zones: ZoneBoard,
    database: Option<(&Database, &Path)>,
) -> Result<Option<PreviewServer>, BoxError> {
    if !config.enabled {
        return Ok(None);
    }
    let place = SecretPlace::of(config.token_env.as_deref(), config.token_file.as_deref());
    let token =
        place.map(SecretPlace::read).transpose().map_err(|e| format!("the token of [preview]: {e}"))?;
    let settings = PreviewSettings {
        address: config.address,
        token: token.as_ref().map(Secret::expose).map(str::to_owned),
        hosts: config.hosts.clone(),
        editable: config.editable,
        blur: config.blur,
        ..PreviewSettings::default()
    };
    let Some(outputs) = cameras.outputs() else { return Ok(None) };
    let gallery = database.and_then(|(database, _)| database.gallery());
    let sources = PreviewSources {
        outputs,
        cameras: Arc::clone(cameras) as _,
        gallery: gallery.map(LastingGallery::handle),
        key: gallery.and_then(LastingGallery::key),
        database: database.map(|(_, path)| path.to_owned()),
        zones,
    };
    Ok(Some(PreviewServer::start(settings, sources).map_err(|e| format!("the live page: {e}"))?))
}
