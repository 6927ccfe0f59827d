//! The way of a frame from its faces to its observation: in a [`Flow`](crate::Flow) and in a pipeline alike.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    Attributes, Embedding, Face, Frame, FrameKind, FrameMeta, Identity, Observation, ObservedFace, Sighting,
    SourceInfo, StageError, TrackId, TrackKey, TrackState, TrackUpdate, TrackedFace,
};

use crate::camera::tracker::CameraTracker;
use crate::camera::zones::CameraZones;
use crate::context::AnalysisContext;
use crate::face_jobs::{FaceJob, FaceJobs, FaceResult};
use crate::figures::meter::CameraMeter;
use crate::figures::track_end::TrackEnd;
use crate::identities::Answer;
use crate::sampling::sampler::{ActiveStages, Sampler};
use crate::settings::FlowSettings;
use crate::stages::Stages;

/// Observes the frames of one camera, and remembers its tracks with their attributes. Works on one thread at a time.
///
/// The caller runs the detector before and the face stages in between, and calls for each frame, in order:
/// [`track`](Self::track), [`sample`](Self::sample), [`identify`](Self::identify), [`fuse`](Self::fuse) and
/// [`observe`](Self::observe). If `track` fails, the frame has no observation. When the camera is done, it calls
/// [`end`](Self::end).
pub(crate) struct CameraObserver {
    context: Arc<AnalysisContext>,
    meter: Arc<CameraMeter>,
    tracker: CameraTracker,
    /// `None` if the camera has no zones.
    zones: Option<CameraZones>,
    sampler: Sampler,
    /// The age and gender of live tracks.
    attributes: HashMap<TrackId, Attributes>,
    /// The tracks of the frame.
    update: TrackUpdate,
    /// The faces of the frame's observation, by the same order as the tracks.
    observed: Vec<ObservedFace>,
    /// True if a track must be looked at again at the next frame.
    wants_look: bool,
    identifying: IdentifierMemory,
}

/// Memory for the calls of the identifier.
#[derive(Default)]
struct IdentifierMemory {
    sightings: Vec<Sighting>,
    visible: Vec<TrackKey>,
    keys: Vec<TrackKey>,
    answers: Vec<Answer>,
}

impl CameraObserver {
    /// Makes the camera's tracker, and the counter of its zones if it has any.
    ///
    /// # Errors
    /// The error of a factory.
    pub(crate) fn new(
        context: &Arc<AnalysisContext>,
        meter: &Arc<CameraMeter>,
        info: &SourceInfo,
        stages: &Stages,
        settings: &FlowSettings,
    ) -> Result<Self, StageError> {
        Ok(Self {
            context: Arc::clone(context),
            meter: Arc::clone(meter),
            tracker: CameraTracker::new(stages, &context.timer.stages)?,
            zones: CameraZones::new(stages, meter.camera, context)?,
            sampler: Sampler::new(info, settings.embed, settings.classify),
            attributes: HashMap::new(),
            update: TrackUpdate::default(),
            observed: Vec::new(),
            wants_look: false,
            identifying: IdentifierMemory::default(),
        })
    }

    /// Gives the faces of the next frame that count to the tracker, or `None` for a frame without detection. `size` is that of the
    /// frame in pixels; if it or the scene changes, all tracks start anew.
    ///
    /// # Errors
    /// The tracker's error, which is counted. All tracks have ended with it.
    pub(crate) fn track(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: Option<&[Face]>,
    ) -> Result<(), StageError> {
        let Self { context, meter, tracker, zones, update, .. } = self;
        let tracked = context.timer.timed("track", meter, 1, || {
            let faces = match (faces, zones) {
                (Some(faces), Some(zones)) => Some(zones.watched(meter, meta, size, faces)),
                (faces, _) => faces,
            };
            tracker.update(meter, meta, size, faces, update)
        });
        if let Err(error) = tracked {
            let ended = std::mem::take(&mut self.update.ended);
            self.end_tracks(&ended);
            return Err(error);
        }
        self.observed = self.context.observed_lists.take_list();
        self.observed.extend(self.update.tracks.iter().map(observed_track));
        Ok(())
    }

    /// Adds a job to `jobs` for each face of the frame that is worth an embedding or an attribute estimate, if there is a
    /// stage for it.
    pub(crate) fn sample(&mut self, frame: &Frame, stages: ActiveStages, jobs: &mut FaceJobs) {
        let Self { context, meter, sampler, update, .. } = self;
        sampler.select(frame, &update.tracks, stages, &context.chips, meter, jobs);
    }

