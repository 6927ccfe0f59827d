//! The whole way of a frame on one thread: the reference.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use passerby_types::{
    Attributes, CameraId, ChipPool, Classifier, Clock, Detector, DropReason, Embedder, Embedding, ErrorClass,
    Face, FaceChip, Frame, FrameKind, FrameMeta, FrameSource, Image, Observation, ObservedFace, Picture,
    Recycler, Sighting, Sink, SourceError, StageError, Timestamp, TrackUpdate,
};

use crate::camera::tracks::{CameraTracks, Views, seen};
use crate::camera::view_selector::SamplingPolicy;
use crate::figures::report::CameraReport;
use crate::guard::Guard;
use crate::identities::Identities;
use crate::output::fanout::LISTS;
use crate::output::writer::{Writer, WriterSettings};
use crate::stages::Stages;
use passerby_workers::catch_panic;

/// How a [`Flow`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSettings {
    /// The detector runs on every `cadence`-th frame; the tracker coasts over those between. 1: on every frame.
    pub cadence: u64,
    /// Which views get an embedding.
    pub embed: SamplingPolicy,
    /// Which views get an attribute estimate.
    pub classify: SamplingPolicy,
    /// When observations are written.
    pub writer: WriterSettings,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            cadence: 1,
            embed: SamplingPolicy::EMBED,
            classify: SamplingPolicy::CLASSIFY,
            writer: WriterSettings::default(),
        }
    }
}

impl FlowSettings {
    /// Every face of every frame gets an embedding and an estimate of its own: for evaluation.
    #[must_use]
    pub fn every_frame(mut self) -> Self {
        (self.cadence, self.embed, self.classify) = (1, SamplingPolicy::ALWAYS, SamplingPolicy::ALWAYS);
        self
    }
}

/// Frames of one or several cameras on the calling thread. The stages stay loaded from run to run, and persons are
/// recognised over all cameras.
pub struct Flow {
    settings: FlowSettings,
    clock: Arc<dyn Clock>,
    chips: ChipPool,
    /// What frames share their pictures by.
    images: Recycler<Arc<Image>>,
    /// For the faces of observations.
    lists: Arc<Recycler<Vec<ObservedFace>>>,
    stages: Stages,
    detector: Guard<dyn Detector>,
    embedder: Option<Guard<dyn Embedder>>,
    classifier: Option<Guard<dyn Classifier>>,
    identities: Identities,
}

/// One camera of a run.
struct Lane<'a> {
    source: &'a mut dyn FrameSource,
    /// `None` where its tracker could not be made.
    camera: Option<CameraTracks>,
    report: CameraReport,
    running: bool,
    work: Work,
}

/// What a frame's way needs, emptied and filled anew with every frame.
#[derive(Default)]
struct Work {
    /// The faces of one frame.
    faces: [Vec<Face>; 1],
    update: TrackUpdate,
    views: Views,
    chips: Vec<FaceChip>,
    embeddings: Vec<Option<Embedding>>,
    estimates: Vec<Option<Attributes>>,
    sightings: Vec<Sighting>,
}

/// What watches a run, and may break it off.
type Watch<'a> = dyn FnMut(&Observation) -> ControlFlow<()> + 'a;

impl Flow {
    /// Makes one instance of every stage, except of the tracker, of which each camera gets its own.
    ///
    /// # Errors
    /// What a factory says, or that it panicked: nothing can run without the stage.
    pub fn new(stages: Stages, settings: FlowSettings, clock: Arc<dyn Clock>) -> Result<Self, StageError> {
        Ok(Self {
            settings,
            clock,
            chips: ChipPool::new(64),
            images: Recycler::new(1),
            lists: Arc::new(Recycler::new(LISTS)),
            detector: Guard::new("detect", stages.detector.clone())?,
            embedder: stages.embedder.clone().map(|f| Guard::new("embed", f)).transpose()?,
            classifier: stages.classifier.clone().map(|f| Guard::new("classify", f)).transpose()?,
            identities: Identities::new(&stages)?,
            stages,
        })
    }

