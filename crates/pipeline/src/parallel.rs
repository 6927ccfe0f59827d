//! The way of a frame on many threads, for many cameras at once.
//!
//! ```text
//!            one thread a camera          shared pool           one thread a camera
//! source ──> reader ──> queue of 2 ──┐                       ┌──> reorder ──> tracker ──> attention ──┐ looks by
//! source ──> reader ──> queue of 2 ──┼──> detect, detect ────┼──> reorder ──> tracker ──> attention ──┤ priority
//! source ──> reader ──> queue of 2 ──┘    oldest first       └──> …                                   │
//!               │ frames between two detections go straight to reorder ─────────────┘                 │
//!               ▼                                                                                      ▼
//!            ledger                       subscribers <── observation <── identify, fuse <── embed, embed
//!                                         writer thread <──┘                                 classify, classify
//! ```
//!
//! A frame's way through the code, from left to right: `reader.rs`, `lanes.rs`, `detection.rs`, `reorder.rs`,
//! `follow.rs` (with `camera.rs`), `looks.rs`, `people.rs`, `outlets.rs`, `record.rs`. `monitor.rs` looks at all of it
//! from outside. What one camera's threads share is a `Channel`; a frame inside holds a `Passage`, which settles its
//! place in the ledger even where a stage fails.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use passerby_types::{
    Attributes, CameraId, ChipPool, Classifier, Clock, Embedder, Embedding, FrameSource, Sink, StageError,
};

use crate::calls::{Calls, StuckCall};
use crate::camera::Camera;
use crate::channel::Channel;
use crate::common::{Common, Gate};
use crate::detection::{self, Waiting};
use crate::follow::Follower;
use crate::guard::{Guard, quietly};
use crate::looks::{self, Kind, LookPool};
use crate::meter::{Meter, StageMeters};
use crate::outlets::Outlets;
use crate::people::People;
use crate::pool::WorkerPool;
use crate::spare::Spares;
use crate::threads::Threads;
use crate::turns::Turns;
use crate::{
    Decision, Finished, Handle, PipelineSettings, Reason, Report, Stages, Written, monitor, reader, record,
};

/// How many lists of faces wait to be filled again: those of the frames between detectors and trackers.
const FACES: usize = 256;

/// Why a pipeline does not start, or does not take a camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A stage's factory failed: nothing can run without the stage.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The system has no more threads to give.
    #[error("no thread for {name}: {cause}")]
    Thread {
        /// Whose.
        name: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// There is or was a camera of this number. Observations name cameras by it, so it is not used twice.
    #[error("{0} is there already")]
    Taken(CameraId),
}

/// Many cameras through shared stages. Build it, then [`run`](Pipeline::run) it to the end of its sources or
/// [`start`](Pipeline::start) it and keep the [`Handle`].
///
/// Live cameras ([`SourceInfo::live`](passerby_types::SourceInfo::live)) never wait: what is not taken in time is
/// dropped and counted. From lossless ones nothing is dropped, and what comes out is exactly what a
/// [`Flow::run_together`](crate::Flow::run_together) gives, whatever the number of workers: a frame's observation waits
/// for the looks taken at it, while later frames are being detected on, and cameras tell the gallery of their frames by
/// turns.
pub struct Pipeline {
    stages: Stages,
    settings: PipelineSettings,
    clock: Arc<dyn Clock>,
    cameras: Vec<(CameraId, Box<dyn FrameSource>)>,
    sink: Option<Box<dyn Sink>>,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cameras: Vec<_> = self.cameras.iter().map(|(id, source)| (id, &source.info().name)).collect();
        f.debug_struct("Pipeline")
            .field("settings", &self.settings)
            .field("cameras", &cameras)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A pipeline without cameras.
    #[must_use]
    pub fn new(stages: Stages, settings: PipelineSettings, clock: Arc<dyn Clock>) -> Self {
        Self { stages, settings, clock, cameras: Vec::new(), sink: None }
    }

    /// With this camera.
    #[must_use]
    pub fn camera(mut self, camera: CameraId, source: impl FrameSource + 'static) -> Self {
        self.cameras.push((camera, Box::new(source)));
        self
    }

    /// With this sink for the observations of all cameras. The last one given counts.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Runs until every source has ended, and everything is written. Never comes back with a source that never ends.
    ///
    /// # Errors
    /// As for [`Pipeline::start`].
    pub fn run(self) -> Result<Finished, PipelineError> {
        Ok(self.start()?.finish())
    }

