//! The whole way of a frame, for one camera on one thread: the reference.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use passerby_types::{
    Attributes, CameraId, Classifier, Clock, Detector, DropReason, Embedder, Embedding, ErrorClass, Face,
    FaceChip, Frame, FrameKind, FrameMeta, FramePool, FrameSource, Fuse, Identify, Identity, Observation,
    ObservedFace, Picture, Sighting, Sink, SourceError, StageError, TrackId, TrackKey, TrackUpdate,
    TrackedFace, Tracker,
};

use crate::attention::{Attention, Policy};
use crate::guard::{Guard, quietly};
use crate::{Report, Stages, Writer, WriterSettings};

/// How a [`Flow`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSettings {
    /// The detector runs on every `cadence`-th frame; the tracker coasts over those between. 1: on every frame.
    pub cadence: u64,
    /// Which views get an embedding.
    pub embed: Policy,
    /// Which views get an attribute estimate.
    pub classify: Policy,
    /// When observations are written.
    pub writer: WriterSettings,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            cadence: 1,
            embed: Policy::EMBED,
            classify: Policy::CLASSIFY,
            writer: WriterSettings::default(),
        }
    }
}

impl FlowSettings {
    /// Every face of every frame gets an embedding and an estimate of its own: for evaluation.
    #[must_use]
    pub fn every_frame(mut self) -> Self {
        (self.cadence, self.embed, self.classify) = (1, Policy::ALWAYS, Policy::ALWAYS);
        self
    }
}

/// Frames of one camera after another on the calling thread. The stages stay loaded from run to run, and persons are
/// recognised over all cameras.
pub struct Flow {
    settings: FlowSettings,
    clock: Arc<dyn Clock>,
    pool: FramePool,
    detector: Guard<dyn Detector>,
    tracker: Guard<dyn Tracker>,
    embedder: Option<Guard<dyn Embedder>>,
    identify: Option<Guard<dyn Identify>>,
    classifier: Option<Guard<dyn Classifier>>,
    fuse: Option<Guard<dyn Fuse>>,
    camera: CameraState,
}

/// What is remembered of the camera from one frame to the next.
struct CameraState {
    size: Option<(u32, u32)>,
    live: BTreeSet<TrackId>,
    /// Ids of the tracker's instance become ids of the camera by adding this: a rebuilt tracker counts from 1 again.
    first_id: u64,
    next_id: u64,
    embeds: Attention,
    classifies: Attention,
    attributes: HashMap<TrackId, Attributes>,
    report: Report,
}

impl CameraState {
    fn new(camera: CameraId, settings: &FlowSettings) -> Self {
        Self {
            size: None,
            live: BTreeSet::new(),
            first_id: 0,
            next_id: 0,
            embeds: Attention::new(settings.embed),
            classifies: Attention::new(settings.classify),
            attributes: HashMap::new(),
            report: Report { camera, ..Report::default() },
        }
    }

    fn key(&self, track: TrackId) -> TrackKey {
        TrackKey { camera: self.report.camera, track }
    }
}

/// The views of a frame that are worth a look.
#[derive(Default)]
struct Views {
    embed: Vec<View>,
    classify: Vec<View>,
}

/// A view of a track that is worth a look: which of the frame's tracks, and its pixels.
#[derive(Clone)]
struct View {
    place: usize,
    track: TrackId,
    face: Face,
    chip: FaceChip,
}

impl Flow {
    /// Makes one instance of every stage.
    ///
    /// # Errors
    /// What a factory says, or that it panicked: nothing can run without the stage.
    pub fn new(stages: Stages, settings: FlowSettings, clock: Arc<dyn Clock>) -> Result<Self, StageError> {
        Ok(Self {
            settings,
            clock,
            pool: FramePool::new(64),
            detector: Guard::new("detect", stages.detector)?,
            tracker: Guard::new("track", stages.tracker)?,
            embedder: stages.embedder.map(|f| Guard::new("embed", f)).transpose()?,
            identify: stages.identify.map(|f| Guard::new("identify", f)).transpose()?,
            classifier: stages.classifier.map(|f| Guard::new("classify", f)).transpose()?,
            fuse: stages.fuse.map(|f| Guard::new("fuse", f)).transpose()?,
            camera: CameraState::new(CameraId::default(), &settings),
        })
    }

