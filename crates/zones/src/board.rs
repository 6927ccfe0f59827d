//! The counts of all cameras, for several threads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby_types::{BBox, CameraId, FrameMeta, ObservedFace, TrackId, ZoneCounter, ZoneEvent};

use crate::plan::{ZoneError, ZonePlan};
use crate::watch::{LineFigures, ZoneFigures, ZoneWatch};

/// The zones and lines of all cameras with their counts. A clone shares them.
///
/// ```
/// use passerby_types::CameraId;
/// use passerby_zones::{LinePlan, ZoneBoard, ZonePlan};
///
/// let gate = LinePlan { name: "gate".into(), from: [0.5, 0.0], to: [0.5, 1.0] };
/// let board = ZoneBoard::default();
/// board.set(CameraId(0), &ZonePlan { lines: vec![gate], ..ZonePlan::default() })?;
/// // For a pipeline: `stages.counting(move |camera| counters.counter(camera))`, with a clone of the board.
/// assert!(board.counter(CameraId(0)).is_some() && board.counter(CameraId(1)).is_none());
/// assert_eq!(board.figures()[0].lines[0].left_to_right, 0);
/// # Ok::<(), passerby_zones::ZoneError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ZoneBoard {
    cameras: Arc<Mutex<BTreeMap<CameraId, CameraWatch>>>,
}

#[derive(Clone, Debug)]
struct CameraWatch {
    plan: ZonePlan,
    watch: Arc<Mutex<ZoneWatch>>,
}

/// The counts of one camera.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameraZones {
    /// The camera.
    pub camera: CameraId,
    /// The counts of its zones, in the order of the plan.
    pub zones: Vec<ZoneFigures>,
    /// The counts of its lines, in the order of the plan.
    pub lines: Vec<LineFigures>,
}

impl ZoneBoard {
    /// Sets the plan of a camera, which counts from zero. If the camera is running with a counter of this board, the plan holds from its
    /// next frame on: a person who is in a zone then has entered it.
    ///
    /// # Errors
    /// The first fault of the plan. The camera keeps the plan that it had.
    pub fn set(&self, camera: CameraId, plan: &ZonePlan) -> Result<(), ZoneError> {
        let watch = ZoneWatch::new(plan)?;
        let mut cameras = lock(&self.cameras);
        match cameras.get_mut(&camera) {
            Some(known) => {
                known.plan.clone_from(plan);
                *lock(&known.watch) = watch;
            }
            None => {
                let watch = Arc::new(Mutex::new(watch));
                cameras.insert(camera, CameraWatch { plan: plan.clone(), watch });
            }
        }
        Ok(())
    }

    /// Removes a camera with its counts. Its counter goes on until the camera ends.
    pub fn remove(&self, camera: CameraId) {
        lock(&self.cameras).remove(&camera);
    }

    /// Returns the plan of a camera, or `None` if it has none.
    #[must_use]
    pub fn plan(&self, camera: CameraId) -> Option<ZonePlan> {
        lock(&self.cameras).get(&camera).map(|known| known.plan.clone())
    }

    /// Returns the counter of a camera for a pipeline, or `None` if the camera has no plan.
    #[must_use]
    pub fn counter(&self, camera: CameraId) -> Option<Box<dyn ZoneCounter>> {
        let watch = Arc::clone(&lock(&self.cameras).get(&camera)?.watch);
        Some(Box::new(SharedWatch(watch)))
    }

    /// Returns the counts of each camera with a plan, by rising camera.
    #[must_use]
    pub fn figures(&self) -> Vec<CameraZones> {
        let cameras = lock(&self.cameras);
        let figures = cameras.iter().map(|(camera, known)| {
            let watch = lock(&known.watch);
            CameraZones { camera: *camera, zones: watch.zones().to_vec(), lines: watch.lines().to_vec() }
        });
        figures.collect()
    }
}

/// The counter of one camera, whose counts others read.
struct SharedWatch(Arc<Mutex<ZoneWatch>>);

impl ZoneCounter for SharedWatch {
    fn watches(&mut self, bbox: &BBox, size: (u32, u32)) -> bool {
        ZoneCounter::watches(&mut *lock(&self.0), bbox, size)
    }

    fn update(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: &[ObservedFace],
        ended: &[TrackId],
        events: &mut Vec<ZoneEvent>,
    ) {
        ZoneCounter::update(&mut *lock(&self.0), meta, size, faces, ended, events);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The figures stay of use after a panic: each is changed in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
