//! The places of viewers.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Refusal;

/// A limited number of places for viewers.
pub(crate) struct ViewerPlaces {
    places: Arc<Semaphore>,
    max: usize,
}

impl ViewerPlaces {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(max)), max })
    }

    /// Takes a place, which is free again when the permit is dropped.
    ///
    /// # Errors
    /// All places are taken.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        permit.map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many viewers"))
    }

    /// Returns the number of viewers.
    pub(crate) fn taken(&self) -> usize {
        self.max.saturating_sub(self.places.available_permits())
    }
}
