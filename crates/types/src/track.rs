//! Tracks: single faces that are followed through the frames of one camera.

use std::fmt;

use crate::face::Face;
use crate::frame::CameraId;
use crate::geometry::BBox;

/// The number of a track at its camera. A tracker never uses a number twice.
///
/// ```
/// use passerby_types::TrackId;
///
/// assert_eq!(TrackId::from(7), TrackId(7));
/// assert_eq!(u64::from(TrackId(7)), 7);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "track {}", self.0)
    }
}

impl From<u64> for TrackId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<TrackId> for u64 {
    fn from(track: TrackId) -> Self {
        track.0
    }
}

/// The number of a track with its camera, which is unique in a run.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackKey {
    /// The camera.
    pub camera: CameraId,
    /// The track's number at this camera.
    pub track: TrackId,
}

impl fmt::Display for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.camera, self.track)
    }
}

/// The state of a track.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// The face was found too few times: it may be a false detection.
    Tentative,
    /// The face was found often enough, and in this frame or in the last frame that the detector ran on.
    Confirmed,
    /// The track was confirmed, but the detector did not find its face. Its box is a prediction.
    Lost,
}

/// One track in one frame.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedFace {
    /// The track's number at its camera.
    pub track: TrackId,
    /// The track's state after this frame.
    pub state: TrackState,
    /// The tracker's estimate of the face's box, in pixels of the upright picture. It may reach outside the picture.
    #[cfg_attr(feature = "serde", serde(rename = "box"))]
    pub bbox: BBox,
    /// The detection that was matched to the track, or `None` if `bbox` is a prediction.
    pub face: Option<Face>,
}

/// The tracks of a camera after one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackUpdate {
    /// Every live track, by rising number. Empty if the camera sees no face.
    pub tracks: Vec<TrackedFace>,
    /// The tracks that ended with this frame, by rising number. Their numbers never come back.
    pub ended: Vec<TrackId>,
}

impl TrackUpdate {
    /// Empties both lists and keeps their memory.
    pub fn clear(&mut self) {
        self.tracks.clear();
        self.ended.clear();
    }
}
