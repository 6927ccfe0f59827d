//! A camera's counter of zones and lines, behind a guard: if it fails, the camera goes on without its counts of that frame.

use std::sync::Arc;

use passerby_types::{
    CameraId, ErrorClass, Face, FrameMeta, ObservedFace, StageError, StageFactory, TrackId, ZoneCounter,
    ZoneEvent,
};

use crate::context::AnalysisContext;
use crate::figures::meter::CameraMeter;
use crate::guard::{Guard, guarded};
use crate::stages::Stages;

/// The name of the stage in all figures.
const STAGE: &str = "zones";

/// The counter of a camera with zones.
pub(crate) struct CameraZones {
    guard: Guard<dyn ZoneCounter>,
    /// The faces of a frame that count.
    watched: Vec<Face>,
    /// The tracks that have ended since the last call.
    ended: Vec<TrackId>,
}

impl CameraZones {
    /// Makes the camera's counter, or returns `None` if the camera has no zones.
    ///
    /// # Errors
    /// An error of the class `Reset` if the factory panics.
    pub(crate) fn new(
        stages: &Stages,
        camera: CameraId,
        context: &AnalysisContext,
    ) -> Result<Option<Self>, StageError> {
        let Some(counters) = stages.counters.clone() else { return Ok(None) };
        if guarded(STAGE, || counters(camera))?.is_none() {
            return Ok(None);
        }
        let none =
            move || StageError::new(ErrorClass::Reset, STAGE, format!("{camera} has no zones any more"));
        let factory: StageFactory<dyn ZoneCounter> = Arc::new(move || counters(camera).ok_or_else(none));
        let guard = Guard::new(STAGE, factory, &context.timer.stages)?;
        Ok(Some(Self { guard, watched: Vec::new(), ended: Vec::new() }))
    }

    /// Returns the faces that count, and counts the others. If the counter fails, all of them count.
    pub(crate) fn watched<'a>(
        &'a mut self,
        meter: &CameraMeter,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: &'a [Face],
    ) -> &'a [Face] {
        let Self { guard, watched, .. } = self;
        watched.clear();
        let filtered = guard.call(meter, Some(meta), |counter| {
            watched.extend(faces.iter().filter(|face| counter.watches(&face.bbox, size)));
            Ok(())
        });
        if filtered.is_err() {
            return faces;
        }
        let outside = faces.len() - watched.len();
        if outside > 0 {
            meter.lock().report.faces.outside_region += outside as u64;
        }
        watched
    }

    /// Takes tracks that have ended.
    pub(crate) fn end(&mut self, tracks: &[TrackId]) {
        self.ended.extend_from_slice(tracks);
    }

    /// Returns the events of the tracks of a frame, and of those that ended.
    pub(crate) fn update(
        &mut self,
        context: &AnalysisContext,
        meter: &Arc<CameraMeter>,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: &[ObservedFace],
    ) -> Vec<ZoneEvent> {
        let Self { guard, ended, .. } = self;
        let mut events = Vec::new();
        let updated = context.timer.timed(STAGE, meter, 1, || {
            guard.call(meter, Some(meta), |counter| {
                counter.update(meta, size, faces, ended, &mut events);
                Ok(())
            })
        });
        ended.clear();
        if updated.is_err() {
            events.clear();
        }
        events
    }
}
