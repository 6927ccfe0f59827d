//! Why tracks end.

/// Why a track ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TrackEnd {
    /// The tracker did not find the face for too long, or never confirmed it.
    Lost,
    /// The picture shows another scene: a cut, another channel, or a camera that was turned.
    SceneChanged,
    /// The picture has another size.
    SizeChanged,
    /// The track turned out to show another face than before. It goes on under a new number.
    OtherFace,
    /// The tracker did not find the face any more, and another track has its person.
    Elsewhere,
    /// The tracker failed and was replaced.
    TrackerFailed,
    /// The camera ended.
    CameraEnded,
}

impl TrackEnd {
    /// Returns the reason as the metrics and the summary write it, for example `scene_changed`.
    ///
    /// ```
    /// use passerby_pipeline::TrackEnd;
    ///
    /// assert_eq!(TrackEnd::OtherFace.name(), "other_face");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::SceneChanged => "scene_changed",
            Self::SizeChanged => "size_changed",
            Self::OtherFace => "other_face",
            Self::Elsewhere => "elsewhere",
            Self::TrackerFailed => "tracker_failed",
            Self::CameraEnded => "camera_ended",
        }
    }
}
