//! The cameras of the program that runs the server.

use passerby_types::CameraId;

/// A camera as the program knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCamera {
    /// The camera.
    pub camera: CameraId,
    /// The name to show.
    pub name: String,
    /// The URI without a password.
    pub uri: String,
    /// True if it is paused.
    pub paused: bool,
}

/// Why a camera was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no such camera.
    #[error("there is no {0}")]
    Unknown(CameraId),
    /// The program refuses the change, and says why. The text must not hold a password.
    #[error("{0}")]
    Refused(String),
}

/// Lists and changes the cameras. The server calls it on threads that may wait for a few seconds.
pub trait CameraControl: Send + Sync {
    /// Returns the cameras that the page shows, in the order in which it shows them.
    fn cameras(&self) -> Vec<ListedCamera>;

    /// Adds a camera by its URI. Without a name it gets one.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if the URI is not one of a camera, or the camera cannot be opened.
    fn add(&self, uri: &str, name: Option<&str>) -> Result<CameraId, ControlError>;

    /// Removes a camera.
    ///
    /// # Errors
    /// As for [`ControlError`].
    fn remove(&self, camera: CameraId) -> Result<(), ControlError>;

    /// Disconnects a camera, which stays in the list and keeps its number.
    ///
    /// # Errors
    /// As for [`ControlError`].
    fn pause(&self, camera: CameraId) -> Result<(), ControlError>;

    /// Connects a paused camera again. Returns its number, which is another one if the camera had ended in the meantime.
    ///
    /// # Errors
    /// As for [`ControlError`].
    fn resume(&self, camera: CameraId) -> Result<CameraId, ControlError>;
}
