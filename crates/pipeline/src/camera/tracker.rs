//! A camera's tracker, and the camera's own numbers for its tracks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Face, FrameMeta, StageError, TrackId, TrackUpdate, Tracker};

use crate::figures::meter::{CameraMeter, StageMeters};
use crate::figures::track_end::TrackEnd;
use crate::guard::Guard;
use crate::stages::Stages;

/// A camera's tracker and its live tracks.
///
/// The camera numbers its tracks from 1 in the order in which they appear. A number never comes back: if the tracker is rebuilt
/// and counts from 1 again, or if the face behind a track has changed, the camera counts on.
pub(crate) struct CameraTracker {
    guard: Guard<dyn Tracker>,
    /// The last frame's size in pixels and the number of its scene.
    view: Option<((u32, u32), u64)>,
    /// The camera's number of each live track of the instance. `None` if the camera has ended it and it has no face since.
    numbers: BTreeMap<TrackId, Option<TrackId>>,
    last_number: u64,
}

impl CameraTracker {
    /// Makes the tracker.
    ///
    /// # Errors
    /// The error of the tracker's factory.
    pub(crate) fn new(stages: &Stages, meters: &Arc<StageMeters>) -> Result<Self, StageError> {
        Ok(Self {
            guard: Guard::new("track", stages.tracker.clone(), meters)?,
            view: None,
            numbers: BTreeMap::new(),
            last_number: 0,
        })
    }

    /// Gives the next frame to the tracker, and writes its tracks to `out`. `size` is that of the frame in pixels. If it differs
    /// from the last frame's, or if the frame shows another scene, all tracks end and the tracker starts anew.
    ///
    /// # Errors
    /// The tracker's error, which is counted. All tracks have ended with it: `out.ended` names them, and `out.tracks` is
    /// empty.
    pub(crate) fn update(
        &mut self,
        meter: &CameraMeter,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: Option<&[Face]>,
        out: &mut TrackUpdate,
    ) -> Result<(), StageError> {
        let ended = self.begin_view(meter, size, meta.scene);
        out.clear();
        let updated = self.guard.call(meter, Some(meta), |tracker| {
            tracker.update(meta, faces, out);
            Ok(())
        });
        if let Err(error) = updated {
            out.clear();
            out.ended = ended;
            out.ended.extend(self.restart(meter, TrackEnd::TrackerFailed));
            return Err(error);
        }
        self.number(out);
        if !out.ended.is_empty() {
            meter.lock().report.faces.end_tracks(TrackEnd::Lost, out.ended.len());
        }
        out.ended.splice(..0, ended);
        Ok(())
    }

    /// Ends all tracks if the frame has another size, or shows another scene, than the last one. Returns the ended tracks.
    fn begin_view(&mut self, meter: &CameraMeter, size: (u32, u32), scene: u64) -> Vec<TrackId> {
        let Some((last_size, last_scene)) = self.view.replace((size, scene)) else { return Vec::new() };
        if (size, scene) == (last_size, last_scene) {
            return Vec::new();
        }
        if scene != last_scene {
            meter.lock().report.faces.scene_changes += 1;
        }
        self.guard.discard();
        let reason = if size == last_size { TrackEnd::SceneChanged } else { TrackEnd::SizeChanged };
        self.restart(meter, reason)
    }

    /// Replaces the instance's numbers in `out` by the camera's. Leaves out the tracks that the camera has ended, as long as they
    /// have no face.
    fn number(&mut self, out: &mut TrackUpdate) {
        let Self { numbers, last_number, .. } = self;
        let mut is_sorted = true;
        let mut last = TrackId(0);
        out.tracks.retain_mut(|tracked| {
            let number = numbers.entry(tracked.track).or_insert_with(|| Some(next(last_number)));
            if tracked.face.is_some() {
                number.get_or_insert_with(|| next(last_number));
            }
            tracked.track = number.unwrap_or_default();
            is_sorted &= number.is_none() || tracked.track > last;
            last = tracked.track;
            number.is_some()
        });
        if !is_sorted {
            out.tracks.sort_unstable_by_key(|tracked| tracked.track);
        }
        out.ended.retain_mut(|track| {
            let number = numbers.remove(track).flatten();
            *track = number.unwrap_or_default();
            number.is_some()
        });
        out.ended.sort_unstable();
    }

    /// Returns true for a track that has not ended.
    pub(crate) fn is_live(&self, track: TrackId) -> bool {
        self.numbers.values().any(|number| *number == Some(track))
    }

    /// Ends a track because it shows another face than before, and returns the number under which it goes on. Returns `None` if
    /// the track is not live.
    pub(crate) fn renumber(&mut self, track: TrackId) -> Option<TrackId> {
        let number = self.numbers.values_mut().find(|number| **number == Some(track))?;
        *number = Some(next(&mut self.last_number));
        *number
    }

    /// Ends a track that the tracker still follows. If it finds a face for it again, that is a new track.
    pub(crate) fn end(&mut self, track: TrackId) {
        if let Some(number) = self.numbers.values_mut().find(|number| **number == Some(track)) {
            *number = None;
        }
    }

    /// Ends all live tracks, counts them, and returns them by rising number.
    pub(crate) fn restart(&mut self, meter: &CameraMeter, reason: TrackEnd) -> Vec<TrackId> {
        let mut ended: Vec<TrackId> = std::mem::take(&mut self.numbers).into_values().flatten().collect();
        ended.sort_unstable();
        meter.lock().report.faces.end_tracks(reason, ended.len());
        ended
    }

    /// Returns how long to wait before the next frame, if the tracker failed several times in a row.
    pub(crate) fn back_off(&self) -> Duration {
        self.guard.back_off()
    }
}

/// Returns the number after the last one.
fn next(last: &mut u64) -> TrackId {
    *last += 1;
    TrackId(*last)
}
