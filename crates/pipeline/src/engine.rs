//! The running pipeline: its pools, its cameras and its threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use passerby_types::{Attributes, CameraId, Embedding, FrameSource, Sink};
use passerby_workers::{ThreadGroup, WhenFull, WorkerPool};

use crate::camera::observer::CameraObserver;
use crate::camera::open_jobs::OpenJobs;
use crate::camera::reader;
use crate::camera::schedule::CameraDetections;
use crate::camera::state::CameraState;
use crate::camera::worker::CameraWorker;
use crate::context::Context;
use crate::detection::{self, DetectQueue};
use crate::error::PipelineError;
use crate::face_jobs::{self, FaceJobPool};
use crate::figures::calls::StuckCall;
use crate::figures::meter::CameraMeter;
use crate::governor::load::{GovernorDecision, GovernorReason};
use crate::guard::{Guard, guarded};
use crate::output::writer::WriteReport;
use crate::output::writer_queue::WriterQueue;
use crate::output::writer_thread;
use crate::settings::PipelineSettings;
use crate::stages::Stages;

/// The parts of a running pipeline.
pub(crate) struct PipelineEngine {
    pub(crate) context: Arc<Context>,
    stages: Stages,
    pub(crate) detect_queue: Arc<DetectQueue>,
    pub(crate) detection: WorkerPool,
    /// `None` without an embedder.
    pub(crate) embedding: Option<FaceJobPool<Embedding>>,
    /// `None` without a classifier.
    pub(crate) classifying: Option<FaceJobPool<Attributes>>,
    /// All cameras in the order in which they were added, also those that have ended.
    pub(crate) cameras: RwLock<Vec<Arc<CameraState>>>,
    pub(crate) threads: EngineThreads,
    written: Arc<Mutex<WriteReport>>,
    pub(crate) monitor: Mutex<MonitorState>,
}

/// The threads of a pipeline beside its pools.
pub(crate) struct EngineThreads {
    /// Two for each camera.
    pub(crate) cameras: ThreadGroup,
    pub(crate) writer: ThreadGroup,
    pub(crate) monitor: ThreadGroup,
}

/// The findings and decisions of the monitor.
#[derive(Default)]
pub(crate) struct MonitorState {
    /// The detection workers that the governor decided on, without those that stand in for stuck ones.
    pub(crate) workers: usize,
    /// The detection workers that stand in for stuck ones.
    pub(crate) spares: usize,
    pub(crate) decision: Option<GovernorDecision>,
    pub(crate) decisions: BTreeMap<GovernorReason, u64>,
    pub(crate) stuck: Vec<StuckCall>,
    pub(crate) stuck_total: u64,
    /// The lost observations of each camera that were reported as events.
    pub(crate) reported_losses: BTreeMap<CameraId, u64>,
}

impl PipelineEngine {
    /// Makes the stages and starts the pools.
    ///
    /// # Errors
    /// The error of a factory, or that the system has no more threads.
    pub(crate) fn start(stages: Stages, context: Arc<Context>) -> Result<Arc<Self>, PipelineError> {
        let settings = &context.settings;
        let workers = initial_workers(settings);
        let detect_queue = Arc::new(DetectQueue::new(settings.detect_batch, Arc::clone(&context.clock)));
        let detection = start_detection(&stages, workers, &context, &detect_queue)?;
        let capacity = settings.face_queue;
        let embedding = stages.embedder.as_ref().map(|factory| {
            let kind = face_jobs::embedding();
            FaceJobPool::start(&kind, factory, settings.embed_workers, capacity, &context)
        });
        let classifying = stages.classifier.as_ref().map(|factory| {
            let kind = face_jobs::classifying();
            FaceJobPool::start(&kind, factory, settings.classify_workers, capacity, &context)
        });
        Ok(Arc::new(Self {
            stages,
            detect_queue,
            detection,
            embedding: embedding.transpose()?,
            classifying: classifying.transpose()?,
            cameras: RwLock::default(),
            threads: EngineThreads {
                cameras: ThreadGroup::new(),
                writer: ThreadGroup::new(),
                monitor: ThreadGroup::new(),
            },
            written: Arc::default(),
            monitor: Mutex::new(MonitorState { workers, ..MonitorState::default() }),
            context,
        }))
    }

    /// Adds a camera, and returns the work of its own thread for [`PipelineEngine::run`]. If that is dropped instead, the
    /// camera has ended.
    ///
    /// # Errors
    /// The error of the tracker's factory. [`PipelineError::CameraInUse`] if the number is or was in use.
    pub(crate) fn open(&self, id: CameraId, source: &dyn FrameSource) -> Result<CameraWorker, PipelineError> {
        let context = &self.context;
        let settings = &context.settings;
        let info = source.info();
        let events = Arc::clone(&context.fanout.listeners.events);
        let meter = Arc::new(CameraMeter::with_events(id, &info.name, Some(events)));
        let observer = CameraObserver::new(&context.analysis, &meter, info, &self.stages, &settings.flow)?;
        let mut cameras = self.cameras.write();
        if cameras.iter().any(|camera| camera.id == id) {
            return Err(PipelineError::CameraInUse(id));
        }
        // A lossless camera detects on the frames that a flow detects on. Live cameras take turns.
        let phase = if info.live { cameras.len() as u64 } else { 0 };
        let decided = self.monitor.lock().decision.filter(|_| info.live);
        let cadence = decided.map_or(settings.flow.cadence, |decision| decision.cadence);
        let detail = decided.map_or(1.0, |decision| decision.detail);
        let detections = CameraDetections::new(cadence, phase, detail);
        let clock = Arc::clone(&context.clock);
        let camera = CameraState::new(source, Arc::clone(&meter), detections, settings.window(), clock);
        let camera = Arc::new(camera);
        if camera.lossless {
            context.sequencer.join(id);
        }
        let when_full = if info.live { WhenFull::DropOldest } else { WhenFull::Block };
        self.detect_queue.lanes.open(id.0, settings.frame_queue, when_full);
        cameras.push(Arc::clone(&camera));
        let embedding = self.embedding.as_ref().map(FaceJobPool::client);
        let classifying = self.classifying.as_ref().map(FaceJobPool::client);
        let open_jobs = OpenJobs::new(embedding, classifying, meter);
        Ok(CameraWorker::new(Arc::clone(context), camera, observer, open_jobs))
    }