    /// Takes embeddings into the frame `seq` and the identifier, and writes down who each track of the frame is. The
    /// results may be of this frame or of earlier ones. Leaves `results` empty.
    pub(crate) fn identify(&mut self, seq: u64, results: &mut Vec<FaceResult<Embedding>>) {
        // Workers finish in any order; the identifier learns in that of the frames and tracks.
        results.sort_unstable_by_key(|result| result.job().order());
        for result in results.iter_mut() {
            match result {
                FaceResult::Answered(job, embedding) => {
                    let Some(embedding) = embedding.take() else { continue };
                    if let Some(face) = observed_face(&mut self.observed, job, seq) {
                        face.embedding = Some(embedding.clone());
                    }
                    if self.tracker.is_live(job.track) {
                        self.identifying.sightings.push(sighting(job, embedding));
                    }
                }
                FaceResult::Unanswered(job) => {
                    self.sampler.embed.retract(job.track, job.sampled_at, job.history);
                }
            }
        }
        let context = Arc::clone(&self.context);
        if context.identities.identifies() {
            let meter = Arc::clone(&self.meter);
            let sightings = self.identifying.sightings.len();
            context.timer.timed("identify", &meter, sightings, || self.name_tracks(seq, results));
        }
        self.identifying.sightings.clear();
        results.drain(..).for_each(|result| context.chips.give_back(result.into_job().chip));
    }

    /// Gives the sightings to the identifier, frame by frame, and writes down who each track of the frame is. A track that shows
    /// another face than before goes on under a new number.
    fn name_tracks(&mut self, seq: u64, results: &[FaceResult<Embedding>]) {
        let Self { context, meter, tracker, observed, identifying, .. } = self;
        let IdentifierMemory { sightings, visible, keys, answers } = identifying;
        let key = |track: TrackId| TrackKey { camera: meter.camera, track };
        keys.clear();
        keys.extend(observed.iter().map(|face| key(face.track)));
        let mut other_faces = Vec::new();
        let mut renumber = |old: TrackKey| {
            if old.camera != meter.camera {
                return None;
            }
            let new = tracker.renumber(old.track)?;
            other_faces.push(old.track);
            Some(key(new))
        };
        let (earlier, of_frame) =
            sightings.split_at(sightings.partition_point(|sighting| sighting.seq < seq));
        for sightings in earlier.chunk_by(|a, b| a.seq == b.seq) {
            let result = results.iter().find(|result| result.job().seq() == sightings[0].seq);
            let visible = result.map_or(&[][..], |result| &**result.job().visible);
            context.identities.identify(meter, (sightings, visible), keys, &mut renumber, answers);
        }
        visible.clear();
        let with_face = observed.iter().zip(&*keys).filter(|(face, _)| face.state != TrackState::Lost);
        visible.extend(with_face.map(|(_, key)| *key));
        context.identities.identify(meter, (of_frame, visible), keys, &mut renumber, answers);
        for (face, key) in observed.iter_mut().zip(keys) {
            face.track = key.track;
        }
        self.end_early(&other_faces, TrackEnd::OtherFace);
        self.write_identities();
        self.end_lost_tracks();
    }

    /// Writes down the identifier's answers, and plans the next looks by them.
    fn write_identities(&mut self) {
        let Self { sampler, observed, identifying, wants_look, .. } = self;
        *wants_look = false;
        for (observed, &Answer { identity, needs_look }) in observed.iter_mut().zip(&identifying.answers) {
            let too_small = observed.face.is_some_and(|face| sampler.embed.too_small(observed.track, &face));
            sampler.embed.settle(observed.track, identity.person().is_some() && !needs_look);
            let is_doubted = sampler.embed.doubt(observed.track, needs_look);
            *wants_look |= is_doubted && observed.state != TrackState::Lost;
            let unidentified = identity == Identity::Pending && too_small;
            observed.identity = if unidentified { Identity::Unidentified } else { identity };
        }
    }

    /// Ends each track that has lost its face if another track of the frame shows the same person: the face is there now.
    fn end_lost_tracks(&mut self) {
        let shows = |face: &ObservedFace, person| {
            face.state != TrackState::Lost && face.identity.person() == Some(person)
        };
        let is_elsewhere = |face: &&ObservedFace| {
            let person = face.identity.person().filter(|_| face.state == TrackState::Lost);
            person.is_some_and(|person| self.observed.iter().any(|other| shows(other, person)))
        };
        let elsewhere: Vec<TrackId> =
            self.observed.iter().filter(is_elsewhere).map(|face| face.track).collect();
        elsewhere.iter().for_each(|&track| self.tracker.end(track));
        self.end_early(&elsewhere, TrackEnd::Elsewhere);
    }

    /// Ends tracks with this frame that the tracker has not ended, and counts them.
    fn end_early(&mut self, tracks: &[TrackId], reason: TrackEnd) {
        if !tracks.is_empty() {
            self.update.ended.extend(tracks);
            self.meter.lock().report.faces.end_tracks(reason, tracks.len());
            self.end_tracks(tracks);
        }
    }

