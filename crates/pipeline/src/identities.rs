//! The two stages that all cameras share: who a track is, and which age and gender it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use passerby_types::{
    AttributeFusion, Attributes, Clock, FrameMeta, Identifier, Identity, Sighting, StageError, StageFactory,
    Timestamp, TrackKey,
};

use crate::figures::meter::{CameraMeter, StageMeters};
use crate::guard::Guard;
use crate::stages::Stages;

/// How long a camera waits for a shared stage while a call of another camera is inside. A sound call takes microseconds.
/// After one wait in vain no camera waits until that call comes back.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// The identifier and the attribute fusion, over all cameras. Each lets one camera in at a time.
///
/// A failed call is counted at its stage and at the camera that made it. The camera then goes on without the answer.
pub(crate) struct Identities {
    identifier: Option<SharedStage<dyn Identifier>>,
    fusion: Option<SharedStage<dyn AttributeFusion>>,
}

/// The identifier's answer about a track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) identity: Identity,
    /// True if another sighting would help to decide a question now.
    pub(crate) needs_look: bool,
}

/// A stage that the cameras use one after another.
struct SharedStage<S: ?Sized> {
    stage: &'static str,
    state: Mutex<State<S>>,
    /// True if a camera waited in vain, and the call inside has not come back since.
    busy: AtomicBool,
    stages: Arc<StageMeters>,
    clock: Arc<dyn Clock>,
}

struct State<S: ?Sized> {
    guard: Guard<S>,
    /// The moment before which a stage that keeps failing is not called again.
    rests_until: Option<Timestamp>,
}

impl Identities {
    /// Makes the stages that `stages` has a factory for.
    ///
    /// # Errors
    /// The factory's error.
    pub(crate) fn new(
        stages: &Stages,
        meters: &Arc<StageMeters>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StageError> {
        let identifier = stages.identifier.clone().map(|f| SharedStage::new("identify", f, meters, clock));
        let fusion = stages.fusion.clone().map(|f| SharedStage::new("fuse", f, meters, clock));
        Ok(Self { identifier: identifier.transpose()?, fusion: fusion.transpose()? })
    }

    /// Returns true if there is an identifier.
    pub(crate) fn identifies(&self) -> bool {
        self.identifier.is_some()
    }

    /// Gives the sightings of one frame, whose `visible` tracks have a face there, to the identifier. Then writes its answer about
    /// each of `tracks` to `out`. If one of them shows another face than before, `renumber` gives it a new number, which takes
    /// the place of the old one in `tracks`.
    ///
    /// Without an identifier, and after a failure, `out` is empty.
    pub(crate) fn identify(
        &self,
        meter: &CameraMeter,
        (sightings, visible): (&[Sighting], &[TrackKey]),
        tracks: &mut [TrackKey],
        renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>,
        out: &mut Vec<Answer>,
    ) {
        out.clear();
        let Some(identifier) = &self.identifier else { return };
        let done = identifier.call(meter, None, |identifier| {
            if !sightings.is_empty() {
                identifier.identify(sightings, visible);
                identifier.split(&mut |old| {
                    let new = renumber(old)?;
                    tracks.iter_mut().filter(|track| **track == old).for_each(|track| *track = new);
                    Some(new)
                });
            }
            let answer = |&track: &TrackKey| Answer {
                identity: identifier.identity(track),
                needs_look: identifier.needs_look(track),
            };
            out.extend(tracks.iter().map(answer));
        });
        if done.is_none() {
            out.clear();
        }
    }

    /// Adds one estimate of a track, from a view in frame `meta`. Returns the attributes of the track over all its
    /// estimates, or `None` if too little is known, if the pipeline has no fusion, or if the call failed.
    pub(crate) fn fuse(
        &self,
        meter: &CameraMeter,
        meta: &FrameMeta,
        track: TrackKey,
        estimate: &Attributes,
        quality: f32,
    ) -> Option<Attributes> {
        let fusion = self.fusion.as_ref()?;
        let attributes = fusion.call(meter, Some(meta), |fusion| {
            fusion.fuse(track, estimate, quality);
            fusion.attributes(track)
        });
        attributes.flatten()
    }

    /// Lets both stages forget a track that ended.
    pub(crate) fn end(&self, meter: &CameraMeter, track: TrackKey) {
        if let Some(identifier) = &self.identifier {
            identifier.call(meter, None, |identifier| identifier.end(track));
        }
        if let Some(fusion) = &self.fusion {
            fusion.call(meter, None, |fusion| fusion.end(track));
        }
    }
}

impl<S: ?Sized> SharedStage<S> {
    fn new(
        stage: &'static str,
        factory: StageFactory<S>,
        stages: &Arc<StageMeters>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StageError> {
        let guard = Guard::new(stage, factory, stages)?;
        let state = Mutex::new(State { guard, rests_until: None });
        Ok(Self {
            stage,
            state,
            busy: AtomicBool::new(false),
            stages: Arc::clone(stages),
            clock: Arc::clone(clock),
        })
    }

    /// Calls the stage for a camera. Returns `None` if the call failed, which is counted.
    fn call<T>(
        &self,
        meter: &CameraMeter,
        frame: Option<&FrameMeta>,
        call: impl FnOnce(&mut S) -> T,
    ) -> Option<T> {
        let Some(mut state) = self.enter() else {
            self.skip(meter, frame, "a call for another camera has not come back");
            return None;
        };
        if state.rests_until.is_some_and(|until| self.clock.now() < until) {
            self.skip(meter, frame, "the stage failed several times in a row and rests for a moment");
            return None;
        }
        let result = state.guard.call(meter, frame, |stage| Ok(call(stage)));
        let back_off = state.guard.back_off();
        state.rests_until = (!back_off.is_zero()).then(|| Timestamp(self.clock.now().0 + back_off));
        result.ok()
    }

    /// Waits until no other camera is inside. Returns `None` if that takes too long: a call that does not come back costs
    /// the other cameras an answer, but no frame.
    fn enter(&self) -> Option<MutexGuard<'_, State<S>>> {
        let busy = self.busy.load(Ordering::Relaxed);
        let state = self.state.try_lock_for(if busy { Duration::ZERO } else { BUSY_TIMEOUT });
        if state.is_some() == busy {
            self.busy.store(!busy, Ordering::Relaxed);
        }
        state
    }

    /// Counts a call that was not made.
    fn skip(&self, meter: &CameraMeter, frame: Option<&FrameMeta>, reason: &'static str) {
        let error = StageError::skip(self.stage, reason);
        let error = match frame {
            Some(meta) => error.at(meta),
            None => error,
        };
        self.stages.fail(self.stage);
        meter.lock().fail(self.stage, &error);
    }
}
