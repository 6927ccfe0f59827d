//! The face stages: an embedder or a classifier, called on views of faces, by a [`Flow`](crate::Flow) or in a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use passerby_types::{
    Attributes, Classifier, Embedder, Embedding, ErrorClass, Face, FaceChip, StageError, StageFactory,
    TrackId, TrackKey,
};
use passerby_workers::{PoolClient, PriorityPool};

use crate::context::Context;
use crate::figures::meter::{CameraMeter, StageMeters};
use crate::figures::stage_timer::StageTimer;
use crate::guard::Guard;
use crate::sampling::view_selector::{SampleReason, ViewHistory};

/// A view of a face that a stage must embed or classify.
pub(crate) struct FaceJob {
    /// The pixels around the face, with the frame's number and times.
    pub(crate) chip: FaceChip,
    /// The face in pixels of the frame.
    pub(crate) face: Face,
    pub(crate) track: TrackId,
    /// The place of the track in the frame's observation.
    pub(crate) index: usize,
    pub(crate) reason: SampleReason,
    /// The time of the sample on the sampling clock.
    pub(crate) sampled_at: Duration,
    /// The track's samples before this one.
    pub(crate) history: Option<ViewHistory>,
    /// The tracks whose faces are in the frame.
    pub(crate) visible: Arc<Vec<TrackKey>>,
    /// The camera's counts.
    pub(crate) meter: Arc<CameraMeter>,
}

impl FaceJob {
    /// Returns the frame's number.
    pub(crate) fn seq(&self) -> u64 {
        self.chip.meta.seq
    }

    /// Returns the place in the order in which results count: that of the frames, and in a frame that of the tracks.
    pub(crate) fn order(&self) -> (u64, usize) {
        (self.seq(), self.index)
    }

    /// Returns the place in the queue of a pool.
    pub(crate) fn priority(&self) -> f32 {
        self.reason.priority(&self.face)
    }
}

/// The jobs of one frame, by stage.
#[derive(Default)]
pub(crate) struct FaceJobs {
    pub(crate) embed: Vec<FaceJob>,
    pub(crate) classify: Vec<FaceJob>,
}

/// The result of a job.
pub(crate) enum FaceResult<T> {
    /// The stage's answer, or `None` if it cannot align the face.
    Answered(FaceJob, Option<T>),
    /// The stage failed, or the pool gave the job up. The track may be sampled again.
    Unanswered(FaceJob),
}

impl<T> FaceResult<T> {
    pub(crate) fn job(&self) -> &FaceJob {
        match self {
            Self::Answered(job, _) | Self::Unanswered(job) => job,
        }
    }

    pub(crate) fn into_job(self) -> FaceJob {
        match self {
            Self::Answered(job, _) | Self::Unanswered(job) => job,
        }
    }
}

/// A call of a face stage: the embedder's [`Embedder::embed`] or the classifier's [`Classifier::classify`].
type FaceCall<S, T> = fn(&mut S, &[FaceChip], &mut [Option<T>]) -> Result<(), StageError>;

/// Which face stage: its name, how it is called, and whether it stopped for good.
pub(crate) struct FaceStageKind<S: ?Sized, T> {
    stage: &'static str,
    call: FaceCall<S, T>,
    /// True after an error of the class `Fatal`, for all workers and cameras.
    stopped: Arc<AtomicBool>,
}

impl<S: ?Sized, T> Clone for FaceStageKind<S, T> {
    fn clone(&self) -> Self {
        Self { stage: self.stage, call: self.call, stopped: Arc::clone(&self.stopped) }
    }
}

/// Returns the kind of stage that embeds faces.
pub(crate) fn embedding() -> FaceStageKind<dyn Embedder, Embedding> {
    FaceStageKind { stage: "embed", call: <dyn Embedder>::embed, stopped: Arc::default() }
}

/// Returns the kind of stage that estimates the attributes of faces.
pub(crate) fn classifying() -> FaceStageKind<dyn Classifier, Attributes> {
    FaceStageKind { stage: "classify", call: <dyn Classifier>::classify, stopped: Arc::default() }
}

/// One instance of a face stage with its memory for the next call.
pub(crate) struct FaceStage<S: ?Sized, T> {
    kind: FaceStageKind<S, T>,
    guard: Guard<S>,
    chips: Vec<FaceChip>,
    answers: Vec<Option<T>>,
}

impl<S: ?Sized, T> FaceStage<S, T> {
    /// Makes an instance.
    ///
    /// # Errors
    /// The factory's error.
    pub(crate) fn new(
        kind: FaceStageKind<S, T>,
        factory: StageFactory<S>,
        meters: &Arc<StageMeters>,
    ) -> Result<Self, StageError> {
        let guard = Guard::new(kind.stage, factory, meters)?;
        Ok(Self { kind, guard, chips: Vec::new(), answers: Vec::new() })
    }

