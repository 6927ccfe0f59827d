//! What is remembered of one camera from one frame to the next: its tracker, its tracks, and the looks they got.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use passerby_types::{
    Attributes, CameraId, ChipPool, Embedding, Face, FaceChip, Frame, FrameMeta, Identity, ObservedFace,
    Sighting, StageError, TrackId, TrackKey, TrackUpdate, TrackedFace, Tracker,
};

use crate::camera::view_selector::{SampleReason, SamplingPolicy, ViewHistory, ViewSelector};
use crate::guard::Guard;
use crate::identities::Identities;
use crate::stages::Stages;

/// One camera's memory. Works on one thread at a time.
pub(crate) struct CameraTracks {
    id: CameraId,
    tracker: Guard<dyn Tracker>,
    size: Option<(u32, u32)>,
    live: BTreeSet<TrackId>,
    /// Ids of the tracker's instance become ids of the camera by adding this: a rebuilt tracker counts from 1 again.
    first_id: u64,
    next_id: u64,
    embeds: ViewSelector,
    classifies: ViewSelector,
    /// False where there is no embedder, or none any more.
    pub(crate) can_embed: bool,
    /// False where there is no classifier, or none any more.
    pub(crate) can_classify: bool,
    attributes: HashMap<TrackId, Attributes>,
    /// What failed since it was asked for last.
    failures: Vec<StageError>,
    /// The tracks that are visible now and who they are, to be written over.
    keys: Vec<TrackKey>,
    identities: Vec<Identity>,
}

/// The views of a frame that are worth a look.
#[derive(Default)]
pub(crate) struct Views {
    pub(crate) embed: Vec<View>,
    pub(crate) classify: Vec<View>,
}

/// A view of a track that is worth a look: which of the frame's tracks, and its pixels.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) place: usize,
    pub(crate) track: TrackId,
    pub(crate) face: Face,
    pub(crate) chip: FaceChip,
    pub(crate) interest: SampleReason,
    /// What was known of the track before.
    before: Option<ViewHistory>,
}

impl View {
    /// The place in the order in which looks count: that of the frames, and in a frame that of the tracks.
    pub(crate) fn order(&self) -> (u64, usize) {
        (self.chip.meta.seq, self.place)
    }
}

impl CameraTracks {
    /// A camera of which nothing was seen yet.
    ///
    /// # Errors
    /// What the tracker's factory says.
    pub(crate) fn new(
        id: CameraId,
        stages: &Stages,
        embed: SamplingPolicy,
        classify: SamplingPolicy,
    ) -> Result<Self, StageError> {
        Ok(Self {
            id,
            tracker: Guard::new("track", stages.tracker.clone())?,
            size: None,
            live: BTreeSet::new(),
            first_id: 0,
            next_id: 0,
            embeds: ViewSelector::new(embed),
            classifies: ViewSelector::new(classify),
            can_embed: stages.embedder.is_some(),
            can_classify: stages.classifier.is_some(),
            attributes: HashMap::new(),
            failures: Vec::new(),
            keys: Vec::new(),
            identities: Vec::new(),
        })
    }

    pub(crate) fn key(&self, track: TrackId) -> TrackKey {
        TrackKey { camera: self.id, track }
    }

    /// Tells the tracker of the frame, and writes what became of its tracks to `out`. A camera that changes its picture's
    /// size starts its tracks anew.
    ///
    /// # Errors
    /// What the tracker failed with: its tracks are gone, and `identities` has forgotten them.
    pub(crate) fn track(
        &mut self,
        meta: &FrameMeta,
        size: (u32, u32),
        faces: Option<&[Face]>,
        identities: &Identities,
        out: &mut TrackUpdate,
    ) -> Result<(), StageError> {
        let mut ended = Vec::new();
        if self.size.replace(size).is_some_and(|last| last != size) {
            self.tracker.discard();
            ended = self.restart();
        }
        out.clear();
        let told = self.tracker.call(|t| {
            t.update(meta, faces, out);
            Ok(())
        });
        if let Err(e) = told {
            ended.extend(self.restart());
            self.end(&ended, identities);
            return Err(e.at(meta));
        }
        let global = |id: TrackId| TrackId(self.first_id.saturating_add(id.0));
        out.tracks.iter_mut().for_each(|t| t.track = global(t.track));
        out.ended.iter_mut().for_each(|t| *t = global(*t));
        self.live.extend(out.tracks.iter().map(|t| t.track));
        let highest = self.live.iter().chain(&out.ended).max();
        self.next_id = highest.map_or(self.next_id, |id| self.next_id.max(id.0));
        self.live.retain(|id| !out.ended.contains(id));
        out.ended.splice(..0, ended);
        Ok(())
    }

    /// Ends every live track, since the tracker's instance is gone, and lets its successor count on from the last id.
    fn restart(&mut self) -> Vec<TrackId> {
        self.first_id = self.next_id;
        std::mem::take(&mut self.live).into_iter().collect()
    }