    /// Runs one camera to the end of its source: every frame through the stages, its observation to `watch` and then
    /// to `sink`. `watch` may break the run off.
    ///
    /// An interruption (`Reset`) is counted and the source asked again; one after which no picture comes ends the run.
    ///
    /// Nothing here fails for the caller: a frame that cannot be decoded or analysed is counted and the next one is
    /// taken; what ends the run early is in the report.
    pub fn run(
        &mut self,
        camera: CameraId,
        source: &mut dyn FrameSource,
        sink: Option<&mut dyn Sink>,
        watch: &mut dyn FnMut(&Observation) -> ControlFlow<()>,
    ) -> CameraReport {
        self.run_together(vec![(camera, source)], sink, watch).pop().unwrap_or_default()
    }

    /// As [`Flow::run`] for several cameras: the first frame of each in the order given, then the second of each, and
    /// so on. The reports are in the same order; each counts the writes of its own observations, and a sink that
    /// ended stands in all of them.
    pub fn run_together(
        &mut self,
        cameras: Vec<(CameraId, &mut dyn FrameSource)>,
        sink: Option<&mut dyn Sink>,
        watch: &mut dyn FnMut(&Observation) -> ControlFlow<()>,
    ) -> Vec<CameraReport> {
        let mut writer = sink.map(|sink| {
            let (clock, lists) = (Arc::clone(&self.clock), Arc::clone(&self.lists));
            Writer::giving_back(sink, self.settings.writer, clock, lists)
        });
        let mut lanes: Vec<Lane<'_>> =
            cameras.into_iter().map(|(id, source)| self.open(id, source)).collect();

        while lanes.iter().any(|lane| lane.running) {
            for lane in lanes.iter_mut().filter(|lane| lane.running) {
                lane.running = self.step(lane, writer.as_mut(), watch).is_continue();
            }
        }

        let start = self.clock.now();
        let done = writer.map(Writer::finish);
        let closing = self.clock.now().since(start);
        let mut reports: Vec<CameraReport> = lanes.into_iter().map(|lane| lane.report).collect();
        if let Some(done) = done {
            reports.iter_mut().for_each(|report| report.wrote(&done));
            reports.iter_mut().take(1).for_each(|report| report.spend("store", 0, closing));
        }
        reports
    }