    /// Makes the stages and starts every thread.
    ///
    /// # Errors
    /// What a factory says, that the system has no more threads, or that two cameras have one number. What was started
    /// is stopped.
    pub fn start(self) -> Result<Handle, PipelineError> {
        let handle = self.start_paused()?;
        handle.pause(false);
        Ok(handle)
    }

    /// As [`Pipeline::start`], but no camera is read before [`Handle::pause`]`(false)`: time to subscribe to the first
    /// frame as well.
    ///
    /// # Errors
    /// As for [`Pipeline::start`].
    pub fn start_paused(self) -> Result<Handle, PipelineError> {
        let Self { stages, settings, clock, cameras, sink } = self;
        let room = sink.is_some().then_some(settings.flow.writer.spill.max(1));
        let common = Arc::new(Common {
            people: People::new(&stages)?,
            turns: Turns::default(),
            outlets: Outlets::new(Arc::clone(&clock), room),
            chips: ChipPool::new(64),
            faces: Spares::new(FACES),
            calls: Calls::new(Arc::clone(&clock)),
            stages: StageMeters::default(),
            embedding_stopped: AtomicBool::new(false),
            classifying_stopped: AtomicBool::new(false),
            gate: Gate::default(),
            clock,
            settings,
        });
        let handle = Handle::new(Shared::start(stages, common)?);
        // All take part before the first one reads, so that they start at the same turn.
        let mut opened = Vec::with_capacity(cameras.len());
        for (id, source) in cameras {
            opened.push((handle.shared.open(id, &*source)?, source));
        }
        for (follower, source) in opened {
            handle.shared.run(follower, source)?;
        }
        if let Some(sink) = sink {
            handle.shared.write_to(sink)?;
        }
        handle.shared.watch()?;
        Ok(handle)
    }
}

/// What a running pipeline consists of.
pub(crate) struct Shared {
    pub(crate) common: Arc<Common>,
    stages: Stages,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) detection: WorkerPool,
    pub(crate) embedding: Option<LookPool<Embedding>>,
    pub(crate) classifying: Option<LookPool<Attributes>>,
    pub(crate) channels: RwLock<Vec<Arc<Channel>>>,
    /// Two for each camera.
    pub(crate) camera_threads: Threads,
    pub(crate) writer_thread: Threads,
    pub(crate) monitor_thread: Threads,
    written: Arc<Mutex<Written>>,
    pub(crate) seen: Mutex<Seen>,
}

/// What the monitor saw and decided.
#[derive(Default)]
pub(crate) struct Seen {
    /// Detection workers as decided, without those that stand in for stuck ones.
    pub(crate) workers: usize,
    pub(crate) spares: usize,
    pub(crate) decision: Option<Decision>,
    pub(crate) decisions: BTreeMap<Reason, u64>,
    pub(crate) stuck: Vec<StuckCall>,
    pub(crate) stuck_total: u64,
}

impl Shared {
    /// Starts the pools.
    fn start(stages: Stages, common: Arc<Common>) -> Result<Arc<Self>, PipelineError> {
        let settings = &common.settings;
        let mut workers = settings.detectors.max(1);
        if let Some(limits) = &settings.governor {
            workers =
                workers.clamp(*limits.workers.start(), (*limits.workers.end()).max(*limits.workers.start()));
        }
        let workers = workers.max(1);
        let waiting = Arc::new(Waiting::new(settings.batch, Arc::clone(&common.clock)));
        let made: Result<Vec<_>, _> =
            (0..workers).map(|_| Guard::new("detect", stages.detector.clone())).collect();
        let detection = {
            let made = Mutex::new(made?);
            let (common, waiting) = (Arc::clone(&common), Arc::clone(&waiting));
            let (clock, jobs) = (Arc::clone(&common.clock), Arc::clone(&waiting));
            let factory = stages.detector.clone();
            WorkerPool::start("detect", workers, jobs, clock, move |_| {
                detection::worker(Arc::clone(&common), Arc::clone(&waiting), factory.clone(), &made)
            })
            .map_err(|cause| PipelineError::Thread { name: "detect".into(), cause })?
        };
        let embed =
            Kind { stage: "embed", call: <dyn Embedder>::embed, stopped: |c: &Common| &c.embedding_stopped };
        let embedding = stages
            .embedder
            .as_ref()
            .map(|factory| looks::start(&embed, factory, settings.embedders, settings.looks, &common));
        let classify = Kind {
            stage: "classify",
            call: <dyn Classifier>::classify,
            stopped: |c: &Common| &c.classifying_stopped,
        };
        let classifying = stages
            .classifier
            .as_ref()
            .map(|factory| looks::start(&classify, factory, settings.classifiers, settings.looks, &common));
        Ok(Arc::new(Self {
            stages,
            waiting,
            detection,
            embedding: embedding.transpose()?,
            classifying: classifying.transpose()?,
            channels: RwLock::default(),
            camera_threads: Threads::new(),
            writer_thread: Threads::new(),
            monitor_thread: Threads::new(),
            written: Arc::default(),
            seen: Mutex::new(Seen { workers, ..Seen::default() }),
            common,
        }))
    }

