//! What a [`crate::Reader`] gives.

use std::fmt;
use std::time::SystemTime;

use passerby_types::{Attributes, CameraId, PersonId, TrackKey};

/// One opening of a database for writing. Given in order from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.0)
    }
}

/// One opening of a database for writing. Times are exact to the microsecond, here and below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Which.
    pub id: RunId,
    /// When it began.
    pub started: SystemTime,
    /// When it was last made durable, where it ever was.
    pub flushed: Option<SystemTime>,
    /// When it ended; `None` while it goes on, and for ever after a crash.
    pub ended: Option<SystemTime>,
    /// The version of the program.
    pub version: String,
}

/// One camera of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraRow {
    /// Which.
    pub id: CameraId,
    /// Its name, where it was given one.
    pub name: Option<String>,
    /// The width of its last picture in pixels; `None` before the first.
    pub width: Option<u32>,
    /// The height of its last picture in pixels; `None` before the first.
    pub height: Option<u32>,
    /// Frames that the detector ran on.
    pub analysed: u64,
    /// Frames over which the tracker coasted.
    pub coasted: u64,
    /// The lowest frame number; `None` before the first frame.
    pub first_seq: Option<u64>,
    /// The highest frame number; `None` before the first frame.
    pub last_seq: Option<u64>,
    /// When the first frame arrived; `None` before it.
    pub first_seen: Option<SystemTime>,
    /// When the last frame arrived; `None` before the first.
    pub last_seen: Option<SystemTime>,
}

/// One person of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonRow {
    /// Who: the gallery's number, which means the same person only within its run.
    pub id: PersonId,
    /// When the first frame of the person's first track arrived.
    pub first_seen: SystemTime,
    /// When the last frame arrived in which a track was this person.
    pub last_seen: SystemTime,
    /// How many looks were embedded while the track was this person.
    pub sightings: u64,
    /// How many tracks are this person's.
    pub tracks: u64,
    /// How many cameras saw the person.
    pub cameras: u64,
    /// How many frames the person's tracks have together, predicted boxes included.
    pub frames: u64,
    /// Age and gender of the person's latest track; `None` while unknown.
    pub attributes: Option<Attributes>,
}

/// One track of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackRow {
    /// Which.
    pub key: TrackKey,
    /// The frame it began with.
    pub first_seq: u64,
    /// The last frame it was in.
    pub last_seq: u64,
    /// When the frame it began with arrived.
    pub first_seen: SystemTime,
    /// When the last frame it was in arrived.
    pub last_seen: SystemTime,
    /// How many frames it was in, predicted boxes included.
    pub frames: u64,
    /// Whether it was ever believed; false may be a false detection.
    pub confirmed: bool,
    /// The frame it ended with; `None` while it lives, or where the run broke off.
    pub ended_seq: Option<u64>,
    /// Who it is, as last known.
    pub person: Option<PersonId>,
    /// The similarity of the last identity, -1 to 1.
    pub similarity: Option<f32>,
    /// Age and gender over all estimates; `None` while unknown.
    pub attributes: Option<Attributes>,
}

/// How much there is of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cameras.
    pub cameras: u64,
    /// Frames that the detector ran on.
    pub analysed: u64,
    /// Frames over which the tracker coasted.
    pub coasted: u64,
    /// Faces of frames: one row a live track a frame.
    pub observations: u64,
    /// Tracks, with those never believed.
    pub tracks: u64,
    /// Tracks that were believed at some time.
    pub confirmed: u64,
    /// Persons who have a track.
    pub persons: u64,
    /// Stored embeddings.
    pub templates: u64,
}