    /// A camera of which nothing was seen yet.
    fn open<'a>(&self, id: CameraId, source: &'a mut dyn FrameSource) -> Lane<'a> {
        let mut report =
            CameraReport { camera: id, name: source.info().name.clone(), ..CameraReport::default() };
        let camera = CameraTracks::new(id, &self.stages, self.settings.embed, self.settings.classify);
        let camera = camera.map_err(|e| report.error = Some(e.into())).ok();
        Lane { source, running: camera.is_some(), camera, report, work: Work::default() }
    }

    /// Takes the camera's next frame, or ends the camera.
    fn step(
        &mut self,
        lane: &mut Lane<'_>,
        writer: Option<&mut Writer<'_>>,
        watch: &mut Watch<'_>,
    ) -> ControlFlow<()> {
        let Lane { source, camera: Some(camera), report, work, .. } = lane else {
            return ControlFlow::Break(());
        };
        camera.can_embed = self.embedder.is_some();
        camera.can_classify = self.classifier.is_some();
        let go_on = match self.capture(*source, report) {
            Ok(Some(frame)) => match self.one_frame(frame, camera, work, report) {
                Ok(observation) => {
                    match observation.kind {
                        FrameKind::Analysed => report.ledger.analyse(),
                        FrameKind::Coasted => report.ledger.coast(),
                    }
                    let go_on = watch(&observation);
                    if let Some(writer) = writer {
                        let rows = observation.faces.len();
                        self.timed(report, "store", rows, |_| writer.offer(observation));
                    } else {
                        self.lists.give_back_list(observation.faces);
                    }
                    go_on
                }
                Err(e) => {
                    report.ledger.drop_frame(DropReason::StageFailed);
                    report.fail(&e);
                    let fatal = e.class() == ErrorClass::Fatal;
                    report.error = fatal.then(|| e.into());
                    if fatal { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }
            },
            Ok(None) => {
                report.source_ended();
                ControlFlow::Break(())
            }
            Err(e) => report.lose(e),
        };
        if go_on.is_break() {
            camera.end_all(&self.identities);
        }
        camera.take_failures().iter().for_each(|e| report.fail(e));
        self.count_rebuilds(camera, report);
        go_on
    }

    /// One frame's way through the stages.
    ///
    /// # Errors
    /// What the detector or the tracker says: the frame has no observation. A failure of a later stage costs the
    /// frame its embeddings or estimates and is counted, no more.
    fn one_frame(
        &mut self,
        frame: Frame,
        camera: &mut CameraTracks,
        work: &mut Work,
        report: &mut CameraReport,
    ) -> Result<Observation, StageError> {
        let detected = self.detect(&frame, work, report)?;
        let size = (frame.image.width(), frame.image.height());
        let [faces] = &work.faces;
        let faces = detected.then_some(faces.as_slice());
        self.timed(report, "track", 1, |flow| {
            camera.track(&frame.meta, size, faces, &flow.identities, &mut work.update)
        })?;
        let mut observed = self.lists.take_list();
        observed.extend(work.update.tracks.iter().map(seen));

        camera.views(&frame, &work.update.tracks, &self.chips, &mut work.views);
        let meta = frame.meta;
        self.images.give_back_image(frame.image);
        self.embed(camera, work, report, &mut observed);
        if self.stages.identify.is_some() {
            let start = self.clock.now();
            camera.name(&self.identities, &work.sightings, &mut observed);
            report.spend("identify", work.sightings.len(), self.clock.now().since(start));
        }
        self.classify(camera, work, report, &mut observed);
        camera.describe(&mut observed);
        work.sightings.clear();
        let looked = work.views.embed.drain(..).chain(work.views.classify.drain(..));
        looked.for_each(|view| self.chips.give_back(view.chip));

        camera.end(&work.update.ended, &self.identities);
        let kind = if detected { FrameKind::Analysed } else { FrameKind::Coasted };
        let ended = work.update.ended.clone();
        Ok(Observation { meta, width: size.0, height: size.1, kind, faces: observed, ended })
    }

    /// The next frame of the source, with its number and its times.
    fn capture(
        &mut self,
        source: &mut dyn FrameSource,
        report: &mut CameraReport,
    ) -> Result<Option<Frame>, SourceError> {
        let next = self.timed(report, "capture", 1, |_| next_picture(source))?;
        let Some(Picture { image, pts, age }) = next else { return Ok(None) };
        let seq = report.ledger.captured;
        report.capture();
        let (captured, wall) = arrived(&*self.clock, age);
        let meta = FrameMeta { camera: report.camera, seq, captured, pts, wall };
        Ok(Some(Frame { meta, image: self.images.share(image) }))
    }

    /// Finds the faces of the frame; false where the cadence leaves it to the tracker.
    fn detect(
        &mut self,
        frame: &Frame,
        work: &mut Work,
        report: &mut CameraReport,
    ) -> Result<bool, StageError> {
        if !frame.meta.seq.is_multiple_of(self.settings.cadence.max(1)) {
            return Ok(false);
        }
        let (batch, lists) = (std::slice::from_ref(frame), &mut work.faces);
        lists.iter_mut().for_each(Vec::clear);
        let done = self.timed(report, "detect", 1, |flow| flow.detector.call(|d| d.detect(batch, lists)));
        done.map_err(|e| e.at(&frame.meta))?;
        report.faces += lists.iter().map(|list| list.len() as u64).sum::<u64>();
        Ok(true)
    }

    /// Takes the embeddings of the views, and notes what a gallery is to be told of them.
    fn embed(
        &mut self,
        camera: &mut CameraTracks,
        work: &mut Work,
        report: &mut CameraReport,
        observed: &mut [ObservedFace],
    ) {
        let Work { views: Views { embed: views, .. }, chips, embeddings, sightings, .. } = work;
        chips.extend(views.iter().map(|view| view.chip.clone()));
        let call = Embedder::embed;
        if look(&mut self.embedder, "embed", chips, embeddings, &*self.clock, report, call) {
            for (view, embedding) in views.iter().zip(embeddings.drain(..)) {
                sightings.extend(embedding.clone().map(|e| camera.sighting(view, e)));
                observed[view.place].embedding = embedding;
            }
        } else {
            views.iter().for_each(|view| camera.not_embedded(view));
        }
        chips.clear();
    }

    /// Takes the attribute estimates of the views.
    fn classify(
        &mut self,
        camera: &mut CameraTracks,
        work: &mut Work,
        report: &mut CameraReport,
        observed: &mut [ObservedFace],
    ) {
        let Work { views: Views { classify: views, .. }, chips, estimates, .. } = work;
        chips.extend(views.iter().map(|view| view.chip.clone()));
        let call = Classifier::classify;
        if look(&mut self.classifier, "classify", chips, estimates, &*self.clock, report, call) {
            for (view, estimate) in views.iter().zip(estimates.drain(..)) {
                observed[view.place].estimate = estimate;
                if let Some(estimate) = &estimate {
                    let start = self.clock.now();
                    camera.learn(&self.identities, view, estimate);
                    report.spend("fuse", 1, self.clock.now().since(start));
                }
            }
        } else {
            views.iter().for_each(|view| camera.not_classified(view));
        }
        chips.clear();
    }

    /// Runs `work` and adds its time to the stage.
    fn timed<T>(
        &mut self,
        report: &mut CameraReport,
        stage: &'static str,
        items: usize,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let start = self.clock.now();
        let result = work(self);
        report.spend(stage, items, self.clock.now().since(start));
        result
    }

    fn count_rebuilds(&mut self, camera: &mut CameraTracks, report: &mut CameraReport) {
        report.rebuilt("detect", self.detector.take_failed());
        report.rebuilt("track", camera.take_failed());
        report.rebuilt("embed", self.embedder.as_mut().map_or(0, Guard::take_failed));
        report.rebuilt("classify", self.classifier.as_mut().map_or(0, Guard::take_failed));
        self.identities.take_failed().into_iter().for_each(|(stage, failed)| report.rebuilt(stage, failed));
    }
}

