//! The sums of a batch for the rows of cameras, tracks and persons, so that a batch touches each row once.

use std::collections::BTreeMap;

use passerby_types::{Attributes, FrameKind, Identity, Observation, ObservedFace, TrackState};

use super::convert::{finite, integer, micros};
use crate::error::StoreFault;

/// The first and the last frame of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first_seq: i64,
    pub(super) last_seq: i64,
    pub(super) first_us: i64,
    pub(super) last_us: i64,
}

/// The number and the times of a frame as the file holds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) camera: u32,
    pub(super) seq: i64,
    pub(super) pts_us: Option<i64>,
    pub(super) wall_us: i64,
}

#[derive(Debug)]
pub(super) struct CameraSum {
    pub(super) span: Span,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) analysed: i64,
    pub(super) coasted: i64,
}

#[derive(Debug)]
pub(super) struct TrackSum {
    pub(super) span: Span,
    pub(super) frames: i64,
    /// The frames in which the face was found: those without predicted boxes.
    pub(super) found: i64,
    pub(super) confirmed: bool,
    /// The last known person and the similarity.
    pub(super) person: Option<(i64, Option<f64>)>,
    pub(super) attributes: Option<Attributes>,
}

#[derive(Debug)]
pub(super) struct PersonSum {
    pub(super) span: Span,
    pub(super) sightings: i64,
}

/// The sums of a batch, by key.
#[derive(Debug, Default)]
pub(super) struct Rollup {
    pub(super) cameras: BTreeMap<u32, CameraSum>,
    /// By camera and track.
    pub(super) tracks: BTreeMap<(u32, i64), TrackSum>,
    /// By person, camera and track.
    pub(super) persons: BTreeMap<(i64, u32, i64), PersonSum>,
    /// Camera, track, and the number of the frame that the track ended with.
    pub(super) ended: Vec<(u32, i64, i64)>,
}

impl Span {
    fn at(moment: Moment) -> Self {
        Self {
            first_seq: moment.seq,
            last_seq: moment.seq,
            first_us: moment.wall_us,
            last_us: moment.wall_us,
        }
    }

    fn extend(&mut self, moment: Moment) {
        self.first_seq = self.first_seq.min(moment.seq);
        self.last_seq = self.last_seq.max(moment.seq);
        self.first_us = self.first_us.min(moment.wall_us);
        self.last_us = self.last_us.max(moment.wall_us);
    }
}

impl Moment {
    /// Returns the number and the times of a frame.
    ///
    /// # Errors
    /// [`StoreFault::Range`] if SQLite's 64-bit integers cannot hold one of them.
    pub(super) fn of(observation: &Observation) -> Result<Self, StoreFault> {
        let meta = &observation.meta;
        let pts_us = meta.pts.map(|pts| {
            i64::try_from(pts.as_micros())
                .map_err(|_| StoreFault::Range { what: "time stamp", value: format!("{pts:?}") })
        });
        Ok(Self {
            camera: meta.camera.0,
            seq: integer("frame", meta.seq)?,
            pts_us: pts_us.transpose()?,
            wall_us: micros(meta.wall).ok_or_else(|| StoreFault::Range {
                what: "time of day",
                value: format!("{:?}", meta.wall),
            })?,
        })
    }
}

impl Rollup {
    /// Returns the sums of a batch.
    ///
    /// # Errors
    /// [`StoreFault::Range`] if SQLite's 64-bit integers cannot hold a number of the batch.
    pub(super) fn of(batch: &[Observation]) -> Result<Self, StoreFault> {
        let mut rollup = Self::default();
        for observation in batch {
            let moment = Moment::of(observation)?;
            rollup.frame(observation, moment);
            for face in &observation.faces {
                rollup.face(face, moment)?;
            }
            for track in &observation.ended {
                let track = integer("track", track.0)?;
                rollup.ended.push((moment.camera, track, moment.seq));
            }
        }
        Ok(rollup)
    }

    fn frame(&mut self, observation: &Observation, moment: Moment) {
        let sum = self.cameras.entry(moment.camera).or_insert_with(|| CameraSum {
            span: Span::at(moment),
            width: 0,
            height: 0,
            analysed: 0,
            coasted: 0,
        });
        sum.span.extend(moment);
        sum.width = observation.width;
        sum.height = observation.height;
        match observation.kind {
            FrameKind::Analysed => sum.analysed += 1,
            FrameKind::Coasted => sum.coasted += 1,
        }
    }

    fn face(&mut self, face: &ObservedFace, moment: Moment) -> Result<(), StoreFault> {
        let track = integer("track", face.track.0)?;
        let attributes = face.attributes.filter(Attributes::is_finite);
        let key = (moment.camera, track);
        let sum = self.tracks.entry(key).or_insert_with(|| TrackSum {
            span: Span::at(moment),
            frames: 0,
            found: 0,
            confirmed: false,
            person: None,
            attributes: None,
        });
        sum.span.extend(moment);
        sum.frames += 1;
        sum.found += i64::from(face.face.is_some());
        sum.confirmed |= face.state != TrackState::Tentative;
        sum.attributes = attributes.or(sum.attributes);
        // A tentative track may be a false detection.
        if let Identity::Person { id, similarity } = face.identity
            && face.state != TrackState::Tentative
        {
            let person = integer("person", id.0)?;
            sum.person = Some((person, finite(similarity)));
            let key = (person, moment.camera, track);
            let sum =
                self.persons.entry(key).or_insert_with(|| PersonSum { span: Span::at(moment), sightings: 0 });
            sum.span.extend(moment);
            sum.sightings += i64::from(face.embedding.is_some());
        }
        Ok(())
    }
}
