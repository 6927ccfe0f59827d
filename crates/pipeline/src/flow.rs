//! The whole way of a frame on one thread: the reference for the pipeline.

use std::fmt;
use std::ops::ControlFlow;
use std::slice;
use std::sync::Arc;

use passerby_types::{
    Attributes, CameraId, Classifier, Clock, Detector, DropReason, Embedder, Embedding, ErrorClass, Face,
    Frame, FrameKind, FrameMeta, FrameSource, Image, Observation, Picture, Recycler, Sink, SourceError,
    StageError,
};

use crate::camera::observer::CameraObserver;
use crate::camera::reader::{detail, next_picture, with_arrival};
use crate::camera::schedule::DetectionSchedule;
use crate::context::AnalysisContext;
use crate::face_jobs::{self, FaceJobs, FaceResult, FaceStage};
use crate::figures::meter::CameraMeter;
use crate::figures::report::CameraReport;
use crate::guard::Guard;
use crate::output::fanout::observed_lists;
use crate::output::writer::Writer;
use crate::sampling::sampler::ActiveStages;
use crate::scene::scene_watch::SceneWatch;
use crate::settings::FlowSettings;
use crate::stages::Stages;

/// Takes the frames of one or several cameras through all stages, on the calling thread. The stages stay loaded from run
/// to run, and persons are recognised over all cameras.
///
/// It is for files, for tests, and for programs that want each observation before the next frame. A
/// [`Pipeline`](crate::Pipeline) does the same on many threads.
pub struct Flow {
    settings: FlowSettings,
    context: Arc<AnalysisContext>,
    images: Recycler<Arc<Image>>,
    stages: Stages,
    detector: Guard<dyn Detector>,
    embedder: Option<FaceStage<dyn Embedder, Embedding>>,
    classifier: Option<FaceStage<dyn Classifier, Attributes>>,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// One camera of a run.
struct FlowCamera<'a> {
    source: &'a mut dyn FrameSource,
    meter: Arc<CameraMeter>,
    observer: CameraObserver,
    scenes: SceneWatch,
    /// The faces of the frame: one list, for a batch of one frame.
    faces: [Vec<Face>; 1],
    jobs: FaceJobs,
    embeddings: Vec<FaceResult<Embedding>>,
    estimates: Vec<FaceResult<Attributes>>,
}

/// The caller's function that sees each observation, and may end the run.
type Watch<'a> = dyn FnMut(&Observation) -> ControlFlow<()> + 'a;

impl Flow {
    /// Makes one instance of every stage except the tracker, of which each camera of a run gets its own.
    ///
    /// # Errors
    /// The error of a factory. If a factory panics, an error of the class `Reset`.
    pub fn new(stages: Stages, settings: FlowSettings, clock: Arc<dyn Clock>) -> Result<Self, StageError> {
        let context = Arc::new(AnalysisContext::new(&stages, clock, Arc::new(observed_lists()))?);
        let meters = &context.timer.stages;
        let embedder = stages.embedder.clone().map(|f| FaceStage::new(face_jobs::embedding(), f, meters));
        let classifier =
            stages.classifier.clone().map(|f| FaceStage::new(face_jobs::classifying(), f, meters));
        Ok(Self {
            settings,
            images: Recycler::new(1),
            detector: Guard::new("detect", stages.detector.clone(), meters)?,
            embedder: embedder.transpose()?,
            classifier: classifier.transpose()?,
            stages,
            context,
        })
    }

    /// Takes every frame of one camera through the stages, to the end of its source. Each observation goes to `watch` and
    /// then to `sink`. If `watch` breaks, the run ends after that frame.
    ///
    /// The run goes on after most errors, and the report counts them: a frame that cannot be decoded or analysed is skipped,
    /// and after an interruption (an error of the class `Reset`) the source is asked again. If no picture follows an
    /// interruption, or an error is `Fatal`, the run ends early and the report says why.
    pub fn run(
        &mut self,
        camera: CameraId,
        source: &mut dyn FrameSource,
        sink: Option<&mut dyn Sink>,
        watch: &mut dyn FnMut(&Observation) -> ControlFlow<()>,
    ) -> CameraReport {
        self.run_together(vec![(camera, source)], sink, watch).pop().unwrap_or_default()
    }

