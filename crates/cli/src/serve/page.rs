//! Starts the live page.

use std::path::Path;
use std::sync::{Arc, Mutex};

use passerby::store::ExpiredRows;
use passerby::types::BoxError;
use passerby::zones::ZoneBoard;
use passerby_config::{PreviewConfig, Secret};
use passerby_preview::{PreviewServer, PreviewSettings, PreviewSources};

use super::camera_set::CameraSet;
use crate::output::Database;
use crate::output::lasting_gallery::LastingGallery;

/// The database of a run.
pub(super) struct StoredRun<'a> {
    pub(super) database: &'a Database,
    pub(super) path: &'a Path,
    pub(super) expired: Arc<Mutex<ExpiredRows>>,
}

/// Starts the page, or returns `None` if the configuration has none.
///
/// # Errors
/// The token is missing or too short, or the address cannot be listened on.
pub(super) fn start(
    config: &PreviewConfig,
    token: Option<&Secret>,
    cameras: &Arc<CameraSet>,
    zones: ZoneBoard,
    stored: Option<&StoredRun<'_>>,
) -> Result<Option<PreviewServer>, BoxError> {
    if !config.enabled {
        return Ok(None);
    }
    let settings = PreviewSettings {
        address: config.address,
        token: token.map(Secret::expose).map(str::to_owned),
        hosts: config.hosts.clone(),
        editable: config.editable,
        blur: config.blur,
        person_pictures: config.person_pictures,
        ..PreviewSettings::default()
    };
    let Some(outputs) = cameras.outputs() else { return Ok(None) };
    let gallery = stored.and_then(|stored| stored.database.gallery());
    let sources = PreviewSources {
        outputs,
        cameras: Arc::clone(cameras) as _,
        gallery: gallery.map(LastingGallery::handle),
        key: gallery.and_then(LastingGallery::key),
        database: stored.map(|stored| stored.path.to_owned()),
        expired: stored.map(|stored| Arc::clone(&stored.expired)).unwrap_or_default(),
        zones,
    };
    Ok(Some(PreviewServer::start(settings, sources).map_err(|e| format!("the live page: {e}"))?))
}