/// When a picture of this age arrived, by the clock and by the time of day.
pub(crate) fn arrived(clock: &dyn Clock, age: Duration) -> (Timestamp, SystemTime) {
    let wall = clock.wall();
    (Timestamp(clock.now().0.saturating_sub(age)), wall.checked_sub(age).unwrap_or(wall))
}

/// The source's next picture; a panic in it is an error that ends it.
pub(crate) fn next_picture(source: &mut dyn FrameSource) -> Result<Option<Picture>, SourceError> {
    catch_panic(|| source.next_picture()).unwrap_or_else(|panic| {
        Err(SourceError::Malformed { input: source.info().name.clone(), what: format!("capture: {panic}") })
    })
}

/// Writes the answers of a stage that looks at faces to `out`, one a chip; false where there is none: the stage is not
/// there or fails. Its failure is counted, and after `Fatal` it is not asked again.
fn look<S: ?Sized, T>(
    stage: &mut Option<Guard<S>>,
    name: &'static str,
    chips: &[FaceChip],
    out: &mut Vec<Option<T>>,
    clock: &dyn Clock,
    report: &mut CameraReport,
    call: impl FnOnce(&mut S, &[FaceChip], &mut [Option<T>]) -> Result<(), StageError>,
) -> bool {
    out.clear();
    let (Some(guard), Some(first)) = (stage.as_mut(), chips.first()) else { return false };
    out.resize_with(chips.len(), || None);
    let start = clock.now();
    let done = guard.call(|s| call(s, chips, out));
    report.spend(name, chips.len(), clock.now().since(start));
    let Err(e) = done else { return true };
    if e.class() == ErrorClass::Fatal {
        report.rebuilt(name, guard.take_failed());
        *stage = None;
    }
    report.fail(&e.at(&first.meta));
    false
}
