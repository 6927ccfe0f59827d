//! A camera's own thread: puts frames back in order, follows its tracks, and says what is known of each frame.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    Attributes, DropReason, Embedding, ErrorClass, Face, Frame, FrameKind, FrameMeta, Observation,
    ObservedFace, Recycler, Sighting, StageError, TrackId, TrackKey, TrackUpdate, TrackedFace,
};

use crate::camera::state::{CameraState, Event, InFlightGuard, What};
use crate::camera::tracks::{CameraTracks, View, Views, seen};
use crate::context::{Context, is_set};
use crate::face_jobs::{FaceJob, FaceJobs, FaceResult, Seen};
use passerby_workers::JobOutcome;
use passerby_workers::RecvOutcome;
use passerby_workers::{LateItem, ReorderBuffer};

/// How often the thread looks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);

/// How many lists of visible tracks are looked after: those of the frames whose looks are outstanding.
const VISIBLE: usize = 64;

/// A camera's own thread.
pub(crate) struct CameraWorker {
    context: Arc<Context>,
    camera: Arc<CameraState>,
    tracks: CameraTracks,
    /// The number of the frame that comes next.
    next: u64,
    /// `None` where there is no embedder.
    embeds: Option<FaceJobs<Embedding>>,
    /// `None` where there is no classifier.
    classifies: Option<FaceJobs<Attributes>>,
    /// What the frame's observation takes along. Empty between two frames.
    answers: Answers,
    /// What the tracker says of the frame.
    update: TrackUpdate,
    /// What is asked for, and what the gallery is told. Empty between two calls.
    views: Views,
    sightings: Vec<Sighting>,
    keys: Vec<TrackKey>,
    visible: Recycler<Arc<Vec<TrackKey>>>,
}

/// The answers that a frame's observation takes along.
#[derive(Default)]
struct Answers {
    embeddings: Vec<FaceResult<Embedding>>,
    estimates: Vec<FaceResult<Attributes>>,
}

impl CameraWorker {
    pub(crate) fn new(
        context: Arc<Context>,
        camera: Arc<CameraState>,
        tracks: CameraTracks,
        embeds: Option<FaceJobs<Embedding>>,
        classifies: Option<FaceJobs<Attributes>>,
    ) -> Self {
        Self {
            context,
            camera,
            tracks,
            next: 0,
            embeds,
            classifies,
            answers: Answers::default(),
            update: TrackUpdate::default(),
            views: Views::default(),
            sightings: Vec::new(),
            keys: Vec::new(),
            visible: Recycler::new(VISIBLE),
        }
    }

    pub(crate) fn camera(&self) -> &Arc<CameraState> {
        &self.camera
    }

    /// Takes the camera's frames in order until they end, or until the camera is to stop and none is inside. This is
    /// the body of the camera's thread.
    pub(crate) fn follow(mut self) {
        let wait = if self.camera.lossless { Duration::MAX } else { self.context.settings.reorder_timeout };
        let mut waiting = ReorderBuffer::new(self.context.settings.window(), wait);
        loop {
            loop {
                waiting.skip_to(self.camera.gone.past(waiting.next_seq()));
                let Some((_, what)) = waiting.pop(self.context.clock.now()) else { break };
                match what {
                    What::Detected { frame, faces, passage } => {
                        let size = (frame.image.width(), frame.image.height());
                        let meta = frame.meta;
                        self.one_frame(&meta, size, Some((frame, faces)), passage);
                    }
                    What::Coasted { meta, size, passage } => self.one_frame(&meta, size, None, passage),
                    What::Wake => {}
                    What::End { seq } => {
                        self.next = seq;
                        return self.finish();
                    }
                }
            }
            if self.camera.is_abandoned() || (self.camera.is_stopping() && self.camera.is_empty()) {
                return self.finish();
            }
            match self.camera.inbox.recv_timeout(TICK) {
                RecvOutcome::Item(Event { what: What::Wake, .. }) => self.camera.awake(),
                RecvOutcome::Item(event) => {
                    let late = waiting.insert(event.order, event.what, self.context.clock.now());
                    if let Err(LateItem(
                        What::Detected { mut passage, .. } | What::Coasted { mut passage, .. },
                    )) = late
                    {
                        passage.lost(DropReason::Late);
                    }
                }
                RecvOutcome::Empty => {}
                RecvOutcome::Closed => return self.finish(),
            }
        }
    }

