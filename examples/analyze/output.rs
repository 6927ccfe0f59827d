//! The files: MOT rows and JSON lines.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use passerby::types::{BBox, BoxError, Observation, ObservedFace, TrackId, TrackState};
use serde_json::json;

/// An error that names the file.
fn at(path: &Path, e: &std::io::Error) -> BoxError {
    format!("{}: {e}", path.display()).into()
}

/// MOT rows of one input after another.
///
/// A track's rows are written from its first frame on, once it is known that the track was confirmed: a file is not
/// watched live, so its first frames need not be missed.
pub(crate) struct Mot {
    path: PathBuf,
    several: bool,
    names: BTreeSet<String>,
    confirmed: BTreeSet<TrackId>,
    rows: Vec<(u64, TrackId, BBox, f32)>,
}

impl Mot {
    /// Rows into the file `path`, or with several inputs into files of the folder `path`.
    pub(crate) fn create(path: &Path, several: bool) -> Result<Self, BoxError> {
        if several {
            fs::create_dir_all(path).map_err(|e| at(path, &e))?;
        } else {
            File::create(path).map_err(|e| at(path, &e))?;
        }
        let path = path.to_path_buf();
        Ok(Self { path, several, names: BTreeSet::new(), confirmed: BTreeSet::new(), rows: Vec::new() })
    }

    /// Remembers the faces found in one frame.
    pub(crate) fn add(&mut self, observation: &Observation) {
        for observed in &observation.faces {
            if observed.state == TrackState::Confirmed {
                self.confirmed.insert(observed.track);
            }
            if let Some(face) = observed.face {
                self.rows.push((observation.meta.seq + 1, observed.track, face.bbox, face.score));
            }
        }
    }

    /// Writes the rows of the input that just ended, after this many frames: of a single one all that was found.
    pub(crate) fn finish(&mut self, input: &str, frames: u64) -> Result<(), BoxError> {
        let name = self.file_name(input);
        let path = if self.several { self.path.join(name) } else { self.path.clone() };
        let mut out = BufWriter::new(File::create(&path).map_err(|e| at(&path, &e))?);
        for (frame, track, bbox, score) in
            self.rows.drain(..).filter(|row| frames == 1 || self.confirmed.contains(&row.1))
        {
            let (x, y, w, h) = (bbox.x1, bbox.y1, bbox.width(), bbox.height());
            writeln!(out, "{frame},{},{x:.2},{y:.2},{w:.2},{h:.2},{score:.4},-1,-1,-1", track.0)
                .map_err(|e| at(&path, &e))?;
        }
        out.flush().map_err(|e| at(&path, &e))?;
        self.confirmed.clear();
        Ok(())
    }

    /// `<stem>.txt`, and `<stem>-2.txt` for the second input of that stem.
    fn file_name(&mut self, input: &str) -> String {
        let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let names = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
        for name in names {
            if self.names.insert(name.clone()) {
                return format!("{name}.txt");
            }
        }
        stem
    }
}

/// JSON lines: one a frame or picture.
pub(crate) struct Faces {
    path: PathBuf,
    out: BufWriter<File>,
    single: bool,
}

impl Faces {
    /// Lines into the file `path`. With `single` the attributes are those of the frame alone, else the track's.
    pub(crate) fn create(path: &Path, single: bool) -> Result<Self, BoxError> {
        let out = BufWriter::new(File::create(path).map_err(|e| at(path, &e))?);
        Ok(Self { path: path.to_path_buf(), out, single })
    }

    /// The line of one frame.
    pub(crate) fn write(&mut self, input: &str, observation: &Observation) -> Result<(), BoxError> {
        let faces: Vec<_> = observation.faces.iter().filter_map(|face| self.face(face)).collect();
        let line = json!({
            "input": input,
            "frame": observation.meta.seq + 1,
            "pts_s": observation.meta.pts.map(|p| p.as_secs_f64()),
            "width": observation.width,
            "height": observation.height,
            "faces": faces,
        });
        writeln!(self.out, "{line}").map_err(|e| at(&self.path, &e))
    }

    /// Makes sure that every line is in the file.
    pub(crate) fn finish(mut self) -> Result<(), BoxError> {
        self.out.flush().map_err(|e| at(&self.path, &e))
    }

    fn face(&self, observed: &ObservedFace) -> Option<serde_json::Value> {
        let face = observed.face?;
        let attributes = if self.single { observed.estimate } else { observed.attributes };
        Some(json!({
            "box": [face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2],
            "score": face.score,
            "landmarks": face.landmarks.map(|l| l.0.map(|p| [p.x, p.y])),
            "track": observed.track.0,
            "person": observed.identity.person().map(|p| p.0),
            "age": attributes.map(|a| a.age.years),
            "age_interval": attributes.map(|a| [a.age.low, a.age.high]),
            "p_male": attributes.map(|a| a.p_male),
            "embedding": observed.embedding.as_ref().map(passerby::types::Embedding::as_slice),
        }))
    }
}
