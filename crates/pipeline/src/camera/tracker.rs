//! A camera's tracker, with ids that stay unique if the tracker is rebuilt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Face, FrameMeta, StageError, TrackId, TrackUpdate, Tracker};

use crate::figures::meter::{CameraMeter, StageMeters};
use crate::guard::Guard;
use crate::stages::Stages;

/// A camera's tracker and its live tracks.
pub(crate) struct CameraTracker {
    guard: Guard<dyn Tracker>,
    /// The size of the last frame in pixels.
    size: Option<(u32, u32)>,
    live: BTreeSet<TrackId>,
    /// The camera's id of a track is the instance's id plus this: a rebuilt tracker counts from 1 again.
    id_offset: u64,
    highest_id: u64,
}

impl CameraTracker {
    /// Makes the tracker.
    ///
    /// # Errors
    /// The error of the tracker's factory.
    pub(crate) fn new(stages: &Stages, meters: &Arc<StageMeters>) -> Result<Self, StageError> {
        Ok(Self {
            guard: Guard::new("track", stages.tracker.clone(), meters)?,
            size: None,
            live: BTreeSet::new(),
            id_offset: 0,
            highest_id: 0,
        })
    }

    /// Gives the next frame to the tracker, and writes its tracks to `out`. `size` is that of the frame in pixels; if it
    /// differs from the last frame's, all tracks end and the tracker starts anew.
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
        let mut ended = Vec::new();
        if self.size.replace(size).is_some_and(|last| last != size) {
            self.guard.discard();
            ended = self.restart();
        }
        out.clear();
        let updated = self.guard.call(meter, Some(meta), |tracker| {
            tracker.update(meta, faces, out);
            Ok(())
        });
        if let Err(error) = updated {
            out.clear();
            out.ended = ended;
            out.ended.extend(self.restart());
            return Err(error);
        }
        let camera_id = |id: TrackId| TrackId(self.id_offset.saturating_add(id.0));
        out.tracks.iter_mut().for_each(|tracked| tracked.track = camera_id(tracked.track));
        out.ended.iter_mut().for_each(|track| *track = camera_id(*track));
        self.live.extend(out.tracks.iter().map(|tracked| tracked.track));
        let highest = self.live.iter().chain(&out.ended).max();
        self.highest_id = highest.map_or(self.highest_id, |id| self.highest_id.max(id.0));
        self.live.retain(|id| !out.ended.contains(id));
        out.ended.splice(..0, ended);
        Ok(())
    }

    /// Returns true for a track that has not ended.
    pub(crate) fn is_live(&self, track: TrackId) -> bool {
        self.live.contains(&track)
    }

    /// Ends all live tracks and returns them. The next instance counts on from the last id.
    pub(crate) fn restart(&mut self) -> Vec<TrackId> {
        self.id_offset = self.highest_id;
        std::mem::take(&mut self.live).into_iter().collect()
    }

    /// Returns how long to wait before the next frame, if the tracker failed several times in a row.
    pub(crate) fn back_off(&self) -> Duration {
        self.guard.back_off()
    }
}