    /// One frame's way from its faces to its observation.
    fn one_frame(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        detected: Option<(Frame, Vec<Face>)>,
        mut passage: InFlightGuard,
    ) {
        let context = Arc::clone(&self.context);
        self.next = meta.seq.saturating_add(1);
        let (frame, faces) = detected.unzip();
        let mut update = std::mem::take(&mut self.update);
        let tracked = context.timed("track", &self.camera, 1, || {
            self.tracks.track(meta, size, faces.as_deref(), &context.identities, &mut update)
        });
        faces.into_iter().for_each(|list| context.face_lists.give_back_list(list));
        if let Err(e) = tracked {
            return self.failed(e, passage);
        }
        let mut observed = context.fanout.lists.take_list();
        observed.extend(update.tracks.iter().map(seen));

        let kind = if frame.is_some() { FrameKind::Analysed } else { FrameKind::Coasted };
        let asked = frame.map_or(0, |frame| self.ask(frame, &update.tracks));
        if self.camera.lossless {
            self.wait_for(asked);
        } else {
            self.arrived();
        }

        // From here on lossless cameras come one after another, so that the gallery learns in one order.
        self.take_turn(meta.seq);
        self.take(meta.seq, &mut observed);
        self.tracks.describe(&mut observed);
        self.forget(&update.ended);

        passage.observed(kind, context.clock.now().since(meta.captured));
        let ((width, height), ended) = (size, update.ended.clone());
        self.update = update;
        let observation = Observation { meta: *meta, width, height, kind, faces: observed, ended };
        let running = context.calls.begin("publish", Some(self.camera.id));
        context.fanout.publish(observation, self.camera.lossless);
        drop(running);
        context.sequencer.end_turn(self.camera.id, meta.seq);
        self.tell_failures();
    }

    /// The tracker failed on the frame. One that goes on failing is rebuilt less and less often; meanwhile a live camera's
    /// frames are dropped before it, and a file waits.
    fn failed(&mut self, error: StageError, mut passage: InFlightGuard) {
        passage.lost(DropReason::StageFailed);
        self.camera.meter.lock().fail(&error);
        self.tell_failures();
        if error.class() == ErrorClass::Fatal {
            return self.camera.fatal(error);
        }
        let back_off = self.tracks.back_off();
        // What is inside when the camera is to stop is not waited for frame by frame.
        if !back_off.is_zero() && !self.camera.is_stopping() {
            self.context.gate.sleep(back_off);
        }
    }

    /// Asks for a look at the views of the frame that are worth one, after which its picture may go. Says how many.
    fn ask(&mut self, frame: Frame, tracks: &[TrackedFace]) -> usize {
        self.tracks.can_embed = self.embeds.is_some() && !is_set(&self.context.embedding_stopped);
        self.tracks.can_classify = self.classifies.is_some() && !is_set(&self.context.classifying_stopped);
        self.tracks.views(&frame, tracks, &self.context.chips, &mut self.views);
        self.camera.images.give_back_image(frame.image);
        let asked = self.views.embed.len() + self.views.classify.len();
        if asked == 0 {
            return 0;
        }
        self.keys.clear();
        self.keys.extend(tracks.iter().map(|t| self.tracks.key(t.track)));
        let visible = self.visible.share_copy(&self.keys);
        let lossless = self.camera.lossless;
        let ask = |view| FaceJob { camera: Arc::clone(&self.camera), view, visible: Arc::clone(&visible) };
        if let Some(looks) = &self.embeds {
            self.views.embed.drain(..).for_each(|view| offer(looks, ask(view), lossless));
        }
        if let Some(looks) = &self.classifies {
            self.views.classify.drain(..).for_each(|view| offer(looks, ask(view), lossless));
        }
        asked
    }

    /// Waits for the answers to all looks of this frame: nothing depends on how long they take.
    fn wait_for(&mut self, asked: usize) {
        if asked > 0 {
            while let Some(outcome) = self.embeds.as_ref().and_then(|looks| next(looks, &self.camera)) {
                self.note_embedding(outcome);
            }
            while let Some(outcome) = self.classifies.as_ref().and_then(|looks| next(looks, &self.camera)) {
                self.note_estimate(outcome);
            }
        }
    }

