//! What is known of one frame when it leaves the pipeline.

use crate::face::{Attributes, Embedding, Face};
use crate::frame::FrameMeta;
use crate::geometry::BBox;
use crate::identity::Identity;
use crate::track::{TrackId, TrackState};

/// What was done with a frame.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The detector ran on it.
    Analysed,
    /// The tracker alone moved its tracks.
    Coasted,
}

/// One track in one frame, with all that is known of it by then.
#[derive(Clone, Debug)]
pub struct ObservedFace {
    /// Which track.
    pub track: TrackId,
    /// Where the track stands in its life.
    pub state: TrackState,
    /// Where the face is, in pixels of the upright picture: the tracker's estimate.
    pub bbox: BBox,
    /// The detection in this frame; `None` where the box is a prediction.
    pub face: Option<Face>,
    /// The embedding taken from this frame; `None` where this frame was not embedded for this track.
    pub embedding: Option<Embedding>,
    /// The attributes estimated from this frame alone; `None` where none were.
    pub estimate: Option<Attributes>,
    /// Who the track is, as far as is known by this frame.
    pub identity: Identity,
    /// Age and gender of the track, over all estimates so far; `None` while unknown.
    pub attributes: Option<Attributes>,
}

/// What is known of one frame.
#[derive(Debug)]
pub struct Observation {
    /// Which frame.
    pub meta: FrameMeta,
    /// The width of the upright picture in pixels.
    pub width: u32,
    /// The height of the upright picture in pixels.
    pub height: u32,
    /// What was done with the frame.
    pub kind: FrameKind,
    /// The live tracks, by rising id. Empty where nobody is there.
    pub faces: Vec<ObservedFace>,
    /// The tracks that ended with this frame.
    pub ended: Vec<TrackId>,
}

impl Clone for Observation {
    fn clone(&self) -> Self {
        Self { faces: self.faces.clone(), ended: self.ended.clone(), ..*self }
    }

    /// Uses the memory of both lists again.
    fn clone_from(&mut self, source: &Self) {
        let Self { meta, width, height, kind, faces, ended } = source;
        (self.meta, self.width, self.height, self.kind) = (*meta, *width, *height, *kind);
        self.faces.clone_from(faces);
        self.ended.clone_from(ended);
    }
}