    /// Adds the tracks of this frame that are worth a look to `out`, with their pixels, which are cut out once. From here on
    /// they count as looked at; [`CameraTracks::not_embedded`] and [`CameraTracks::not_classified`] take that back.
    pub(crate) fn views(&mut self, frame: &Frame, tracks: &[TrackedFace], pool: &ChipPool, out: &mut Views) {
        let seq = frame.meta.seq;
        for (place, tracked) in tracks.iter().enumerate() {
            let (track, Some(face)) = (tracked.track, tracked.face) else { continue };
            let embed = self.embeds.interest(track, &face, seq).filter(|_| self.can_embed);
            let classify = self.classifies.interest(track, &face, seq).filter(|_| self.can_classify);
            if embed.is_none() && classify.is_none() {
                continue;
            }
            // A face without a pixel inside the picture cannot be looked at.
            let Ok(chip) = FaceChip::cut(frame, &face, pool) else { continue };
            for (attention, interest, list) in [
                (&mut self.embeds, embed, &mut out.embed),
                (&mut self.classifies, classify, &mut out.classify),
            ] {
                if let Some(interest) = interest {
                    let before = attention.look(track, &face, seq);
                    list.push(View { place, track, face, chip: chip.clone(), interest, before });
                }
            }
        }
    }

    /// The look for an embedding came to nothing.
    pub(crate) fn not_embedded(&mut self, view: &View) {
        self.embeds.failed(view.track, view.chip.meta.seq, view.before);
    }

    /// The look for attributes came to nothing.
    pub(crate) fn not_classified(&mut self, view: &View) {
        self.classifies.failed(view.track, view.chip.meta.seq, view.before);
    }

    /// What a gallery is told of a view and its embedding.
    pub(crate) fn sighting(&self, view: &View, embedding: Embedding) -> Sighting {
        let FrameMeta { seq, captured, .. } = view.chip.meta;
        let (quality, size) = (view.face.quality(), view.face.size());
        Sighting { track: self.key(view.track), seq, captured, embedding, quality, size }
    }

    /// Tells `identities` of the frame's sightings and writes down who every track of the frame is.
    pub(crate) fn name(
        &mut self,
        identities: &Identities,
        sightings: &[Sighting],
        observed: &mut [ObservedFace],
    ) {
        self.keys.clear();
        self.keys.extend(observed.iter().map(|o| TrackKey { camera: self.id, track: o.track }));
        if let Err(e) = identities.identify(sightings, &self.keys, &mut self.identities) {
            self.failures.push(e);
        }
        for (face, &identity) in observed.iter_mut().zip(&self.identities) {
            let small = face.face.is_some_and(|f| self.embeds.too_small(face.track, &f));
            self.embeds.settle(face.track, identity.person().is_some());
            let unseen = identity == Identity::Pending && small;
            face.identity = if unseen { Identity::Unidentified } else { identity };
        }
    }

    /// Tells `identities` of sightings of an earlier frame, in which these tracks were visible.
    pub(crate) fn recognise(
        &mut self,
        identities: &Identities,
        sightings: &[Sighting],
        visible: &[TrackKey],
    ) {
        self.failures.extend(identities.identify(sightings, visible, &mut self.identities).err());
    }

    /// Adds one estimate to what is known of its track, unless that ended meanwhile.
    pub(crate) fn learn(&mut self, identities: &Identities, view: &View, estimate: &Attributes) {
        if !self.is_live(view.track) {
            return;
        }
        match identities.fuse(self.key(view.track), estimate, view.face.quality()) {
            Ok(Some(attributes)) => {
                self.classifies.settle(view.track, true);
                self.attributes.insert(view.track, attributes);
            }
            Ok(None) => {}
            Err(e) => self.failures.push(e.at(&view.chip.meta)),
        }
    }

    /// Writes down what is known of the age and gender of every track of the frame.
    pub(crate) fn describe(&self, observed: &mut [ObservedFace]) {
        for face in observed {
            face.attributes = self.attributes.get(&face.track).copied();
        }
    }

    /// True for a track that has not ended.
    pub(crate) fn is_live(&self, track: TrackId) -> bool {
        self.live.contains(&track)
    }

    /// Lets everybody forget these tracks.
    pub(crate) fn end(&mut self, tracks: &[TrackId], identities: &Identities) {
        for &track in tracks {
            self.embeds.end(track);
            self.classifies.end(track);
            self.attributes.remove(&track);
            self.failures.extend(identities.end(self.key(track)));
        }
    }

    /// Ends every live track: the camera is done.
    pub(crate) fn end_all(&mut self, identities: &Identities) {
        let live: Vec<TrackId> = std::mem::take(&mut self.live).into_iter().collect();
        self.end(&live, identities);
    }

    /// What failed since this was asked last, to be told in the camera's report.
    pub(crate) fn take_failures(&mut self) -> Vec<StageError> {
        std::mem::take(&mut self.failures)
    }

    /// How long to wait before the tracker is told of another frame.
    pub(crate) fn back_off(&self) -> Duration {
        self.tracker.back_off()
    }

    /// The trackers that failed since this was asked last.
    pub(crate) fn take_failed(&mut self) -> u64 {
        self.tracker.take_failed()
    }
}

/// A track as the tracker left it, nothing else known yet.
pub(crate) fn seen(tracked: &TrackedFace) -> ObservedFace {
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