    /// Takes the answers there are by now, to looks of this frame or of earlier ones.
    fn arrived(&mut self) {
        while let Some(outcome) = self.embeds.as_ref().and_then(FaceJobs::try_recv) {
            self.note_embedding(outcome);
        }
        while let Some(outcome) = self.classifies.as_ref().and_then(FaceJobs::try_recv) {
            self.note_estimate(outcome);
        }
    }

    fn note_embedding(&mut self, outcome: JobOutcome<FaceJob, FaceResult<Embedding>>) {
        match settle(outcome, "embed", &self.camera) {
            Settled::FaceResult(answer) => self.answers.embeddings.push(answer),
            Settled::Nothing(Some(view)) => {
                self.tracks.not_embedded(&view);
                self.context.chips.give_back(view.chip);
            }
            Settled::Nothing(None) => {}
        }
    }

    fn note_estimate(&mut self, outcome: JobOutcome<FaceJob, FaceResult<Attributes>>) {
        match settle(outcome, "classify", &self.camera) {
            Settled::FaceResult(answer) => self.answers.estimates.push(answer),
            Settled::Nothing(Some(view)) => {
                self.tracks.not_classified(&view);
                self.context.chips.give_back(view.chip);
            }
            Settled::Nothing(None) => {}
        }
    }

    /// Waits for the camera's turn.
    fn take_turn(&self, seq: u64) {
        let (id, context) = (self.camera.id, &self.context);
        let in_turn =
            || context.sequencer.wait_turn(id, seq, context.settings.stuck_after, || context.gate.resumed());
        if self.camera.lossless && !in_turn() {
            let note = format!("{id}, frame {seq}: went on before another camera's earlier frame");
            self.camera.meter.lock().report.note(note);
        }
    }

    /// Takes the answers into the camera's memory, the gallery and the frame's observation.
    fn take(&mut self, seq: u64, observed: &mut [ObservedFace]) {
        let context = Arc::clone(&self.context);
        let Answers { mut embeddings, mut estimates } = std::mem::take(&mut self.answers);
        let mut sightings = std::mem::take(&mut self.sightings);
        // Workers finish in any order; the gallery learns in that of the frames and tracks.
        embeddings.sort_unstable_by_key(|answer| answer.view.order());
        estimates.sort_unstable_by_key(|answer| answer.view.order());
        for FaceResult { view, seen, .. } in &mut embeddings {
            let Seen::Value(Some(embedding)) = std::mem::replace(seen, Seen::Failed) else { continue };
            place(observed, view, seq).into_iter().for_each(|face| face.embedding = Some(embedding.clone()));
            if self.tracks.is_live(view.track) {
                sightings.push(self.tracks.sighting(view, embedding));
            }
        }
        if context.identities.identifies() {
            context.timed("identify", &self.camera, sightings.len(), || {
                let (earlier, now) = sightings.split_at(sightings.partition_point(|s| s.seq < seq));
                for frame in earlier.chunk_by(|a, b| a.seq == b.seq) {
                    let answer = embeddings.iter().find(|answer| answer.view.chip.meta.seq == frame[0].seq);
                    let visible = answer.map_or(&[][..], |answer| &**answer.visible);
                    self.tracks.recognise(&context.identities, frame, visible);
                }
                self.tracks.name(&context.identities, now, observed);
            });
        }
        for FaceResult { view, seen, .. } in &estimates {
            let Seen::Value(Some(estimate)) = seen else { continue };
            place(observed, view, seq).into_iter().for_each(|face| face.estimate = Some(*estimate));
            context.timed("fuse", &self.camera, 1, || self.tracks.learn(&context.identities, view, estimate));
        }
        // What it was made of is for the next frame.
        sightings.clear();
        embeddings.drain(..).for_each(|answer| context.chips.give_back(answer.view.chip));
        estimates.drain(..).for_each(|answer| context.chips.give_back(answer.view.chip));
        (self.answers, self.sightings) = (Answers { embeddings, estimates }, sightings);
    }

    /// These tracks ended.
    fn forget(&mut self, ended: &[TrackId]) {
        if !ended.is_empty() {
            let context = Arc::clone(&self.context);
            let _running = context.calls.begin("end", Some(self.camera.id));
            self.tracks.end(ended, &context.identities);
        }
    }