    /// Returns true if a track must be looked at again at the next frame, because the latest look showed another face or another
    /// track looks like its person.
    pub(crate) fn wants_look(&self) -> bool {
        self.wants_look
    }

    /// Takes attribute estimates into the frame `seq` and the fusion. The results may be of this frame or of earlier ones.
    /// Leaves `results` empty.
    pub(crate) fn fuse(&mut self, seq: u64, results: &mut Vec<FaceResult<Attributes>>) {
        results.sort_unstable_by_key(|result| result.job().order());
        let context = Arc::clone(&self.context);
        let meter = Arc::clone(&self.meter);
        for result in results.drain(..) {
            match &result {
                FaceResult::Answered(job, Some(estimate)) => {
                    if let Some(face) = observed_face(&mut self.observed, job, seq) {
                        face.estimate = Some(*estimate);
                    }
                    context.timer.timed("fuse", &meter, 1, || self.fuse_estimate(job, estimate));
                }
                FaceResult::Answered(_, None) => {}
                FaceResult::Unanswered(job) => {
                    self.sampler.classify.retract(job.track, job.sampled_at, job.history);
                }
            }
            context.chips.give_back(result.into_job().chip);
        }
    }

    /// Adds one estimate to the attributes of its track. If the track has ended meanwhile, this does nothing.
    fn fuse_estimate(&mut self, job: &FaceJob, estimate: &Attributes) {
        if !self.tracker.is_live(job.track) {
            return;
        }
        let key = TrackKey { camera: self.meter.camera, track: job.track };
        let quality = job.face.quality();
        let fused = self.context.identities.fuse(&self.meter, &job.chip.meta, key, estimate, quality);
        if let Some(attributes) = fused {
            self.sampler.classify.settle(job.track, true);
            self.attributes.insert(job.track, attributes);
        }
    }

    /// Returns the frame's observation, and forgets the tracks that ended with the frame.
    pub(crate) fn observe(&mut self, meta: &FrameMeta, size: (u32, u32), kind: FrameKind) -> Observation {
        let mut faces = std::mem::take(&mut self.observed);
        for face in &mut faces {
            face.attributes = self.attributes.get(&face.track).copied();
        }
        let mut ended = self.update.ended.clone();
        self.end_tracks(&ended);
        if !ended.is_empty() {
            ended.sort_unstable();
            faces.retain(|face| !ended.contains(&face.track));
            faces.sort_unstable_by_key(|face| face.track);
        }
        let zone_events = match &mut self.zones {
            Some(zones) => zones.update(&self.context, &self.meter, meta, size, &faces),
            None => Vec::new(),
        };
        let (width, height) = size;
        Observation { meta: *meta, width, height, kind, faces, ended, zone_events }
    }

    /// Ends every live track: the camera is done.
    pub(crate) fn end(&mut self) {
        let live = self.tracker.restart(&self.meter, TrackEnd::CameraEnded);
        self.end_tracks(&live);
        if let Some(zones) = &mut self.zones {
            // No later observation of the camera could have these events.
            let meta = FrameMeta::new(self.meter.camera, 0);
            drop(zones.update(&self.context, &self.meter, &meta, (0, 0), &[]));
        }
    }

    /// Returns how long to wait before the next frame, if the tracker failed several times in a row.
    pub(crate) fn back_off(&self) -> Duration {
        self.tracker.back_off()
    }

    /// Lets the sampler and the shared stages forget these tracks.
    fn end_tracks(&mut self, tracks: &[TrackId]) {
        if tracks.is_empty() {
            return;
        }
        let _running = self.context.timer.calls.begin("end", Some(self.meter.camera));
        self.zones.iter_mut().for_each(|zones| zones.end(tracks));
        for &track in tracks {
            self.sampler.end(track);
            self.attributes.remove(&track);
            let key = TrackKey { camera: self.meter.camera, track };
            self.context.identities.end(&self.meter, key);
        }
    }
}

/// Returns a track as the tracker left it. Its identity and attributes are not known yet.
fn observed_track(tracked: &TrackedFace) -> ObservedFace {
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

/// Returns the track of the job in the observation of frame `seq`, or `None` if the track is not in it. The job may be of
/// an earlier frame, whose observation left without the result.
fn observed_face<'a>(
    observed: &'a mut [ObservedFace],
    job: &FaceJob,
    seq: u64,
) -> Option<&'a mut ObservedFace> {
    if job.seq() == seq {
        return observed.get_mut(job.index);
    }
    observed.iter_mut().find(|face| face.track == job.track)
}

/// Returns the sighting of a view and its embedding for the identifier.
fn sighting(job: &FaceJob, embedding: Embedding) -> Sighting {
    let FrameMeta { camera, seq, captured, .. } = job.chip.meta;
    let track = TrackKey { camera, track: job.track };
    Sighting { track, seq, captured, embedding, quality: job.face.quality(), size: job.face.size() }
}