    /// Runs one camera to the end of its source: every frame through the stages, its observation to `watch` and then
    /// to `sink`. `watch` may break the run off.
    ///
    /// A source is taken as it is: one that asks to be opened anew (`Reset`) ends the run as one that is done for.
    ///
    /// Nothing here fails for the caller: a frame that cannot be decoded or analysed is counted and the next one is
    /// taken; what ends the run early is in the report.
    pub fn run(
        &mut self,
        camera: CameraId,
        source: &mut dyn FrameSource,
        sink: Option<&mut dyn Sink>,
        watch: &mut dyn FnMut(&Observation) -> ControlFlow<()>,
    ) -> Report {
        self.camera = CameraState::new(camera, &self.settings);
        self.camera.report.name = source.info().name.clone();
        self.tracker.discard();
        let mut writer = sink.map(|sink| Writer::new(sink, self.settings.writer, Arc::clone(&self.clock)));

        for seq in 0.. {
            let frame = match self.capture(seq, source) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(e) => {
                    if self.lose(e).is_break() {
                        break;
                    }
                    continue;
                }
            };
            match self.one_frame(&frame) {
                Ok(observation) => {
                    match observation.kind {
                        FrameKind::Analysed => self.camera.report.ledger.analyse(),
                        FrameKind::Coasted => self.camera.report.ledger.coast(),
                    }
                    let go_on = watch(&observation);
                    if let Some(writer) = &mut writer {
                        let rows = observation.faces.len();
                        self.timed("store", rows, |_| writer.offer(observation));
                    }
                    if go_on.is_break() {
                        break;
                    }
                }
                Err(e) => {
                    self.camera.report.ledger.drop_frame(DropReason::StageFailed);
                    self.camera.report.fail(&e);
                    if e.class() == ErrorClass::Fatal {
                        self.camera.report.error = Some(e.into());
                        break;
                    }
                }
            }
        }

