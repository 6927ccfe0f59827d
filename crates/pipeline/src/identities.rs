//! The two owners of meaning over all cameras: who a track is, and what is known of its age and gender.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use passerby_types::{AttributeFusion, Attributes, Identifier, Identity, Sighting, StageError, TrackKey};

use crate::guard::Guard;
use crate::stages::Stages;

/// How long a camera waits for an owner that another camera's call is in. A sound call takes microseconds. After that
/// nobody waits for the owner until it is back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is who and how old, over all cameras. Every camera's thread asks here; one is let in at a time.
pub(crate) struct Identities {
    identify: Option<SharedStage<dyn Identifier>>,
    fuse: Option<SharedStage<dyn AttributeFusion>>,
}

/// One owner, and whether it was waited for in vain.
struct SharedStage<S: ?Sized> {
    state: Mutex<State<S>>,
    away: AtomicBool,
}

struct State<S: ?Sized> {
    guard: Guard<S>,
    /// One that goes on failing is asked again only from then on.
    rests_until: Option<Instant>,
}

impl Identities {
    /// Makes the owners there are.
    pub(crate) fn new(stages: &Stages) -> Result<Self, StageError> {
        let identify = stages.identify.clone().map(|f| Guard::new("identify", f)).transpose()?;
        let fuse = stages.fuse.clone().map(|f| Guard::new("fuse", f)).transpose()?;
        Ok(Self { identify: identify.map(SharedStage::new), fuse: fuse.map(SharedStage::new) })
    }

    /// True where somebody is identified.
    pub(crate) fn identifies(&self) -> bool {
        self.identify.is_some()
    }

    /// Takes the sightings of one frame and says in `out` who each of its visible tracks is: nothing where nobody is
    /// identified, and after a failure.
    pub(crate) fn identify(
        &self,
        sightings: &[Sighting],
        visible: &[TrackKey],
        out: &mut Vec<Identity>,
    ) -> Result<(), StageError> {
        out.clear();
        let Some(identify) = &self.identify else { return Ok(()) };
        let done = identify.call("identify", |i| {
            if !sightings.is_empty() {
                i.identify(sightings, visible);
            }
            out.extend(visible.iter().map(|&key| i.identity(key)));
            Ok(())
        });
        done.inspect_err(|_| out.clear())
    }

    /// Adds one estimate to what is known of its track, and gives all that is.
    pub(crate) fn fuse(
        &self,
        track: TrackKey,
        estimate: &Attributes,
        quality: f32,
    ) -> Result<Option<Attributes>, StageError> {
        let Some(fuse) = &self.fuse else { return Ok(None) };
        fuse.call("fuse", |f| {
            f.fuse(track, estimate, quality);
            Ok(f.attributes(track))
        })
    }

    /// Lets both forget a track that ended. Gives what failed.
    pub(crate) fn end(&self, track: TrackKey) -> impl Iterator<Item = StageError> + use<> {
        let identify = self.identify.as_ref().map(|i| {
            i.call("identify", |i| {
                i.end(track);
                Ok(())
            })
        });
        let fuse = self.fuse.as_ref().map(|f| {
            f.call("fuse", |f| {
                f.end(track);
                Ok(())
            })
        });
        [identify, fuse].into_iter().flatten().filter_map(Result::err)
    }

    /// The instances that failed since this was asked last, by stage.
    pub(crate) fn take_failed(&self) -> [(&'static str, u64); 2] {
        let identify = self.identify.as_ref().and_then(|i| Some(i.state.try_lock()?.guard.take_failed()));
        let fuse = self.fuse.as_ref().and_then(|f| Some(f.state.try_lock()?.guard.take_failed()));
        [("identify", identify.unwrap_or(0)), ("fuse", fuse.unwrap_or(0))]
    }
}

impl<S: ?Sized> SharedStage<S> {
    fn new(guard: Guard<S>) -> Self {
        Self { state: Mutex::new(State { guard, rests_until: None }), away: AtomicBool::new(false) }
    }

    fn call<T>(
        &self,
        stage: &'static str,
        work: impl FnOnce(&mut S) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let mut state = self.enter(stage)?;
        if state.rests_until.is_some_and(|until| Instant::now() < until) {
            return Err(StageError::skip(stage, "failed again and again, and is not asked for a moment"));
        }
        let result = state.guard.call(work);
        let back_off = state.guard.back_off();
        state.rests_until = (!back_off.is_zero()).then(|| Instant::now() + back_off);
        result
    }

    /// Waits for the owner. A call of another camera that does not come back costs this one the answer, not the frame.
    fn enter(&self, stage: &'static str) -> Result<MutexGuard<'_, State<S>>, StageError> {
        let away = self.away.load(Ordering::Relaxed);
        let state = self.state.try_lock_for(if away { Duration::ZERO } else { PATIENCE });
        if state.is_some() == away {
            self.away.store(!away, Ordering::Relaxed);
        }
        state.ok_or_else(|| StageError::skip(stage, "a call for another camera has not come back"))
    }
}
