//! The result of the pipeline for one frame.

mod zone_event;

pub use zone_event::{LineSide, ZoneChange, ZoneEvent};

use crate::face::{Attributes, Embedding, Face};
use crate::frame::FrameMeta;
use crate::geometry::BBox;
use crate::identity::Identity;
use crate::track::{TrackId, TrackState};

/// How the pipeline handled a frame.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The detector ran on the frame.
    Analysed,
    /// The detector did not run: the tracker predicted where its tracks are.
    Coasted,
}

/// One track in one frame, with everything that the pipeline knew about the track by then.
#[derive(Clone, Debug)]
pub struct ObservedFace {
    /// The track's number at its camera.
    pub track: TrackId,
    /// The track's state after this frame.
    pub state: TrackState,
    /// The tracker's estimate of the face's box, in pixels of the upright picture. It may reach outside the picture.
    pub bbox: BBox,
    /// The detection in this frame, or `None` if `bbox` is a prediction.
    pub face: Option<Face>,
    /// The embedding of the face in this frame, or `None` if the pipeline did not embed it.
    pub embedding: Option<Embedding>,
    /// The attributes estimated from this frame alone, or `None` if the pipeline did not classify it.
    pub estimate: Option<Attributes>,
    /// The track's identity.
    pub identity: Identity,
    /// The track's age and gender over all estimates until now, or `None` while there are too few.
    pub attributes: Option<Attributes>,
}

impl ObservedFace {
    /// Creates the observation of a confirmed track of which only the box is known.
    ///
    /// ```
    /// use passerby_types::{BBox, Identity, ObservedFace};
    ///
    /// let face = ObservedFace::new(7, BBox::from_xywh(10.0, 20.0, 40.0, 50.0));
    /// assert_eq!((face.track.0, face.identity), (7, Identity::Pending));
    /// ```
    #[must_use]
    pub fn new(track: impl Into<TrackId>, bbox: BBox) -> Self {
        Self {
            track: track.into(),
            state: TrackState::Confirmed,
            bbox,
            face: None,
            embedding: None,
            estimate: None,
            identity: Identity::Pending,
            attributes: None,
        }
    }
}

/// The result of the pipeline for one frame.
#[derive(Debug)]
pub struct Observation {
    /// The frame's number and times.
    pub meta: FrameMeta,
    /// The width of the upright picture in pixels.
    pub width: u32,
    /// The height of the upright picture in pixels.
    pub height: u32,
    /// How the pipeline handled the frame.
    pub kind: FrameKind,
    /// The live tracks, by rising number. Empty if the frame has no track.
    pub faces: Vec<ObservedFace>,
    /// The tracks that ended with this frame.
    pub ended: Vec<TrackId>,
    /// What the tracks did at the zones and lines of the camera. Empty if the camera has none.
    pub zone_events: Vec<ZoneEvent>,
}

impl Observation {
    /// Creates the observation of an analysed frame without faces. `width` and `height` are in pixels.
    ///
    /// ```
    /// use passerby_types::{FrameMeta, Observation};
    ///
    /// let observation = Observation::new(FrameMeta::new(0, 12), 640, 360);
    /// assert!(observation.faces.is_empty());
    /// ```
    #[must_use]
    pub fn new(meta: FrameMeta, width: u32, height: u32) -> Self {
        Self {
            meta,
            width,
            height,
            kind: FrameKind::Analysed,
            faces: Vec::new(),
            ended: Vec::new(),
            zone_events: Vec::new(),
        }
    }
}

impl Clone for Observation {
    fn clone(&self) -> Self {
        let Self { faces, ended, zone_events, .. } = self;
        Self { faces: faces.clone(), ended: ended.clone(), zone_events: zone_events.clone(), ..*self }
    }

    /// Reuses the memory of the lists.
    fn clone_from(&mut self, source: &Self) {
        let Self { meta, width, height, kind, faces, ended, zone_events } = source;
        self.meta = *meta;
        self.width = *width;
        self.height = *height;
        self.kind = *kind;
        self.faces.clone_from(faces);
        self.ended.clone_from(ended);
        self.zone_events.clone_from(zone_events);
    }
}