    /// Does the same as [`Flow::run`] for several cameras: it takes the first frame of each in the order given, then the
    /// second of each, and so on. If `watch` breaks, only the camera of that observation ends.
    ///
    /// Returns the reports in the order of the cameras. Each counts the writes of its own observations. If the sink ended,
    /// all of them say so.
    pub fn run_together(
        &mut self,
        cameras: Vec<(CameraId, &mut dyn FrameSource)>,
        sink: Option<&mut dyn Sink>,
        watch: &mut dyn FnMut(&Observation) -> ControlFlow<()>,
    ) -> Vec<CameraReport> {
        let clock = Arc::clone(&self.context.timer.clock);
        let mut writer = sink.map(|sink| {
            let lists = Arc::clone(&self.context.observed_lists);
            Writer::recycling(sink, self.settings.writer, Arc::clone(&clock), lists)
        });
        let mut meters = Vec::new();
        let mut running = Vec::new();
        for (id, source) in cameras {
            let (meter, camera) = self.open(id, source);
            meters.push(meter);
            running.extend(camera);
        }
        while !running.is_empty() {
            running.retain_mut(|camera| self.step(camera, writer.as_mut(), watch).is_continue());
        }

        let start = clock.now();
        let written = writer.map(Writer::finish);
        let elapsed = clock.now().since(start);
        if written.is_some() {
            meters.iter().take(1).for_each(|meter| meter.lock().report.spend("store", 0, elapsed));
        }
        let take_report = |meter: &Arc<CameraMeter>| meter.lock().report.take_report();
        let mut reports: Vec<CameraReport> = meters.iter().map(take_report).collect();
        if let Some(written) = written {
            reports.iter_mut().for_each(|report| report.add_writes(&written));
        }
        reports
    }

