//! The rows that a [`Reader`](crate::Reader) returns.

use std::fmt;
use std::time::SystemTime;

use passerby_types::{Attributes, CameraId, PersonId, TrackKey};

/// The number of a run. Each opening of a database for writing is a run, and the numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.0)
    }
}

/// One run. All times of a database are exact to the microsecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run's number.
    pub id: RunId,
    /// The time of day when the run began.
    pub started: SystemTime,
    /// The time of day of the last flush, or `None` if there was none.
    pub flushed: Option<SystemTime>,
    /// The time of day when the run ended, or `None` if it is still going on or broke off.
    pub ended: Option<SystemTime>,
    /// The version of the program.
    pub version: String,
}

/// One camera of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraRow {
    /// The camera's number.
    pub id: CameraId,
    /// The camera's name, or `None` if the sink was not given one.
    pub name: Option<String>,
    /// The width of the last picture in pixels, or `None` before the first frame.
    pub width: Option<u32>,
    /// The height of the last picture in pixels, or `None` before the first frame.
    pub height: Option<u32>,
    /// The number of frames that the detector ran on.
    pub analysed: u64,
    /// The number of frames that only the tracker handled.
    pub coasted: u64,
    /// The lowest frame number, or `None` before the first frame.
    pub first_seq: Option<u64>,
    /// The highest frame number, or `None` before the first frame.
    pub last_seq: Option<u64>,
    /// The time of day when the first frame arrived, or `None` before it.
    pub first_seen: Option<SystemTime>,
    /// The time of day when the last frame arrived, or `None` before the first.
    pub last_seen: Option<SystemTime>,
}

/// One person of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonRow {
    /// The person's number in the gallery. It means the same person only within its run, unless the run had
    /// [`SqliteSettings::lasting_persons`](crate::SqliteSettings::lasting_persons).
    pub id: PersonId,
    /// The time of day when the first frame of the person's first track arrived.
    pub first_seen: SystemTime,
    /// The time of day when the last frame arrived in which a track was this person.
    pub last_seen: SystemTime,
    /// The number of faces that were embedded while their track was this person.
    pub sightings: u64,
    /// The number of tracks of this person.
    pub tracks: u64,
    /// The number of cameras that saw the person.
    pub cameras: u64,
    /// The number of frames in which the person's face was found, over all confirmed tracks.
    pub frames: u64,
    /// The age and gender by [`Attributes::weighted_mean`] over the person's confirmed tracks, or `None` while they are
    /// unknown.
    pub attributes: Option<Attributes>,
}

/// One track of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackRow {
    /// The track's camera and number.
    pub key: TrackKey,
    /// The number of the track's first frame.
    pub first_seq: u64,
    /// The number of the track's last frame.
    pub last_seq: u64,
    /// The time of day when the track's first frame arrived.
    pub first_seen: SystemTime,
    /// The time of day when the track's last frame arrived.
    pub last_seen: SystemTime,
    /// The number of the track's frames, with predicted boxes.
    pub frames: u64,
    /// True if the track was ever confirmed. False may be a false detection.
    pub confirmed: bool,
    /// The number of the frame that the track ended with, or `None` if the track is live or the run broke off.
    pub ended_seq: Option<u64>,
    /// The last person that the track was, or `None` if it was none.
    pub person: Option<PersonId>,
    /// The similarity of the last identity, -1 to 1.
    pub similarity: Option<f32>,
    /// The age and gender over all estimates, or `None` while they are unknown.
    pub attributes: Option<Attributes>,
}

/// The numbers of rows of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredCounts {
    /// Cameras.
    pub cameras: u64,
    /// Frames that the detector ran on.
    pub analysed: u64,
    /// Frames that only the tracker handled.
    pub coasted: u64,
    /// Faces in frames: one row for each live track of each frame.
    pub observations: u64,
    /// Tracks, with those that were never confirmed.
    pub tracks: u64,
    /// Tracks that were ever confirmed.
    pub confirmed: u64,
    /// Persons with a track.
    pub persons: u64,
    /// Stored embeddings.
    pub templates: u64,
}