    fn tell_failures(&mut self) {
        let failures = self.tracks.take_failures();
        let trackers = self.tracks.take_failed();
        if failures.is_empty() && trackers == 0 {
            return;
        }
        let mut meter = self.camera.meter.lock();
        meter.report.rebuilt("track", trackers);
        for (stage, failed) in self.context.identities.take_failed() {
            meter.report.rebuilt(stage, failed);
        }
        failures.iter().for_each(|e| meter.fail(e));
    }

    /// The camera is done: what still comes back is learnt, and its tracks end.
    fn finish(mut self) {
        let patience = self.context.settings.stuck_after;
        let start = self.context.clock.now();
        self.arrived();
        while self.outstanding() > 0
            && !self.camera.is_abandoned()
            && self.context.clock.now().since(start) < patience
        {
            if let Some(outcome) = self.embeds.as_ref().and_then(|looks| looks.recv_timeout(TICK)) {
                self.note_embedding(outcome);
            }
            if let Some(outcome) = self.classifies.as_ref().and_then(|looks| looks.recv_timeout(TICK)) {
                self.note_estimate(outcome);
            }
        }
        self.take_turn(self.next);
        self.take(self.next, &mut []);
        let context = Arc::clone(&self.context);
        let running = context.calls.begin("end", Some(self.camera.id));
        self.tracks.end_all(&context.identities);
        drop(running);
        context.sequencer.leave(self.camera.id);
        self.tell_failures();
    }

    fn outstanding(&self) -> usize {
        self.embeds.as_ref().map_or(0, FaceJobs::outstanding)
            + self.classifies.as_ref().map_or(0, FaceJobs::outstanding)
    }
}

/// Asks for a look. A live camera never waits: the pool gives up the least urgent look instead.
fn offer<T>(looks: &FaceJobs<T>, ask: FaceJob, lossless: bool) {
    let priority = ask.view.interest.priority(&ask.view.face);
    if lossless { looks.send_wait(priority, ask) } else { looks.send(priority, ask) }
}

/// The next outcome of those that are outstanding; `None` where none is, or the camera's time is up.
fn next<T>(looks: &FaceJobs<T>, camera: &CameraState) -> Option<JobOutcome<FaceJob, FaceResult<T>>> {
    while looks.outstanding() > 0 && !camera.is_abandoned() {
        if let Some(outcome) = looks.recv_timeout(TICK) {
            return Some(outcome);
        }
    }
    None
}

/// What a look came to: an answer, or nothing, and then the view may be looked at again.
enum Settled<T> {
    FaceResult(FaceResult<T>),
    Nothing(Option<View>),
}

/// What a look came to. What was evicted is counted.
fn settle<T>(
    outcome: JobOutcome<FaceJob, FaceResult<T>>,
    stage: &'static str,
    camera: &CameraState,
) -> Settled<T> {
    match outcome {
        JobOutcome::Done(FaceResult { view, seen: Seen::Failed, .. }) => Settled::Nothing(Some(view)),
        JobOutcome::Done(answer) => Settled::FaceResult(answer),
        JobOutcome::Evicted(ask) => {
            camera.meter.lock().evicted += 1;
            Settled::Nothing(Some(ask.view))
        }
        JobOutcome::Panicked(panic) => {
            camera.meter.lock().fail(&StageError::reset(stage, panic));
            Settled::Nothing(None)
        }
    }
}

/// The track of the view in the frame's observation, where the view is of this very frame or of one whose observation
/// left without it.
fn place<'a>(observed: &'a mut [ObservedFace], view: &View, seq: u64) -> Option<&'a mut ObservedFace> {
    if view.chip.meta.seq == seq {
        return observed.get_mut(view.place);
    }
    observed.iter_mut().find(|face| face.track == view.track)
}

/// The camera counts as ended however its thread ends.
impl Drop for CameraWorker {
    fn drop(&mut self) {
        self.context.sequencer.leave(self.camera.id);
        // Nobody takes what would still be read.
        self.camera.stop();
        self.camera.inbox.close();
        // What is left names the camera, which would keep itself alive.
        drop(self.camera.inbox.drain());
        self.camera.end();
    }
}