    /// Returns the counts of a new camera, and the camera itself unless its tracker cannot be made.
    fn open<'a>(
        &self,
        id: CameraId,
        source: &'a mut dyn FrameSource,
    ) -> (Arc<CameraMeter>, Option<FlowCamera<'a>>) {
        let info = source.info();
        let meter = Arc::new(CameraMeter::new(id, &info.name));
        let observer = CameraObserver::new(&self.context, &meter, info, &self.stages, &self.settings);
        let observer = observer.map_err(|error| meter.lock().end(error)).ok();
        let camera = observer.map(|observer| FlowCamera {
            source,
            meter: Arc::clone(&meter),
            observer,
            scenes: SceneWatch::default(),
            faces: [Vec::new()],
            jobs: FaceJobs::default(),
            embeddings: Vec::new(),
            estimates: Vec::new(),
        });
        (meter, camera)
    }

    /// Takes the camera's next frame from its source to the sink. Breaks if the camera has ended.
    fn step(
        &mut self,
        camera: &mut FlowCamera<'_>,
        writer: Option<&mut Writer<'_>>,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let flow = match self.capture(camera) {
            Ok(Some(frame)) => match self.observe(camera, frame) {
                Ok(observation) => self.hand_over(camera, observation, writer, watch),
                Err(error) => drop_frame(camera, error),
            },
            Ok(None) => {
                camera.meter.lock().report.source_ended();
                ControlFlow::Break(())
            }
            Err(error) => camera.meter.lock().source_failed(error, self.context.timer.clock.now()),
        };
        if flow.is_break() {
            camera.observer.end();
        }
        flow
    }

    /// Takes one frame through the stages.
    ///
    /// # Errors
    /// The error of the detector or the tracker, which is counted: the frame has no observation. If a later stage fails, the
    /// frame goes on without its embeddings or estimates.
    fn observe(&mut self, camera: &mut FlowCamera<'_>, frame: Frame) -> Result<Observation, StageError> {
        let timer = Arc::clone(&self.context.timer);
        let meta = frame.meta;
        let size = (frame.image.width(), frame.image.height());
        let detected = self.detect(camera, &frame)?;
        let faces = detected.then_some(camera.faces[0].as_slice());
        camera.observer.track(&meta, size, faces)?;

        camera.observer.sample(&frame, self.active_stages(), &mut camera.jobs);
        self.images.give_back_image(frame.image);
        if let Some(embedder) = &mut self.embedder {
            embedder.run(&timer, &mut camera.jobs.embed, &mut camera.embeddings);
        }
        camera.observer.identify(meta.seq, &mut camera.embeddings);
        if let Some(classifier) = &mut self.classifier {
            classifier.run(&timer, &mut camera.jobs.classify, &mut camera.estimates);
        }
        camera.observer.fuse(meta.seq, &mut camera.estimates);
        let kind = if detected { FrameKind::Analysed } else { FrameKind::Coasted };
        Ok(camera.observer.observe(&meta, size, kind))
    }

    /// Returns the next frame of the source, or `None` if the source has ended.
    fn capture(&mut self, camera: &mut FlowCamera<'_>) -> Result<Option<Frame>, SourceError> {
        let timer = &self.context.timer;
        let next = timer.timed("capture", &camera.meter, 1, || next_picture(&mut *camera.source))?;
        let Some(Picture { image, pts, age, .. }) = next else { return Ok(None) };
        let mut meter = camera.meter.lock();
        let seq = meter.report.ledger.captured;
        meter.capture(timer.clock.now());
        drop(meter);
        let detail = detail(camera.source.info());
        let scene = camera.scenes.watch(&image);
        let number = FrameMeta { pts, detail, scene, ..FrameMeta::new(camera.meter.camera, seq) };
        let meta = with_arrival(number, &*timer.clock, age);
        Ok(Some(Frame { meta, image: self.images.share(image) }))
    }

    /// Writes the faces of the frame to the camera's list. Returns false if the detector does not run on this frame.
    fn detect(&mut self, camera: &mut FlowCamera<'_>, frame: &Frame) -> Result<bool, StageError> {
        let schedule = DetectionSchedule::new(self.settings.cadence, 0);
        let look_wanted = camera.source.info().live && camera.observer.wants_look();
        if !schedule.includes(frame.meta.seq) && !camera.scenes.has_just_changed() && !look_wanted {
            return Ok(false);
        }
        let FlowCamera { meter, faces, .. } = camera;
        let detector = &mut self.detector;
        faces[0].clear();
        let left_out = self.context.timer.timed("detect", meter, 1, || {
            detector.call(meter, Some(&frame.meta), |detector| {
                detector.detect(slice::from_ref(frame), faces)?;
                Ok(detector.left_out(0))
            })
        })?;
        meter.lock().detect(&frame.meta, faces[0].len(), left_out);
        Ok(true)
    }

    /// Counts the observation, and gives it to `watch` and then to the writer. Breaks if `watch` breaks.
    fn hand_over(
        &mut self,
        camera: &FlowCamera<'_>,
        observation: Observation,
        writer: Option<&mut Writer<'_>>,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let FrameMeta { captured, .. } = observation.meta;
        let timer = &self.context.timer;
        camera.meter.lock().observe(observation.kind, timer.clock.now().since(captured), false);
        let flow = watch(&observation);
        if let Some(writer) = writer {
            let rows = observation.faces.len();
            timer.timed("store", &camera.meter, rows, || writer.offer(observation));
        } else {
            self.context.observed_lists.give_back_list(observation.faces);
        }
        flow
    }

    fn active_stages(&self) -> ActiveStages {
        ActiveStages {
            embed: self.embedder.as_ref().is_some_and(FaceStage::is_active),
            classify: self.classifier.as_ref().is_some_and(FaceStage::is_active),
        }
    }
}

/// Counts a frame that the detector or the tracker failed on. Breaks if the camera must stop.
fn drop_frame(camera: &FlowCamera<'_>, error: StageError) -> ControlFlow<()> {
    let mut meter = camera.meter.lock();
    meter.lose(DropReason::StageFailed);
    if error.class() != ErrorClass::Fatal {
        return ControlFlow::Continue(());
    }
    meter.end(error);
    ControlFlow::Break(())
}