    /// Makes a camera's place. Where the follower is dropped without having run, the camera has ended.
    pub(crate) fn open(&self, id: CameraId, source: &dyn FrameSource) -> Result<Follower, PipelineError> {
        let (common, info) = (&self.common, source.info());
        let settings = &common.settings;
        let camera = Camera::new(id, &self.stages, settings.flow.embed, settings.flow.classify)?;
        let mut channels = self.channels.write();
        if channels.iter().any(|channel| channel.id == id) {
            return Err(PipelineError::Taken(id));
        }
        let report = Report { camera: id, name: info.name.clone(), ..Report::default() };
        let meter = Meter::new(report);
        // Lossless cameras detect on the frames that a flow detects on.
        let phase = if info.live { channels.len() as u64 } else { 0 };
        let clock = Arc::clone(&common.clock);
        let channel = Channel::new(id, meter, source, phase, settings.window(), clock);
        let decided = self.seen.lock().decision.map(|decision| decision.cadence);
        channel.set_cadence(decided.filter(|_| info.live).unwrap_or(settings.flow.cadence));
        let channel = Arc::new(channel);
        if channel.lossless {
            common.turns.join(id);
        }
        let when_full = if info.live { crate::WhenFull::DropOldest } else { crate::WhenFull::Block };
        self.waiting.lanes.open(id.0, settings.queue, when_full);
        channels.push(Arc::clone(&channel));
        let embeds = self.embedding.as_ref().map(LookPool::client);
        let classifies = self.classifying.as_ref().map(LookPool::client);
        Ok(Follower::new(Arc::clone(common), channel, camera, embeds, classifies))
    }

    /// Starts a camera's two threads.
    pub(crate) fn run(&self, follower: Follower, source: Box<dyn FrameSource>) -> Result<(), PipelineError> {
        let channel = Arc::clone(follower.channel());
        let (id, unread) = (channel.id.0, Arc::clone(&channel));
        self.thread(&self.camera_threads, &format!("track-{id}"), move || follower.follow())?;
        let (common, waiting) = (Arc::clone(&self.common), Arc::clone(&self.waiting));
        let read = move || {
            if let Err(panic) = quietly("capture", || reader::read(&common, &waiting, &channel, source)) {
                channel.fatal(panic);
            }
        };
        self.thread(&self.camera_threads, &format!("capture-{id}"), read).inspect_err(|_| unread.stop())
    }

    /// Starts the writer's thread.
    fn write_to(&self, sink: Box<dyn Sink>) -> Result<(), PipelineError> {
        let (common, written) = (Arc::clone(&self.common), Arc::clone(&self.written));
        self.thread(&self.writer_thread, "store", move || record::record(&common, sink, &written))
    }

    /// Starts the monitor's thread.
    fn watch(self: &Arc<Self>) -> Result<(), PipelineError> {
        let shared = Arc::clone(self);
        self.thread(&self.monitor_thread, "monitor", move || monitor::watch(&shared))
    }

    fn thread(
        &self,
        threads: &Threads,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), PipelineError> {
        threads.spawn(name, work).map_err(|cause| PipelineError::Thread { name: name.into(), cause })
    }

    /// What the sink took, and what never reached it.
    pub(crate) fn written(&self) -> Written {
        let mut written = self.written.lock().clone();
        self.common.outlets.complete(&mut written);
        written
    }

    /// Stops the pools: what waits for them is given up. Names the workers that do not come back in time.
    pub(crate) fn stop_pools(&self, timeout: impl Fn() -> Duration) -> Vec<String> {
        // All end side by side: one that is stuck costs the others none of their time.
        self.detection.stop();
        self.embedding.iter().for_each(LookPool::stop);
        self.classifying.iter().for_each(LookPool::stop);
        let mut stuck = self.detection.stop_and_wait(timeout());
        stuck.extend(self.embedding.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck.extend(self.classifying.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck
    }
}
