//! The state that all routes share.

use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Refusal;
use crate::guard::Guard;
use crate::live::LiveBoard;
use crate::pictures::{PersonPictures, Pictures};
use crate::places::ViewerPlaces;
use crate::settings::PreviewSettings;
use crate::sources::PreviewSources;

/// The state that all routes share.
pub(crate) struct App {
    pub(crate) settings: PreviewSettings,
    pub(crate) sources: PreviewSources,
    pub(crate) guard: Guard,
    pub(crate) live: Arc<LiveBoard>,
    pub(crate) pictures: Arc<Pictures>,
    /// `None` unless pictures of persons are allowed.
    pub(crate) person_pictures: Option<Arc<PersonPictures>>,
    pub(crate) started: SystemTime,
    pub(crate) places: Arc<ViewerPlaces>,
}

/// Runs work that waits for a file or a camera on another thread.
///
/// # Errors
/// The error of the work, or status 500 if it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Refusal::internal("the request failed")))
}