    /// Creates a stage whose first call makes the instance.
    fn empty(kind: FaceStageKind<S, T>, factory: StageFactory<S>, meters: &Arc<StageMeters>) -> Self {
        let guard = Guard::empty(kind.stage, factory, meters);
        Self { kind, guard, chips: Vec::new(), answers: Vec::new() }
    }

    /// Returns false if the stage stopped for good.
    pub(crate) fn is_active(&self) -> bool {
        !self.kind.stopped.load(Ordering::Relaxed)
    }

    /// Calls the stage on all jobs of one camera's frame at once, and moves them to `results`.
    pub(crate) fn run(
        &mut self,
        timer: &StageTimer,
        jobs: &mut Vec<FaceJob>,
        results: &mut Vec<FaceResult<T>>,
    ) {
        if self.call(timer, jobs) {
            let answered = jobs.drain(..).zip(self.answers.drain(..));
            results.extend(answered.map(|(job, answer)| FaceResult::Answered(job, answer)));
        } else {
            results.extend(jobs.drain(..).map(FaceResult::Unanswered));
        }
    }

    /// Calls the stage on one job.
    fn run_one(&mut self, timer: &StageTimer, job: FaceJob) -> FaceResult<T> {
        if self.call(timer, std::slice::from_ref(&job)) {
            FaceResult::Answered(job, self.answers.pop().flatten())
        } else {
            FaceResult::Unanswered(job)
        }
    }

    /// Writes one answer for each job to `self.answers`. Returns false without answers: if the stage fails, which is
    /// counted at the camera of the first job, or has stopped for good.
    fn call(&mut self, timer: &StageTimer, jobs: &[FaceJob]) -> bool {
        let Some(first) = jobs.first().filter(|_| self.is_active()) else { return false };
        let Self { kind, guard, chips, answers } = self;
        chips.extend(jobs.iter().map(|job| job.chip.clone()));
        answers.clear();
        answers.resize_with(chips.len(), || None);
        let done = timer.timed(kind.stage, &first.meter, chips.len(), || {
            let call = |stage: &mut S| (kind.call)(stage, chips, answers);
            guard.call(&first.meter, Some(&first.chip.meta), call)
        });
        // A chip's memory comes back only if no clone of it is left.
        chips.clear();
        if done.as_ref().is_err_and(|error| error.class() == ErrorClass::Fatal) {
            kind.stopped.store(true, Ordering::Relaxed);
        }
        done.is_ok()
    }
}

/// A pool of workers, each with an instance of a face stage, for the jobs of all cameras.
pub(crate) struct FaceJobPool<T> {
    pub(crate) workers: PriorityPool<FaceJob, FaceResult<T>>,
    stopped: Arc<AtomicBool>,
}

impl<T: Send + 'static> FaceJobPool<T> {
    /// Starts the workers. At most `capacity` jobs wait for them.
    ///
    /// # Errors
    /// The factory's error, or an error of the class `Fatal` if the system has no more threads.
    pub(crate) fn start<S: ?Sized + Send + 'static>(
        kind: &FaceStageKind<S, T>,
        factory: &StageFactory<S>,
        workers: usize,
        capacity: usize,
        context: &Arc<Context>,
    ) -> Result<Self, StageError> {
        let workers = workers.max(1);
        let kind = kind.clone();
        let factory = factory.clone();
        let context = Arc::clone(context);
        let meters = Arc::clone(&context.timer.stages);
        let first = (0..workers).map(|_| FaceStage::new(kind.clone(), factory.clone(), &meters));
        let first = Mutex::new(first.collect::<Result<Vec<_>, _>>()?);
        let stage = kind.stage;
        let stopped = Arc::clone(&kind.stopped);
        let clock = Arc::clone(&context.clock);
        let workers = PriorityPool::start(stage, workers, capacity, clock, move |_| {
            let made = first.lock().pop();
            let empty = || FaceStage::empty(kind.clone(), factory.clone(), &meters);
            let mut stage = made.unwrap_or_else(empty);
            let context = Arc::clone(&context);
            move |job: FaceJob| {
                let result = stage.run_one(&context.timer, job);
                let back_off = stage.guard.back_off();
                if !back_off.is_zero() {
                    context.gate.sleep(back_off);
                }
                result
            }
        });
        Ok(Self { workers: workers.map_err(|error| StageError::fatal(stage, error))?, stopped })
    }

    /// Returns a new client for one camera.
    pub(crate) fn client(&self) -> FaceJobClient<T> {
        FaceJobClient { jobs: self.workers.client(), stopped: Arc::clone(&self.stopped) }
    }
}

/// One camera's access to a [`FaceJobPool`].
pub(crate) struct FaceJobClient<T> {
    pub(crate) jobs: PoolClient<FaceJob, FaceResult<T>>,
    stopped: Arc<AtomicBool>,
}

impl<T> FaceJobClient<T> {
    /// Returns false if the stage stopped for good.
    pub(crate) fn is_active(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }
}