        for track in std::mem::take(&mut self.camera.live) {
            self.end(track);
        }
        if let Some(writer) = writer {
            let (writes, error) = self.timed("store", 0, |_| writer.finish());
            (self.camera.report.writes, self.camera.report.sink_error) = (writes, error);
        }
        self.count_rebuilds();
        std::mem::take(&mut self.camera.report)
    }

    /// One frame's way through the stages.
    ///
    /// # Errors
    /// What the detector or the tracker says: the frame has no observation. A failure of a later stage costs the
    /// frame its embeddings or estimates and is counted, no more.
    fn one_frame(&mut self, frame: &Frame) -> Result<Observation, StageError> {
        let faces = self.detect(frame)?;
        let update = self.track(frame, faces.as_deref())?;
        let mut observed: Vec<ObservedFace> = update.tracks.iter().map(seen).collect();

        let views = self.views(frame, &update.tracks);
        self.embed(&views.embed, &mut observed);
        self.identify(&views.embed, &mut observed);
        self.classify(&views.classify, &mut observed);

        for &track in &update.ended {
            self.end(track);
        }
        let kind = if faces.is_some() { FrameKind::Analysed } else { FrameKind::Coasted };
        let (width, height) = (frame.image.width(), frame.image.height());
        Ok(Observation { meta: frame.meta, width, height, kind, faces: observed, ended: update.ended })
    }

    /// The next frame of the source, with its number and its times.
    fn capture(&mut self, seq: u64, source: &mut dyn FrameSource) -> Result<Option<Frame>, SourceError> {
        let next = self.timed("capture", 1, |_| {
            quietly("capture", || source.next_picture()).unwrap_or_else(|panic| {
                Err(SourceError::Malformed { input: source.info().name.clone(), what: panic.to_string() })
            })
        })?;
        let Some(Picture { image, pts }) = next else {
            return Ok(None);
        };
        self.camera.report.ledger.capture();
        let (captured, wall) = (self.clock.now(), self.clock.wall());
        let meta = FrameMeta { camera: self.camera.report.camera, seq, captured, pts, wall };
        Ok(Some(Frame { meta, image: Arc::new(image) }))
    }

    /// Counts a frame that the source lost, or ends the run.
    fn lose(&mut self, error: SourceError) -> ControlFlow<()> {
        let report = &mut self.camera.report;
        if error.class() == ErrorClass::Skip {
            report.ledger.capture();
            report.ledger.drop_frame(DropReason::Undecodable);
            report.note(error.to_string());
            return ControlFlow::Continue(());
        }
        report.error = Some(error.into());
        ControlFlow::Break(())
    }

    /// The faces of the frame, or `None` where the cadence leaves it to the tracker.
    fn detect(&mut self, frame: &Frame) -> Result<Option<Vec<Face>>, StageError> {
        if !frame.meta.seq.is_multiple_of(self.settings.cadence.max(1)) {
            return Ok(None);
        }
        let batch = std::slice::from_ref(frame);
        let lists = self
            .timed("detect", 1, |flow| flow.detector.call(|d| one_each("detect", batch, d.detect(batch))));
        let faces = lists.map_err(|e| e.at(&frame.meta))?.remove(0);
        self.camera.report.faces += faces.len() as u64;
        Ok(Some(faces))
    }

    /// Tells the tracker of the frame. A camera that changes its picture's size starts its tracks anew.
    fn track(&mut self, frame: &Frame, faces: Option<&[Face]>) -> Result<TrackUpdate, StageError> {
        let size = (frame.image.width(), frame.image.height());
        let mut ended = Vec::new();
        if self.camera.size.replace(size).is_some_and(|last| last != size) {
            self.tracker.discard();
            ended = self.restart_tracks();
        }
        let result = self.timed("track", 1, |flow| flow.tracker.call(|t| Ok(t.update(&frame.meta, faces))));
        let mut update = match result {
            Ok(update) => update,
            Err(e) => {
                ended.extend(self.restart_tracks());
                for track in ended {
                    self.end(track);
                }
                return Err(e.at(&frame.meta));
            }
        };
        let camera = &mut self.camera;
        let global = |id: TrackId| TrackId(camera.first_id.saturating_add(id.0));
        update.tracks.iter_mut().for_each(|t| t.track = global(t.track));
        update.ended.iter_mut().for_each(|t| *t = global(*t));
        camera.live.extend(update.tracks.iter().map(|t| t.track));
        let highest = camera.live.iter().chain(&update.ended).max();
        camera.next_id = highest.map_or(camera.next_id, |id| camera.next_id.max(id.0));
        camera.live.retain(|id| !update.ended.contains(id));
        ended.append(&mut update.ended);
        Ok(TrackUpdate { tracks: update.tracks, ended })
    }

    /// Ends every live track, since the tracker's instance is gone, and lets its successor count on from the last id.
    fn restart_tracks(&mut self) -> Vec<TrackId> {
        self.camera.first_id = self.camera.next_id;
        std::mem::take(&mut self.camera.live).into_iter().collect()
    }

    /// The tracks of this frame that are worth a look by the stages there are, with their pixels, which are cut out
    /// once.
    fn views(&self, frame: &Frame, tracks: &[TrackedFace]) -> Views {
        let (camera, seq) = (&self.camera, frame.meta.seq);
        let mut views = Views::default();
        for (place, tracked) in tracks.iter().enumerate() {
            let (track, Some(face)) = (tracked.track, tracked.face) else { continue };
            let embed = self.embedder.is_some() && camera.embeds.wants(track, &face, seq);
            let classify = self.classifier.is_some() && camera.classifies.wants(track, &face, seq);
            if !(embed || classify) {
                continue;
            }
            // A face without a pixel inside the picture cannot be looked at.
            let Ok(chip) = FaceChip::cut(frame, &face, &self.pool) else { continue };
            let view = View { place, track, face, chip };
            views.embed.extend(embed.then(|| view.clone()));
            views.classify.extend(classify.then_some(view));
        }
        views
    }

    /// Takes the embeddings of these views.
    fn embed(&mut self, views: &[View], observed: &mut [ObservedFace]) {
        let embeddings =
            look(&mut self.embedder, "embed", views, &*self.clock, &mut self.camera.report, |e, c| {
                e.embed(c)
            });
        for (view, embedding) in views.iter().zip(embeddings) {
            observed[view.place].embedding = embedding;
            self.camera.embeds.looked(view.track, &view.face, view.chip.meta.seq);
        }
    }

    /// Says who every track of the frame is.
    fn identify(&mut self, views: &[View], observed: &mut [ObservedFace]) {
        let Some(identify) = &mut self.identify else {
            return;
        };
        let camera = &mut self.camera;
        let sightings: Vec<Sighting> = views
            .iter()
            .filter_map(|view| {
                let embedding: Embedding = observed[view.place].embedding.clone()?;
                let FrameMeta { seq, captured, .. } = view.chip.meta;
                let (quality, size) = (view.face.quality(), view.face.size());
                Some(Sighting { track: camera.key(view.track), seq, captured, embedding, quality, size })
            })
            .collect();
        let visible: Vec<TrackKey> = observed.iter().map(|o| camera.key(o.track)).collect();
        let start = self.clock.now();
        let identities = identify.call(|i| {
            if !sightings.is_empty() {
                i.identify(&sightings, &visible);
            }
            Ok(visible.iter().map(|&key| i.identity(key)).collect::<Vec<_>>())
        });
        camera.report.spend("identify", sightings.len(), self.clock.now().since(start));
        match identities {
            Ok(identities) => {
                for (face, identity) in observed.iter_mut().zip(identities) {
                    let small = face.face.is_some_and(|f| camera.embeds.too_small(face.track, &f));
                    let unseen = identity == Identity::Pending && small;
                    face.identity = if unseen { Identity::Unidentified } else { identity };
                }
            }
            Err(e) => camera.report.fail(&e),
        }
    }

    /// Takes the attribute estimates of these views, and says what is known of every track of the frame.
    fn classify(&mut self, views: &[View], observed: &mut [ObservedFace]) {
        let report = &mut self.camera.report;
        let estimates =
            look(&mut self.classifier, "classify", views, &*self.clock, report, Classifier::classify);
        for (view, estimate) in views.iter().zip(estimates) {
            observed[view.place].estimate = estimate;
            self.camera.classifies.looked(view.track, &view.face, view.chip.meta.seq);
            self.fuse(view, estimate);
        }
        for face in observed {
            face.attributes = self.camera.attributes.get(&face.track).copied();
        }
    }

    /// Adds one estimate to what is known of its track.
    fn fuse(&mut self, view: &View, estimate: Option<Attributes>) {
        let (Some(fuse), Some(estimate)) = (&mut self.fuse, estimate) else {
            return;
        };
        let key = self.camera.key(view.track);
        match fuse.call(|f| Ok(f.fuse(key, &estimate, view.face.quality()))) {
            Ok(Some(attributes)) => {
                self.camera.attributes.insert(view.track, attributes);
            }
            Ok(None) => {}
            Err(e) => self.camera.report.fail(&e.at(&view.chip.meta)),
        }
    }

    /// Lets everybody forget a track that ended.
    fn end(&mut self, track: TrackId) {
        let key = self.camera.key(track);
        self.camera.embeds.end(track);
        self.camera.classifies.end(track);
        self.camera.attributes.remove(&track);
        let identify = self.identify.as_mut().map(|i| {
            i.call(|i| {
                i.end(key);
                Ok(())
            })
        });
        let fuse = self.fuse.as_mut().map(|f| {
            f.call(|f| {
                f.end(key);
                Ok(())
            })
        });
        for error in [identify, fuse].into_iter().flatten().filter_map(Result::err) {
            self.camera.report.fail(&error);
        }
    }

    /// Runs `work` and adds its time to the stage.
    fn timed<T>(&mut self, stage: &'static str, items: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let start = self.clock.now();
        let result = work(self);
        let busy = self.clock.now().since(start);
        self.camera.report.spend(stage, items, busy);
        result
    }

    /// Puts down which instances failed in this run.
    fn count_rebuilds(&mut self) {
        let counts = [
            ("detect", Some(self.detector.take_failed())),
            ("track", Some(self.tracker.take_failed())),
            ("embed", self.embedder.as_mut().map(Guard::take_failed)),
            ("identify", self.identify.as_mut().map(Guard::take_failed)),
            ("classify", self.classifier.as_mut().map(Guard::take_failed)),
            ("fuse", self.fuse.as_mut().map(Guard::take_failed)),
        ];
        for (stage, instances) in counts {
            self.camera.report.rebuilt(stage, instances.unwrap_or(0));
        }
    }
}