    /// Starts a camera's two threads.
    ///
    /// # Errors
    /// That the system has no more threads.
    pub(crate) fn run(
        &self,
        worker: CameraWorker,
        source: Box<dyn FrameSource>,
    ) -> Result<(), PipelineError> {
        let camera = Arc::clone(worker.camera());
        let id = camera.id.0;
        self.thread(&self.threads.cameras, &format!("track-{id}"), move || worker.run())?;
        let context = Arc::clone(&self.context);
        let detect_queue = Arc::clone(&self.detect_queue);
        let reading = Arc::clone(&camera);
        let read = move || {
            let read = || reader::read(&context, &detect_queue, &reading, source);
            if let Err(panic) = guarded("capture", read) {
                reading.fail(panic);
            }
            reading.coded.end();
        };
        let started = self.thread(&self.threads.cameras, &format!("capture-{id}"), read);
        started.inspect_err(|_| {
            camera.stop();
            camera.coded.end();
        })
    }

    /// Starts the writer's thread.
    ///
    /// # Errors
    /// That the system has no more threads.
    pub(crate) fn write_to(&self, sink: Box<dyn Sink>) -> Result<(), PipelineError> {
        let context = Arc::clone(&self.context);
        let written = Arc::clone(&self.written);
        let write = move || {
            if let Some(queue) = &context.fanout.writer {
                writer_thread::record(&context, queue, sink, &written);
            }
        };
        self.thread(&self.threads.writer, "store", write)
    }

    /// Starts a thread of one of the groups in [`EngineThreads`].
    ///
    /// # Errors
    /// That the system has no more threads.
    pub(crate) fn thread(
        &self,
        threads: &ThreadGroup,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), PipelineError> {
        threads.spawn(name, work).map_err(|cause| PipelineError::Thread { name: name.into(), cause })
    }

    /// Returns the counts of the observations that the sink took, and of those that never reached it.
    pub(crate) fn written(&self) -> WriteReport {
        let mut written = self.written.lock().clone();
        self.context.fanout.complete(&mut written);
        written
    }

    /// Returns how many observations never reached the sink.
    pub(crate) fn lost_rows(&self) -> u64 {
        let by_writer: u64 = self.written.lock().cameras.values().map(|counts| counts.lost).sum();
        by_writer + self.context.fanout.writer.as_ref().map_or(0, WriterQueue::lost)
    }

    /// Stops the pools and drops their waiting jobs. Returns the names of the workers that do not end within the time that
    /// `timeout` returns when the pool's turn to be waited for comes.
    pub(crate) fn stop_pools(&self, timeout: impl Fn() -> Duration) -> Vec<String> {
        let embedding = self.embedding.as_ref().map(|pool| &pool.workers);
        let classifying = self.classifying.as_ref().map(|pool| &pool.workers);
        // All end side by side: a stuck worker costs the other pools no time.
        self.detection.stop();
        embedding.iter().for_each(|pool| pool.stop());
        classifying.iter().for_each(|pool| pool.stop());
        let mut stuck = self.detection.stop_and_wait(timeout());
        stuck.extend(embedding.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck.extend(classifying.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck
    }
}

/// Returns how many detection workers a pipeline starts with.
fn initial_workers(settings: &PipelineSettings) -> usize {
    let workers = settings.detect_workers.max(1);
    let Some(limits) = &settings.governor else { return workers };
    let fewest = *limits.workers.start();
    let most = *limits.workers.end();
    workers.clamp(fewest, most.max(fewest)).max(1)
}

/// Makes the detectors, and starts their pool.
///
/// # Errors
/// The factory's error, or that the system has no more threads.
fn start_detection(
    stages: &Stages,
    workers: usize,
    context: &Arc<Context>,
    detect_queue: &Arc<DetectQueue>,
) -> Result<WorkerPool, PipelineError> {
    let factory = stages.detector.clone();
    let guards = (0..workers).map(|_| Guard::new("detect", factory.clone(), &context.timer.stages));
    let made = Mutex::new(guards.collect::<Result<Vec<_>, _>>()?);
    let clock = Arc::clone(&context.clock);
    let jobs = Arc::clone(detect_queue);
    let context = Arc::clone(context);
    let queue = Arc::clone(detect_queue);
    let worker = move |_| detection::worker(Arc::clone(&context), Arc::clone(&queue), factory.clone(), &made);
    WorkerPool::start("detect", workers, jobs, clock, worker)
        .map_err(|cause| PipelineError::Thread { name: "detect".into(), cause })
}
