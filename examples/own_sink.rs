//! How do I send results to a place of my own? A sink that writes a line of CSV for each person who comes into view.
//!
//! ```text
//! cargo run --release --example own_sink -- [INPUT [FILE.csv]]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use passerby::pipeline::{Pipeline, PipelineSettings};
use passerby::types::{
    BoxError, CameraId, ErrorClass, Observation, ObservedFace, Sink, SinkError, SystemClock, TrackKey,
};

/// Writes a line when a track is identified: the camera, the person, the time in the stream in seconds, and the age.
struct Arrivals {
    path: String,
    file: BufWriter<File>,
    /// The live tracks that have a line.
    written: BTreeSet<TrackKey>,
}

impl Arrivals {
    fn create(path: &str) -> Result<Self, std::io::Error> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "camera,person,seconds,age")?;
        Ok(Self { path: path.to_owned(), file, written: BTreeSet::new() })
    }

    fn write_face(&mut self, observation: &Observation, face: &ObservedFace) -> Result<(), std::io::Error> {
        let camera = observation.meta.camera;
        let Some(person) = face.identity.person() else { return Ok(()) };
        let Some(attributes) = face.attributes else { return Ok(()) };
        if self.written.insert(TrackKey { camera, track: face.track }) {
            let seconds = observation.meta.pts.unwrap_or_default().as_secs_f64();
            writeln!(self.file, "{},{},{seconds:.2},{:.0}", camera.0, person.0, attributes.age.years)?;
        }
        Ok(())
    }

    /// Says how the pipeline should go on. A full disk may have room later; this sink does not undo half a batch, so it ends.
    fn error(&self, cause: std::io::Error) -> SinkError {
        SinkError::new(ErrorClass::Fatal, self.path.as_str(), cause)
    }
}

impl Sink for Arrivals {
    // The pipeline calls it on a thread of its own with a batch of observations, so a slow disk holds up no camera.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        for observation in batch {
            for face in &observation.faces {
                self.write_face(observation, face).map_err(|e| self.error(e))?;
            }
            for track in &observation.ended {
                self.written.remove(&TrackKey { camera: observation.meta.camera, track: *track });
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.file.flush().map_err(|e| self.error(e))
    }
}

fn main() -> Result<(), BoxError> {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4").to_owned();
    let default_file = std::env::temp_dir().join("arrivals.csv").display().to_string();
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().unwrap_or(clip);
    let path = arguments.next().unwrap_or(default_file);

    let stages = passerby::stages(&passerby::Settings::default())?;
    let report = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
        .camera(CameraId(0), passerby::capture::open(&input)?)
        .sink(Arrivals::create(&path)?)
        .run()?;
    let written = report.written.total();
    println!("{} observations written, {} lost. {path}:", written.written, written.lost);
    print!("{}", std::fs::read_to_string(&path)?);
    Ok(())
}