/// The answers of a stage that looks at faces, one a view. A stage that is not there, or that fails, gives none; its
/// failure is counted, and after `Fatal` it is not asked again.
fn look<S: ?Sized, T>(
    stage: &mut Option<Guard<S>>,
    name: &'static str,
    views: &[View],
    clock: &dyn Clock,
    report: &mut Report,
    work: impl FnOnce(&mut S, &[FaceChip]) -> Result<Vec<Option<T>>, StageError>,
) -> Vec<Option<T>> {
    let (Some(guard), Some(first)) = (stage.as_mut(), views.first()) else {
        return Vec::new();
    };
    let chips: Vec<FaceChip> = views.iter().map(|v| v.chip.clone()).collect();
    let start = clock.now();
    let answers = guard.call(|s| one_each(name, &chips, work(s, &chips)));
    report.spend(name, chips.len(), clock.now().since(start));
    let e = match answers {
        Ok(answers) => return answers,
        Err(e) => e,
    };
    if e.class() == ErrorClass::Fatal {
        report.rebuilt(name, guard.take_failed());
        *stage = None;
    }
    report.fail(&e.at(&first.chip.meta));
    Vec::new()
}

/// Holds a stage to its contract: `out[i]` belongs to `in[i]`. One that breaks it is rebuilt.
fn one_each<I, O>(
    stage: &'static str,
    batch: &[I],
    out: Result<Vec<O>, StageError>,
) -> Result<Vec<O>, StageError> {
    let out = out?;
    if out.len() == batch.len() {
        return Ok(out);
    }
    Err(StageError::reset(stage, format!("gave {} answers for a batch of {}", out.len(), batch.len())))
}

/// A track as the tracker left it, nothing else known yet.
fn seen(tracked: &TrackedFace) -> ObservedFace {
    ObservedFace {
        track: tracked.track,
        state: tracked.state,
        bbox: tracked.bbox,
        face: tracked.face,
        embedding: None,
        estimate: None,
        identity: Identity::Pending,
        attributes: None,
    }
}
