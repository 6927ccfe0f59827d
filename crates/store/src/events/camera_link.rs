//! The state of a camera's connection.

/// The state of a camera, for the messages about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CameraLink {
    /// Pictures come.
    Live,
    /// The connection is lost, and the source tries to get it back.
    Lost,
    /// No pictures will come.
    Ended,
}

impl CameraLink {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Ended => "ended",
        }
    }
}
