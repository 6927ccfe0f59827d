//! The life of a track, the same for every tracker: when it is believed, when it is lost, when it ends.

use passerby_types::{BBox, Face, TrackId, TrackState, TrackUpdate, TrackedFace};

/// One track's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    id: TrackId,
    state: TrackState,
    /// Detections so far, while tentative.
    hits: u32,
    /// Frames since the last detection.
    unseen: u64,
    /// A tentative track that was missed.
    rejected: bool,
}

impl Life {
    /// Begins with a detection.
    fn new(id: TrackId, min_hits: u32) -> Self {
        let mut life = Self { id, state: TrackState::Tentative, hits: 0, unseen: 0, rejected: false };
        life.found(min_hits);
        life
    }

    pub(crate) fn id(&self) -> TrackId {
        self.id
    }

    pub(crate) fn state(&self) -> TrackState {
        self.state
    }

    /// So many frames went by.
    pub(crate) fn pass(&mut self, frames: u64) {
        self.unseen = self.unseen.saturating_add(frames);
    }

    /// Detected in this frame.
    pub(crate) fn found(&mut self, min_hits: u32) {
        self.unseen = 0;
        self.hits = self.hits.saturating_add(1);
        if self.state != TrackState::Tentative || self.hits >= min_hits {
            self.state = TrackState::Confirmed;
        }
    }

    /// Not detected in a frame that was detected on.
    pub(crate) fn missed(&mut self) {
        match self.state {
            TrackState::Tentative => self.rejected = true,
            TrackState::Confirmed | TrackState::Lost => self.state = TrackState::Lost,
        }
    }

    /// True where the frames before this one were already too many without a detection: it comes too late to match.
    pub(crate) fn expired(&self, max_age: u32) -> bool {
        self.unseen.saturating_sub(1) > u64::from(max_age)
    }

    /// True where the track ends with this frame.
    pub(crate) fn over(&self, max_age: u32) -> bool {
        self.rejected || self.unseen > u64::from(max_age)
    }
}

/// What a tracker knows beside its tracks: the last frame and the next id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    last: Option<u64>,
    ids: u64,
}

impl Book {
    /// How many frames on `seq` is. One that does not rise is the frame after the last; counting goes on from it.
    pub(crate) fn step(&mut self, seq: u64) -> u64 {
        let step = self.last.map_or(1, |last| seq.saturating_sub(last).max(1));
        self.last = Some(seq);
        step
    }

    /// A new track; ids count from 1.
    pub(crate) fn begin(&mut self, min_hits: u32) -> Life {
        self.ids += 1;
        Life::new(TrackId(self.ids), min_hits)
    }
}

/// One track: its life, where it is, and what its tracker keeps of how it moves.
#[derive(Clone, Debug)]
pub(crate) struct Track<M> {
    pub(crate) life: Life,
    /// Where the face is, or is expected.
    pub(crate) bbox: BBox,
    /// The detection in this frame.
    pub(crate) face: Option<Face>,
    pub(crate) motion: M,
}

/// Begins a frame that is `step` frames on: nothing is detected in it yet, and tracks that it comes too late for end.
/// Those are all that stands in `out` then.
pub(crate) fn begin_frame<M>(tracks: &mut Vec<Track<M>>, step: u64, max_age: u32, out: &mut TrackUpdate) {
    out.clear();
    for track in tracks.iter_mut() {
        track.face = None;
        track.life.pass(step);
    }
    end_where(tracks, |life| life.expired(max_age), &mut out.ended);
}

/// Ends a frame: tracks that were not detected in it or for too long end, besides those that ended before.
pub(crate) fn end_frame<M>(tracks: &mut Vec<Track<M>>, max_age: u32, out: &mut TrackUpdate) {
    end_where(tracks, |life| life.over(max_age), &mut out.ended);
    out.ended.sort_unstable();
    let seen =
        |t: &Track<M>| TrackedFace { track: t.life.id(), state: t.life.state(), bbox: t.bbox, face: t.face };
    out.tracks.extend(tracks.iter().map(seen));
}

fn end_where<M>(tracks: &mut Vec<Track<M>>, over: impl Fn(&Life) -> bool, ended: &mut Vec<TrackId>) {
    ended.extend(tracks.extract_if(.., |t| over(&t.life)).map(|t| t.life.id()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_whatever_their_numbers() {
        let mut book = Book::default();
        let steps = [7, 8, 11, 11, 3, 4, u64::MAX, 0, 2].map(|seq| book.step(seq));
        assert_eq!(steps, [1, 1, 3, 1, 1, 1, u64::MAX - 4, 1, 2]);
    }

    #[test]
    fn a_life_goes_from_tentative_to_confirmed_to_lost_and_back() {
        let mut life = Book::default().begin(2);
        assert_eq!(life.state(), TrackState::Tentative);
        life.found(2);
        assert_eq!(life.state(), TrackState::Confirmed);
        life.pass(1);
        life.missed();
        assert_eq!(life.state(), TrackState::Lost);
        life.pass(2);
        assert!(!life.expired(2) && life.over(2));
        life.found(2);
        assert!(life.state() == TrackState::Confirmed && !life.over(0));
        life.pass(u64::MAX);
        life.pass(u64::MAX);
        assert!(life.expired(u32::MAX));
    }

    #[test]
    fn a_tentative_track_ends_at_its_first_miss_but_not_by_coasting() {
        let mut life = Book::default().begin(3);
        life.pass(1);
        assert!(!life.over(5));
        life.missed();
        assert!(life.over(5));
    }
}
