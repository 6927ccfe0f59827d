//! The certificates that are accepted on encrypted connections.

use std::path::PathBuf;

/// The certificates of a camera that are accepted on an encrypted connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AcceptedCertificates {
    /// Those that the system's store vouches for, if they name the camera's host.
    #[default]
    System,
    /// The one in this PEM file alone, for cameras that sign their own. The sources of this crate compare it byte by byte,
    /// whatever host it names. ffmpeg also demands that it names the camera's host.
    Named(PathBuf),
    /// Every one. Any machine between this one and the camera can then read the login.
    Any,
}
