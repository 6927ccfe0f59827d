//! The results of one camera.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, Ledger, SinkError, SourceError, StageError};

use crate::figures::track_end::TrackEnd;
use crate::output::writer::{WriteCounts, WriteReport};

/// The time spent in one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTime {
    /// The number of calls.
    pub calls: u64,
    /// The number of items in all calls: frames, or faces for the stages that take faces.
    pub items: u64,
    /// The time in all calls together.
    pub busy: Duration,
}

/// The error that ended a camera before the end of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The source failed and gives no more pictures.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A stage failed with [`Fatal`](passerby_types::ErrorClass::Fatal).
    #[error(transparent)]
    Stage(#[from] StageError),
}

/// The results of one camera that has ended.
///
/// Stages have the names `capture`, `detect`, `track`, `embed`, `identify`, `classify`, `fuse`, `zones` and `store` in all fields,
/// even if a stage's own errors use another name.
#[derive(Debug, Default)]
pub struct CameraReport {
    /// The camera.
    pub camera: CameraId,
    /// The name of its source.
    pub name: String,
    /// The fates of all frames.
    pub ledger: Ledger,
    /// The error that ended the camera early, or `None` if its source ended or the caller stopped it.
    pub error: Option<FlowError>,
    /// The first [`CameraReport::MAX_NOTES`] messages of frames that could not be decoded, outages of the source and stages
    /// that failed. An outage is one message, with its first error and, if the source came back, how long it was away. The
    /// ledger, `interruptions` and `failures` count all of them.
    pub notes: Vec<String>,
    /// The number of failed calls of each stage. A stage that did not fail is not in the map.
    pub failures: BTreeMap<&'static str, u64>,
    /// The number of instances of each stage that failed and were replaced. A stage that was not replaced is not in the
    /// map. A tracker that starts again because the picture's size changed does not count.
    pub rebuilds: BTreeMap<&'static str, u64>,
    /// How often the source lost its connection, stalled or froze, and was asked again.
    pub interruptions: u64,
    /// The time in each stage, in the order in which a frame passes them.
    pub stages: Vec<(&'static str, StageTime)>,
    /// The number of faces that the detector found.
    pub faces: u64,
    /// The number of boxes that the detector left out because a frame had too many; see
    /// [`Detector::left_out`](passerby_types::Detector::left_out).
    pub faces_left_out: u64,
    /// The number of faces that were not tracked because the camera's zones do not watch their places; see
    /// [`ZoneCounter::watches`](passerby_types::ZoneCounter::watches). They are among `faces`.
    pub faces_outside_region: u64,
    /// How often the picture showed another scene than the one before: a cut, another channel, or a camera that was turned. All
    /// tracks of the camera end there.
    pub scene_changes: u64,
    /// The number of tracks that ended, by reason. A reason without a track is not in the map.
    pub track_ends: BTreeMap<TrackEnd, u64>,
    /// The counts of the camera's observations at the sink.
    pub writes: WriteCounts,
    /// The error that ended the sink, after which the frames go on without it. If it did not end early and observations of
    /// this camera were lost, the sink's last error. `None` if neither is so, or if the sink was only too slow.
    pub sink_error: Option<Arc<SinkError>>,
}

impl CameraReport {
    /// The most messages in `notes`.
    pub const MAX_NOTES: usize = 20;

    /// Adds the counts of the camera's observations at the sink.
    pub(crate) fn add_writes(&mut self, written: &WriteReport) {
        self.writes = written.cameras.get(&self.camera).copied().unwrap_or_default();
        let cause = written.last_failure.as_ref().filter(|_| self.writes.lost > 0);
        self.sink_error = written.error.as_ref().or(cause).cloned();
    }
}
