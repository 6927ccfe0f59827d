//! The running pipeline: its pools, its cameras and its threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use passerby_types::{Attributes, CameraId, Classifier, Embedder, Embedding, FrameSource, Sink};
use passerby_workers::{ThreadGroup, WhenFull, WorkerPool};

use crate::camera::reader;
use crate::camera::state::CameraState;
use crate::camera::tracks::CameraTracks;
use crate::camera::worker::CameraWorker;
use crate::context::Context;
use crate::detection::{self, DetectQueue};
use crate::error::PipelineError;
use crate::face_jobs::{self, FaceJobPool, Kind};
use crate::figures::calls::StuckCall;
use crate::figures::meter::Meter;
use crate::figures::report::CameraReport;
use crate::governor::{GovernorDecision, GovernorReason};
use crate::guard::{Guard, guarded};
use crate::output::writer::WriteReport;
use crate::output::writer_thread;
use crate::stages::Stages;

/// What a running pipeline consists of.
pub(crate) struct PipelineEngine {
    pub(crate) context: Arc<Context>,
    stages: Stages,
    pub(crate) detect_queue: Arc<DetectQueue>,
    pub(crate) detection: WorkerPool,
    pub(crate) embedding: Option<FaceJobPool<Embedding>>,
    pub(crate) classifying: Option<FaceJobPool<Attributes>>,
    pub(crate) cameras: RwLock<Vec<Arc<CameraState>>>,
    /// Two for each camera.
    pub(crate) camera_threads: ThreadGroup,
    pub(crate) writer_thread: ThreadGroup,
    pub(crate) monitor_thread: ThreadGroup,
    written: Arc<Mutex<WriteReport>>,
    pub(crate) monitor: Mutex<MonitorState>,
}

/// What the monitor saw and decided.
#[derive(Default)]
pub(crate) struct MonitorState {
    /// Detection workers as decided, without those that stand in for stuck ones.
    pub(crate) workers: usize,
    pub(crate) spares: usize,
    pub(crate) decision: Option<GovernorDecision>,
    pub(crate) decisions: BTreeMap<GovernorReason, u64>,
    pub(crate) stuck: Vec<StuckCall>,
    pub(crate) stuck_total: u64,
}

impl PipelineEngine {
    /// Starts the pools.
    pub(crate) fn start(stages: Stages, context: Arc<Context>) -> Result<Arc<Self>, PipelineError> {
        let settings = &context.settings;
        let mut workers = settings.detect_workers.max(1);
        if let Some(limits) = &settings.governor {
            workers =
                workers.clamp(*limits.workers.start(), (*limits.workers.end()).max(*limits.workers.start()));
        }
        let workers = workers.max(1);
        let detect_queue = Arc::new(DetectQueue::new(settings.detect_batch, Arc::clone(&context.clock)));
        let made: Result<Vec<_>, _> =
            (0..workers).map(|_| Guard::new("detect", stages.detector.clone())).collect();
        let detection = {
            let made = Mutex::new(made?);
            let (context, detect_queue) = (Arc::clone(&context), Arc::clone(&detect_queue));
            let (clock, jobs) = (Arc::clone(&context.clock), Arc::clone(&detect_queue));
            let factory = stages.detector.clone();
            WorkerPool::start("detect", workers, jobs, clock, move |_| {
                detection::worker(Arc::clone(&context), Arc::clone(&detect_queue), factory.clone(), &made)
            })
            .map_err(|cause| PipelineError::Thread { name: "detect".into(), cause })?
        };
        let embed =
            Kind { stage: "embed", call: <dyn Embedder>::embed, stopped: |c: &Context| &c.embedding_stopped };
        let embedding = stages.embedder.as_ref().map(|factory| {
            face_jobs::start(&embed, factory, settings.embed_workers, settings.face_queue, &context)
        });
        let classify = Kind {
            stage: "classify",
            call: <dyn Classifier>::classify,
            stopped: |c: &Context| &c.classifying_stopped,
        };
        let classifying = stages.classifier.as_ref().map(|factory| {
            face_jobs::start(&classify, factory, settings.classify_workers, settings.face_queue, &context)
        });
        Ok(Arc::new(Self {
            stages,
            detect_queue,
            detection,
            embedding: embedding.transpose()?,
            classifying: classifying.transpose()?,
            cameras: RwLock::default(),
            camera_threads: ThreadGroup::new(),
            writer_thread: ThreadGroup::new(),
            monitor_thread: ThreadGroup::new(),
            written: Arc::default(),
            monitor: Mutex::new(MonitorState { workers, ..MonitorState::default() }),
            context,
        }))
    }

