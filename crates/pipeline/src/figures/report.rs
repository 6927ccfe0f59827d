//! What a run says of itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, ErrorClass, Ledger, SinkError, SourceError, StageError};

use crate::output::writer::{WriteCounts, WriteReport};

/// The time spent in one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTime {
    /// Calls.
    pub calls: u64,
    /// Items handled: frames, or faces for the stages that look at faces.
    pub items: u64,
    /// The time in all calls together.
    pub busy: Duration,
}

/// What ended a run before the end of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The source is done for.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A stage asked to stop.
    #[error(transparent)]
    Stage(#[from] StageError),
}

/// What became of one camera's frames.
#[derive(Debug, Default)]
pub struct CameraReport {
    /// Which camera.
    pub camera: CameraId,
    /// What the camera is called.
    pub name: String,
    /// Every frame, counted.
    pub ledger: Ledger,
    /// What ended the run early; `None` where the source simply ended or the watcher stopped it.
    pub error: Option<FlowError>,
    /// The first messages of what was skipped: undecodable frames, failed stages. At most [`CameraReport::NOTES`]; the
    /// ledger and `failures` count all of them.
    pub notes: Vec<String>,
    /// The camera's failed calls, by the stage's name in the pipeline: `detect`, `track`, `embed`, `identify`,
    /// `classify` or `fuse`. The notes keep the names that the stages give themselves.
    pub failures: BTreeMap<&'static str, u64>,
    /// Instances that were given up for a new one after a failed call of this camera in this run, by the same names. A
    /// stage without any is not in it. A tracker that starts anew with a run, or because the picture's size changed, does
    /// not count.
    pub rebuilds: BTreeMap<&'static str, u64>,
    /// How often the source lost its connection, stalled or froze, and asked to be asked again.
    pub interruptions: u64,
    /// The last of them, where no picture came since.
    pub interrupted: Option<SourceError>,
    /// Time by stage, in the order in which a frame meets them: `capture`, `detect`, `track`, `embed`, `identify`,
    /// `classify`, `fuse`, `store`.
    pub stages: Vec<(&'static str, StageTime)>,
    /// Faces detected.
    pub faces: u64,
    /// What became of the camera's observations.
    pub writes: WriteCounts,
    /// What ended the sink, where something did. The frames went on without it.
    pub sink_error: Option<Arc<SinkError>>,
}

impl CameraReport {
    /// How many messages are kept.
    pub const NOTES: usize = 20;

    /// Counts a frame that the source gave.
    pub(crate) fn capture(&mut self) {
        self.ledger.capture();
        self.interrupted = None;
    }

    /// Counts the frames that the source lost, or an interruption, or notes what ended the source.
    pub(crate) fn lose(&mut self, error: SourceError) -> ControlFlow<()> {
        let (frames, reason) = error.lost();
        self.ledger.lose(frames, reason);
        match error.class() {
            ErrorClass::Skip => self.note(error.to_string()),
            ErrorClass::Reset => {
                self.note(error.to_string());
                self.interruptions += 1;
                self.interrupted = Some(error);
            }
            ErrorClass::Fatal => {
                self.error = Some(error.into());
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// The source says that there are no more pictures: an interruption that nothing followed is what ended it.
    pub(crate) fn source_ended(&mut self) {
        if let (None, Some(error)) = (&self.error, self.interrupted.take()) {
            self.error = Some(error.into());
        }
    }

    /// The same without what ended it.
    pub(crate) fn figures(&self) -> Self {
        Self {
            camera: self.camera,
            name: self.name.clone(),
            ledger: self.ledger.clone(),
            error: None,
            notes: self.notes.clone(),
            failures: self.failures.clone(),
            rebuilds: self.rebuilds.clone(),
            interruptions: self.interruptions,
            interrupted: None,
            stages: self.stages.clone(),
            faces: self.faces,
            writes: self.writes,
            sink_error: self.sink_error.clone(),
        }
    }

    /// Takes what became of the camera's observations.
    pub(crate) fn wrote(&mut self, done: &WriteReport) {
        self.writes = done.cameras.get(&self.camera).copied().unwrap_or_default();
        self.sink_error = done.error.clone();
    }

    pub(crate) fn note(&mut self, message: String) {
        if self.notes.len() < Self::NOTES {
            self.notes.push(message);
        }
    }

    /// Counts a failed call of the stage, and keeps the error's own words as a note.
    pub(crate) fn fail(&mut self, stage: &'static str, error: &StageError) {
        *self.failures.entry(stage).or_default() += 1;
        self.note(error.to_string());
    }

    /// Counts an instance of the stage that was given up for a new one.
    pub(crate) fn rebuild(&mut self, stage: &'static str) {
        *self.rebuilds.entry(stage).or_default() += 1;
    }

    pub(crate) fn spend(&mut self, stage: &'static str, items: usize, busy: Duration) {
        let place = self.stages.iter().position(|(name, _)| *name == stage).unwrap_or_else(|| {
            self.stages.push((stage, StageTime::default()));
            self.stages.len() - 1
        });
        let time = &mut self.stages[place].1;
        *time = StageTime { calls: time.calls + 1, items: time.items + items as u64, busy: time.busy + busy };
    }
}
