//! The pools that look at faces: one for embeddings, one for attributes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use passerby_types::{Clock, ErrorClass, FaceChip, StageError, StageFactory, TrackKey};

use crate::camera::state::CameraState;
use crate::camera::tracks::View;
use crate::context::{Context, is_set};
use crate::guard::Guard;
use passerby_workers::{PoolClient, PriorityPool};

/// A view to look at.
pub(crate) struct FaceJob {
    pub(crate) camera: Arc<CameraState>,
    pub(crate) view: View,
    /// Every track of the view's frame.
    pub(crate) visible: Arc<Vec<TrackKey>>,
}

/// What came of it.
pub(crate) struct FaceResult<T> {
    pub(crate) view: View,
    pub(crate) visible: Arc<Vec<TrackKey>>,
    pub(crate) seen: Seen<T>,
}

/// What the stage saw.
pub(crate) enum Seen<T> {
    /// Its answer; `None` for a face that cannot be aligned.
    Value(Option<T>),
    /// It failed, which is counted already.
    Failed,
}

/// A pool that looks at faces.
pub(crate) type FaceJobPool<T> = PriorityPool<FaceJob, FaceResult<T>>;
/// One camera's access to it.
pub(crate) type FaceJobs<T> = PoolClient<FaceJob, FaceResult<T>>;

/// What a stage that looks at faces is asked.
type Call<S, T> = fn(&mut S, &[FaceChip], &mut [Option<T>]) -> Result<(), StageError>;

/// What kind of look a pool takes.
pub(crate) struct Kind<S: ?Sized, T> {
    pub(crate) stage: &'static str,
    pub(crate) call: Call<S, T>,
    /// Set where the stage asked to stop for good.
    pub(crate) stopped: fn(&Context) -> &AtomicBool,
}

/// Starts the pool's workers, each with an instance of its own.
///
/// # Errors
/// What the factory says ([`StageError`] inside), or that there are no more threads.
pub(crate) fn start<S: ?Sized + Send + 'static, T: Send + 'static>(
    kind: &Kind<S, T>,
    factory: &StageFactory<S>,
    workers: usize,
    capacity: usize,
    context: &Arc<Context>,
) -> Result<FaceJobPool<T>, StageError> {
    let workers = workers.max(1);
    let (stage, call, stopped) = (kind.stage, kind.call, kind.stopped);
    let made: Result<Vec<_>, _> = (0..workers).map(|_| Guard::new(stage, factory.clone())).collect();
    let (made, factory, context) = (Mutex::new(made?), factory.clone(), Arc::clone(context));
    let clock: Arc<dyn Clock> = Arc::clone(&context.clock);
    let pool = PriorityPool::start(stage, workers, capacity, clock, move |_| {
        let mut guard = made.lock().pop().unwrap_or_else(|| Guard::empty(stage, factory.clone()));
        let context = Arc::clone(&context);
        move |ask: FaceJob| {
            let seen = look(&context, &mut guard, stage, call, stopped(&context), &ask);
            let back_off = guard.back_off();
            if !back_off.is_zero() {
                context.gate.sleep(back_off);
            }
            FaceResult { view: ask.view, visible: ask.visible, seen }
        }
    });
    pool.map_err(|e: io::Error| StageError::fatal(stage, e))
}

fn look<S: ?Sized, T>(
    context: &Context,
    guard: &mut Guard<S>,
    stage: &'static str,
    call: Call<S, T>,
    stopped: &AtomicBool,
    ask: &FaceJob,
) -> Seen<T> {
    if is_set(stopped) {
        return Seen::Failed;
    }
    let (chips, mut answer) = (std::slice::from_ref(&ask.view.chip), [None]);
    let done = context.timed(stage, &ask.camera, 1, || guard.call(|s| call(s, chips, &mut answer)));
    let Err(e) = done else {
        let [answer] = answer;
        return Seen::Value(answer);
    };
    if e.class() == ErrorClass::Fatal {
        stopped.store(true, Ordering::Relaxed);
    }
    let mut meter = ask.camera.meter.lock();
    meter.report.rebuilt(stage, guard.take_failed());
    meter.fail(&e.at(&ask.view.chip.meta));
    Seen::Failed
}