    /// Makes a camera's place. Where the worker is dropped without having run, the camera has ended.
    pub(crate) fn open(&self, id: CameraId, source: &dyn FrameSource) -> Result<CameraWorker, PipelineError> {
        let (context, info) = (&self.context, source.info());
        let settings = &context.settings;
        let tracks = CameraTracks::new(id, &self.stages, settings.flow.embed, settings.flow.classify)?;
        let mut cameras = self.cameras.write();
        if cameras.iter().any(|camera| camera.id == id) {
            return Err(PipelineError::Taken(id));
        }
        let report = CameraReport { camera: id, name: info.name.clone(), ..CameraReport::default() };
        let meter = Meter::new(report);
        // Lossless cameras detect on the frames that a flow detects on.
        let phase = if info.live { cameras.len() as u64 } else { 0 };
        let clock = Arc::clone(&context.clock);
        let camera = CameraState::new(id, meter, source, phase, settings.window(), clock);
        let decided = self.monitor.lock().decision.map(|decision| decision.cadence);
        camera.set_cadence(decided.filter(|_| info.live).unwrap_or(settings.flow.cadence));
        let camera = Arc::new(camera);
        if camera.lossless {
            context.sequencer.join(id);
        }
        let when_full = if info.live { WhenFull::DropOldest } else { WhenFull::Block };
        self.detect_queue.lanes.open(id.0, settings.frame_queue, when_full);
        cameras.push(Arc::clone(&camera));
        let embeds = self.embedding.as_ref().map(FaceJobPool::client);
        let classifies = self.classifying.as_ref().map(FaceJobPool::client);
        Ok(CameraWorker::new(Arc::clone(context), camera, tracks, embeds, classifies))
    }

    /// Starts a camera's two threads.
    pub(crate) fn run(
        &self,
        worker: CameraWorker,
        source: Box<dyn FrameSource>,
    ) -> Result<(), PipelineError> {
        let camera = Arc::clone(worker.camera());
        let (id, unread) = (camera.id.0, Arc::clone(&camera));
        self.thread(&self.camera_threads, &format!("track-{id}"), move || worker.follow())?;
        let (context, detect_queue) = (Arc::clone(&self.context), Arc::clone(&self.detect_queue));
        let read = move || {
            if let Err(panic) = guarded("capture", || reader::read(&context, &detect_queue, &camera, source))
            {
                camera.fatal(panic);
            }
        };
        self.thread(&self.camera_threads, &format!("capture-{id}"), read).inspect_err(|_| unread.stop())
    }

    /// Starts the writer's thread.
    pub(crate) fn write_to(&self, sink: Box<dyn Sink>) -> Result<(), PipelineError> {
        let (context, written) = (Arc::clone(&self.context), Arc::clone(&self.written));
        self.thread(&self.writer_thread, "store", move || writer_thread::record(&context, sink, &written))
    }

    /// Starts a thread.
    pub(crate) fn thread(
        &self,
        threads: &ThreadGroup,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), PipelineError> {
        threads.spawn(name, work).map_err(|cause| PipelineError::Thread { name: name.into(), cause })
    }

    /// What the sink took, and what never reached it.
    pub(crate) fn written(&self) -> WriteReport {
        let mut written = self.written.lock().clone();
        self.context.fanout.complete(&mut written);
        written
    }

    /// Stops the pools: what waits for them is given up. Names the workers that do not come back in time.
    pub(crate) fn stop_pools(&self, timeout: impl Fn() -> Duration) -> Vec<String> {
        // All end side by side: one that is stuck costs the others none of their time.
        self.detection.stop();
        self.embedding.iter().for_each(FaceJobPool::stop);
        self.classifying.iter().for_each(FaceJobPool::stop);
        let mut stuck = self.detection.stop_and_wait(timeout());
        stuck.extend(self.embedding.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck.extend(self.classifying.iter().flat_map(|pool| pool.stop_and_wait(timeout())));
        stuck
    }
}
