//! The counts of one camera while it runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use passerby_types::{CameraId, ErrorClass, Ledger, SourceError, StageError};

use crate::figures::report::{CameraReport, FlowError, StageTime};
use crate::output::writer::WriteCounts;

/// The counts of one camera while it runs, from which its [`CameraReport`] is made.
#[derive(Debug, Default)]
pub(crate) struct CameraRecorder {
    pub(crate) camera: CameraId,
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
    pub(crate) error: Option<FlowError>,
    pub(crate) notes: Vec<String>,
    pub(crate) failures: BTreeMap<&'static str, u64>,
    pub(crate) rebuilds: BTreeMap<&'static str, u64>,
    pub(crate) interruptions: u64,
    /// The latest interruption, if no picture has come since.
    interrupted: Option<SourceError>,
    stages: Vec<(&'static str, StageTime)>,
    pub(crate) faces: u64,
}

impl CameraRecorder {
    pub(crate) fn new(camera: CameraId, name: &str) -> Self {
        Self { camera, name: name.to_owned(), ..Self::default() }
    }

    /// Returns the report, with the error moved out. The counts stay, because figures can be read after the end.
    pub(crate) fn take_report(&mut self) -> CameraReport {
        CameraReport {
            camera: self.camera,
            name: self.name.clone(),
            ledger: self.ledger.clone(),
            error: self.error.take(),
            notes: self.notes.clone(),
            failures: self.failures.clone(),
            rebuilds: self.rebuilds.clone(),
            interruptions: self.interruptions,
            stages: self.stages.clone(),
            faces: self.faces,
            writes: WriteCounts::default(),
            sink_error: None,
        }
    }

    /// Counts a frame that the source gave.
    pub(crate) fn capture(&mut self) {
        self.ledger.capture();
        self.interrupted = None;
    }

    /// Counts the frames that the source lost, or an interruption. Breaks if the error ends the camera.
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

    /// Notes the end of the source. If no picture came after the latest interruption, that is the error that ended it.
    pub(crate) fn source_ended(&mut self) {
        if let (None, Some(error)) = (&self.error, self.interrupted.take()) {
            self.error = Some(error.into());
        }
    }

    pub(crate) fn note(&mut self, message: String) {
        if self.notes.len() < CameraReport::MAX_NOTES {
            self.notes.push(message);
        }
    }

    /// Counts a failed call of a stage, and keeps the text of the error as a note.
    pub(crate) fn fail(&mut self, stage: &'static str, error: &StageError) {
        *self.failures.entry(stage).or_default() += 1;
        self.note(error.to_string());
    }

    /// Counts an instance of a stage that was replaced.
    pub(crate) fn rebuild(&mut self, stage: &'static str) {
        *self.rebuilds.entry(stage).or_default() += 1;
    }

    /// Counts a call of a stage.
    pub(crate) fn spend(&mut self, stage: &'static str, items: usize, busy: Duration) {
        let place = self.stages.iter().position(|(name, _)| *name == stage).unwrap_or_else(|| {
            self.stages.push((stage, StageTime::default()));
            self.stages.len() - 1
        });
        let time = &mut self.stages[place].1;
        time.calls += 1;
        time.items += items as u64;
        time.busy += busy;
    }
}
