//! The life of a track, the same for every tracker: when it is confirmed, when it is lost, and when it ends.

use passerby_types::{BBox, Face, TrackId, TrackState, TrackUpdate, TrackedFace};

/// The state of one track, and the counts that change it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    id: TrackId,
    state: TrackState,
    /// The number of detections while the track is tentative.
    hits: u32,
    /// The number of frames since the last detection.
    frames_unseen: u64,
    /// True if the track was missed while it was tentative.
    rejected: bool,
}

impl Life {
    /// Starts a life with its first detection.
    pub(crate) fn new(id: TrackId, min_hits: u32) -> Self {
        let mut life = Self { id, state: TrackState::Tentative, hits: 0, frames_unseen: 0, rejected: false };
        life.record_hit(min_hits);
        life
    }

    pub(crate) fn id(&self) -> TrackId {
        self.id
    }

    pub(crate) fn state(&self) -> TrackState {
        self.state
    }

    /// Counts `frames` more frames.
    pub(crate) fn advance(&mut self, frames: u64) {
        self.frames_unseen = self.frames_unseen.saturating_add(frames);
    }

    /// Records a detection in this frame.
    pub(crate) fn record_hit(&mut self, min_hits: u32) {
        self.frames_unseen = 0;
        self.hits = self.hits.saturating_add(1);
        if self.state != TrackState::Tentative || self.hits >= min_hits {
            self.state = TrackState::Confirmed;
        }
    }

    /// Records that the detector ran on this frame and did not find the face.
    pub(crate) fn record_miss(&mut self) {
        match self.state {
            TrackState::Tentative => self.rejected = true,
            TrackState::Confirmed | TrackState::Lost => self.state = TrackState::Lost,
        }
    }

    /// Returns true if the track was unseen for more than `max_age` frames before this one, which is too late to match it.
    pub(crate) fn is_expired(&self, max_age: u32) -> bool {
        self.frames_unseen.saturating_sub(1) > u64::from(max_age)
    }

    /// Returns true if the track ends with this frame.
    pub(crate) fn is_over(&self, max_age: u32) -> bool {
        self.rejected || self.frames_unseen > u64::from(max_age)
    }
}

/// Hands out track ids from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackIds {
    last: u64,
}

impl TrackIds {
    /// Returns an id that was never used.
    pub(crate) fn next_id(&mut self) -> TrackId {
        self.last += 1;
        TrackId(self.last)
    }
}

/// One track: its life, its box, and the motion that its tracker estimates.
#[derive(Clone, Debug)]
pub(crate) struct Track<M> {
    pub(crate) life: Life,
    /// The detected or predicted box, in pixels of the upright picture.
    pub(crate) bbox: BBox,
    /// The detection in this frame, if there is one.
    pub(crate) face: Option<Face>,
    pub(crate) motion: M,
}

/// Begins a frame that lies `frames` frames after the last: clears the detections and ends the tracks that have expired.
///
/// Afterwards `out` lists the expired tracks and nothing else.
pub(crate) fn begin_frame<M>(tracks: &mut Vec<Track<M>>, frames: u64, max_age: u32, out: &mut TrackUpdate) {
    out.clear();
    for track in tracks.iter_mut() {
        track.face = None;
        track.life.advance(frames);
    }
    end_if(tracks, |life| life.is_expired(max_age), &mut out.ended);
}

/// Completes a frame: ends the tracks that are over and writes the live ones to `out`.
pub(crate) fn end_frame<M>(tracks: &mut Vec<Track<M>>, max_age: u32, out: &mut TrackUpdate) {
    end_if(tracks, |life| life.is_over(max_age), &mut out.ended);
    out.ended.sort_unstable();
    out.tracks.extend(tracks.iter().map(|track| TrackedFace {
        track: track.life.id(),
        state: track.life.state(),
        bbox: track.bbox,
        face: track.face,
    }));
}

/// Removes the tracks whose life fulfils `condition` and appends their ids to `ended`.
fn end_if<M>(tracks: &mut Vec<Track<M>>, condition: impl Fn(&Life) -> bool, ended: &mut Vec<TrackId>) {
    ended.extend(tracks.extract_if(.., |track| condition(&track.life)).map(|track| track.life.id()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(min_hits: u32) -> Life {
        Life::new(TrackId(1), min_hits)
    }

    #[test]
    fn hits_confirm_a_tentative_track() {
        let mut life = life(2);
        assert_eq!(life.state(), TrackState::Tentative);
        life.record_hit(2);
        assert_eq!(life.state(), TrackState::Confirmed);
    }

    #[test]
    fn a_lost_track_is_confirmed_as_soon_as_it_is_found() {
        let mut life = life(1);
        life.advance(1);
        life.record_miss();
        assert_eq!(life.state(), TrackState::Lost);
        life.advance(2);
        assert!(!life.is_expired(2) && life.is_over(2));
        life.record_hit(2);
        assert!(life.state() == TrackState::Confirmed && !life.is_over(0));
    }

    #[test]
    fn the_frame_count_does_not_overflow() {
        let mut life = life(1);
        life.advance(u64::MAX);
        life.advance(u64::MAX);
        assert!(life.is_expired(u32::MAX));
    }

    #[test]
    fn only_a_miss_ends_a_tentative_track() {
        let mut life = life(3);
        life.advance(1);
        assert!(!life.is_over(5));
        life.record_miss();
        assert!(life.is_over(5));
    }
}
