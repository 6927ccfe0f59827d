//! A track: the same face followed through one camera's frames.

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

/// One track over all cameras of a run.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackKey {
    /// The camera.
    pub camera: CameraId,
    /// The track at this camera.
    pub track: TrackId,
}

impl fmt::Display for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.camera, self.track)
    }
}

/// Where a track stands in its life.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// Seen too few times to be believed: may be a false detection.
    Tentative,
    /// Believed, and seen in this frame, or in the last frame that was detected on.
    Confirmed,
    /// Believed, but its face was not found where the detector looked; its box is a prediction.
    Lost,
}

/// One track in one frame.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedFace {
    /// Which track.
    pub track: TrackId,
    /// Where it stands in its life after this frame.
    pub state: TrackState,
    /// Where the face is: the tracker's estimate, in pixels of the upright picture. May reach outside it.
    #[cfg_attr(feature = "serde", serde(rename = "box"))]
    pub bbox: BBox,
    /// The detection that was matched to the track; `None` where the box is a prediction.
    pub face: Option<Face>,
}

/// What one frame did to the tracks of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackUpdate {
    /// Every live track, by rising id. Empty where nobody is there.
    pub tracks: Vec<TrackedFace>,
    /// The tracks that ended with this frame, by rising id. They never come back.
    pub ended: Vec<TrackId>,
}

impl TrackUpdate {
    /// Empties both lists, which keep their memory.
    pub fn clear(&mut self) {
        self.tracks.clear();
        self.ended.clear();
    }
}
