//! The counts of one camera while it runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use passerby_types::{CameraId, ErrorClass, Ledger, SourceError, StageError, Timestamp};

use crate::figures::report::{CameraReport, FlowError, StageTime};
use crate::figures::track_end::TrackEnd;
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
    /// The present outage: no picture has come since an interruption.
    outage: Option<Outage>,
    /// True if the source has given a picture.
    has_pictures: bool,
    stages: Vec<(&'static str, StageTime)>,
    pub(crate) faces: FaceCounts,
}

/// The faces of a camera and their tracks.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaceCounts {
    /// The faces that the detector found.
    pub(crate) found: u64,
    /// The boxes that the detector left out because of its limit.
    pub(crate) left_out: u64,
    /// The faces outside the camera's region of interest or in a region to ignore.
    pub(crate) outside_region: u64,
    /// The frames with boxes beyond the limit.
    pub(crate) crowded_frames: u64,
    /// How often the camera showed another scene.
    pub(crate) scene_changes: u64,
    /// The tracks that ended, by reason.
    pub(crate) track_ends: BTreeMap<TrackEnd, u64>,
}

impl FaceCounts {
    /// Counts tracks that ended.
    pub(crate) fn end_tracks(&mut self, reason: TrackEnd, tracks: usize) {
        if tracks > 0 {
            *self.track_ends.entry(reason).or_default() += tracks as u64;
        }
    }
}

/// A time without pictures after an interruption.
#[derive(Debug)]
struct Outage {
    began: Timestamp,
    /// The place of its note, if there was room for one.
    note: Option<usize>,
    /// The latest error.
    error: SourceError,
}

/// How a picture of a source changes the state of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first picture of the camera.
    First,
    /// The first picture after an outage of this length.
    Recovered(Duration),
    /// Any other picture.
    Next,
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
            faces: self.faces.found,
            faces_left_out: self.faces.left_out,
            faces_outside_region: self.faces.outside_region,
            scene_changes: self.faces.scene_changes,
            track_ends: self.faces.track_ends.clone(),
            writes: WriteCounts::default(),
            sink_error: None,
        }
    }

    /// Counts a frame that the source gave. If it ends an outage, the outage's note gets its length.
    pub(crate) fn capture(&mut self, now: Timestamp) -> Arrival {
        self.ledger.capture();
        let is_first = !std::mem::replace(&mut self.has_pictures, true);
        let Some(Outage { began, note, .. }) = self.outage.take() else {
            return if is_first { Arrival::First } else { Arrival::Next };
        };
        let outage = now.since(began);
        if let Some(note) = note.and_then(|place| self.notes.get_mut(place)) {
            note.push_str(&format!("; away for {outage:.1?}"));
        }
        if is_first { Arrival::First } else { Arrival::Recovered(outage) }
    }

    /// Returns true if no picture has come since an interruption.
    pub(crate) fn is_away(&self) -> bool {
        self.outage.is_some()
    }

    /// Counts the frames that the source lost, or an interruption. An outage has one note, however many errors it has. Breaks
    /// if the error ends the camera.
    pub(crate) fn lose(&mut self, error: SourceError, now: Timestamp) -> ControlFlow<()> {
        let (frames, reason) = error.lost();
        self.ledger.lose(frames, reason);
        match error.class() {
            ErrorClass::Skip => {
                self.note(error.to_string());
            }
            ErrorClass::Reset => {
                self.interruptions += 1;
                match &mut self.outage {
                    Some(outage) => outage.error = error,
                    None => {
                        let note = self.note(error.to_string());
                        self.outage = Some(Outage { began: now, note, error });
                    }
                }
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
        if let (None, Some(outage)) = (&self.error, self.outage.take()) {
            self.error = Some(outage.error.into());
        }
    }

    /// Adds a note if there is room for it. Returns its place.
    pub(crate) fn note(&mut self, message: String) -> Option<usize> {
        if self.notes.len() >= CameraReport::MAX_NOTES {
            return None;
        }
        self.notes.push(message);
        Some(self.notes.len() - 1)
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
