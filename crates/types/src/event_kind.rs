//! The kinds of messages to other programs.

/// A kind of the messages that sinks such as MQTT send to other programs. `docs/events.md` of the repository has their format.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A person appeared at a camera.
    Person,
    /// A track ended, with its age and gender.
    Track,
    /// A track crossed a line.
    Line,
    /// A track entered or left a zone.
    Zone,
    /// A camera connected, was lost, recovered or ended.
    Camera,
    /// The number of faces at a camera changed. At most one message a second for each camera.
    Faces,
    /// Every frame with its faces, without embeddings and landmarks.
    Observation,
}

impl EventKind {
    /// The kinds that a sink sends by default: all but `Faces` and `Observation`.
    pub const DEFAULT: [Self; 5] = [Self::Person, Self::Track, Self::Line, Self::Zone, Self::Camera];
}
