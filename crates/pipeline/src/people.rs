//! The two owners of meaning over all cameras: who a track is, and what is known of its age and gender.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use passerby_types::{Attributes, Fuse, Identify, Identity, Sighting, StageError, TrackKey};

use crate::Stages;
use crate::guard::Guard;

/// How long a camera waits for an owner that another camera's call is in. A sound call takes microseconds. After that
/// nobody waits for the owner until it is back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is who and how old, over all cameras. Every camera's thread asks here; one is let in at a time.
pub(crate) struct People {
    identify: Option<Owner<dyn Identify>>,
    fuse: Option<Owner<dyn Fuse>>,
}

/// One owner, and whether it was waited for in vain.
struct Owner<S: ?Sized> {
    guard: Mutex<Guard<S>>,
    away: AtomicBool,
}

impl People {
    /// Makes the owners there are.
    pub(crate) fn new(stages: &Stages) -> Result<Self, StageError> {
        let identify = stages.identify.clone().map(|f| Guard::new("identify", f)).transpose()?;
        let fuse = stages.fuse.clone().map(|f| Guard::new("fuse", f)).transpose()?;
        Ok(Self { identify: identify.map(Owner::new), fuse: fuse.map(Owner::new) })
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
        let done = identify.enter("identify")?.call(|i| {
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
        fuse.enter("fuse")?.call(|f| Ok(f.fuse(track, estimate, quality)))
    }

    /// Lets both forget a track that ended. Gives what failed.
    pub(crate) fn end(&self, track: TrackKey) -> impl Iterator<Item = StageError> + use<> {
        let identify = self.identify.as_ref().map(|i| {
            i.enter("identify")?.call(|i| {
                i.end(track);
                Ok(())
            })
        });
        let fuse = self.fuse.as_ref().map(|f| {
            f.enter("fuse")?.call(|f| {
                f.end(track);
                Ok(())
            })
        });
        [identify, fuse].into_iter().flatten().filter_map(Result::err)
    }

    /// The instances that failed since this was asked last, by stage.
    pub(crate) fn take_failed(&self) -> [(&'static str, u64); 2] {
        let identify = self.identify.as_ref().and_then(|i| Some(i.guard.try_lock()?.take_failed()));
        let fuse = self.fuse.as_ref().and_then(|f| Some(f.guard.try_lock()?.take_failed()));
        [("identify", identify.unwrap_or(0)), ("fuse", fuse.unwrap_or(0))]
    }
}

impl<S: ?Sized> Owner<S> {
    fn new(guard: Guard<S>) -> Self {
        Self { guard: Mutex::new(guard), away: AtomicBool::new(false) }
    }

    /// Waits for the owner. A call of another camera that does not come back costs this one the answer, not the frame.
    fn enter(&self, stage: &'static str) -> Result<MutexGuard<'_, Guard<S>>, StageError> {
        let away = self.away.load(Ordering::Relaxed);
        let guard = self.guard.try_lock_for(if away { Duration::ZERO } else { PATIENCE });
        if guard.is_some() == away {
            self.away.store(!away, Ordering::Relaxed);
        }
        guard.ok_or_else(|| StageError::skip(stage, "a call for another camera has not come back"))
    }
}
