//! Takes the frames of pipelines, and writes some of them as annotated pictures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passerby::annotate::{AnnotateSettings, Annotator, ContactSheet, SheetEntry, SheetSettings};
use passerby::pipeline::{FrameSubscription, PersonSummary, Summary, TappedFrame};
use passerby::types::{BoxError, CameraId, FrameMeta, Image, ObservedFace, TrackState};

use super::names::{FileNames, file_name};
use crate::output::FileClaims;
use crate::terminal::{self, counted};

/// The name of the contact sheet.
const SHEET: &str = "contact-sheet.jpg";

/// The frames that become pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PictureChoice {
    /// One in this time of each stream, and every photograph.
    Every(Duration),
    /// The one of each camera that shows the most and the best faces.
    Best,
}

/// Writes annotated pictures into a folder. A clone writes into the same folder.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Pictures>>);

/// A pipeline whose frames are being recorded.
pub(crate) struct Recording(JoinHandle<()>);

struct Pictures {
    folder: PathBuf,
    choice: PictureChoice,
    annotator: Annotator,
    sheet: ContactSheet,
    names: FileNames,
    /// The time in its stream at which each camera's next picture is due.
    due: BTreeMap<CameraId, Duration>,
    /// The best frame of each camera so far, and its score.
    best: BTreeMap<CameraId, (f32, TappedFrame)>,
    /// The files that no picture may overwrite.
    claims: FileClaims,
    written: usize,
    /// The number of pictures that could not be written, and the first error.
    failed: usize,
    failure: Option<BoxError>,
}

impl Recorder {
    /// Makes the folder.
    ///
    /// # Errors
    /// The folder cannot be made, or holds one of the `inputs`. No picture is written into a file of `claims`, whatever its
    /// name is.
    pub(crate) fn create<'a>(
        folder: &Path,
        choice: PictureChoice,
        blur: bool,
        inputs: impl IntoIterator<Item = &'a Path>,
        claims: FileClaims,
    ) -> Result<Self, BoxError> {
        let failed = |e: std::io::Error| format!("--pictures {}: {e}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        let real = folder.canonicalize().map_err(failed)?;
        for input in inputs {
            let input = input.canonicalize().unwrap_or_else(|_| input.to_path_buf());
            if input == real || input.parent() == Some(&real) {
                let folder = folder.display();
                return Err(format!("--pictures {folder}: the folder holds inputs; name another one").into());
            }
        }
        let pictures = Pictures {
            folder: folder.to_path_buf(),
            choice,
            annotator: Annotator::new(AnnotateSettings { blur, ..AnnotateSettings::default() }),
            sheet: ContactSheet::new(SheetSettings { blur, ..SheetSettings::default() }),
            names: FileNames::default(),
            due: BTreeMap::new(),
            best: BTreeMap::new(),
            claims,
            written: 0,
            failed: 0,
            failure: None,
        };
        Ok(Self(Arc::new(Mutex::new(pictures))))
    }

    /// Names the files of an input. Must be called before its first frame.
    pub(crate) fn begin(&self, camera: CameraId, name: &str) {
        self.lock().names.stem(camera, name);
    }

    /// Takes the frames of a pipeline on a thread of its own until the pipeline has ended.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn record(&self, frames: FrameSubscription) -> Result<Recording, BoxError> {
        let recorder = self.clone();
        let take = move || frames.for_each(|frame| recorder.lock().add(&frame));
        let thread = thread::Builder::new().name("passerby-pictures".into()).spawn(take)?;
        Ok(Recording(thread))
    }

    /// Writes the remaining pictures and, if there are any, the contact sheet. Returns a line that names the folder, and `false`
    /// if a picture could not be written. All recordings must have ended.
    pub(crate) fn finish(&self, summary: &Summary) -> (String, bool) {
        let mut pictures = self.lock();
        for (_, (_, frame)) in std::mem::take(&mut pictures.best) {
            pictures.write(&frame);
        }
        if pictures.written + pictures.failed == 0 {
            return (format!("no picture came, so {} has none", pictures.folder.display()), true);
        }
        let persons = summary.persons();
        let entries: Vec<SheetEntry> = persons.iter().map(|person| pictures.entry(person)).collect();
        let title = counted(persons.len() as u64, "person");
        let sheet = pictures.sheet.render(&title, &entries);
        pictures.store(SHEET, &sheet);
        let folder = pictures.folder.display();
        if let Some(error) = &pictures.failure {
            let count = counted((pictures.written + pictures.failed) as u64, "picture");
            return (format!("{folder}: {} of {count} not written: {error}", pictures.failed), false);
        }
        // The contact sheet is one of those that were written.
        let count = counted((pictures.written - 1) as u64, "picture");
        (format!("{count} and a contact sheet of {title} are in {folder}"), true)
    }

    fn lock(&self) -> MutexGuard<'_, Pictures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// Waits until the last frame is taken. The pipeline must have ended.
    pub(crate) fn join(self) {
        if self.0.join().is_err() {
            terminal::warning("the thread that writes pictures has failed");
        }
    }
}

impl Pictures {
    fn add(&mut self, frame: &TappedFrame) {
        self.sheet.add(&frame.frame, &frame.observation);
        let meta = &frame.frame.meta;
        match self.choice {
            PictureChoice::Every(interval) => {
                let time = meta.pts.unwrap_or(meta.captured.0);
                let due = self.due.entry(meta.camera).or_default();
                if time >= *due {
                    // From this picture on, so that a gap in the stream is not made up for.
                    *due = time.max(*due) + interval;
                    self.write(frame);
                }
            }
            PictureChoice::Best => {
                let score = score(frame);
                let best = self.best.get(&meta.camera).map_or(-1.0, |(best, _)| *best);
                if score > best {
                    self.best.insert(meta.camera, (score, frame.clone()));
                }
            }
        }
    }

    fn write(&mut self, frame: &TappedFrame) {
        let meta = &frame.frame.meta;
        let mut image = (*frame.frame.image).clone();
        self.annotator.draw(&mut image, &frame.observation.faces);
        let name = file_name(&self.names.of(meta.camera), time_in_name(meta));
        self.store(&name, &image);
    }

    /// Writes a picture, and counts it. A picture that could not be written whole is removed.
    fn store(&mut self, name: &str, image: &Image) {
        let path = self.folder.join(name);
        let done: Result<(), BoxError> = match self.claims.use_of(&path) {
            Some(other) => Err(format!("{}: is the file of {other} too", path.display()).into()),
            None => passerby::write_image(&path, image).map_err(|e| {
                let _ = fs::remove_file(&path);
                e.into()
            }),
        };
        match done {
            Ok(()) => self.written += 1,
            Err(e) => {
                self.failed += 1;
                self.failure.get_or_insert(e);
            }
        }
    }

    /// Returns the text below a person's view: the first and last time, and the inputs.
    fn entry(&self, person: &PersonSummary) -> SheetEntry {
        let time = |meta: &FrameMeta| meta.pts.map(|pts| format!("{:.1} s", pts.as_secs_f64()));
        let lines = if let [camera] = person.cameras[..] {
            let span = time(&person.first).zip(time(&person.last));
            let span =
                span.map(|(first, last)| if first == last { first } else { format!("{first} to {last}") });
            span.into_iter().chain([self.names.of(camera)]).collect()
        } else {
            let place = |meta: &FrameMeta| {
                let time = time(meta).map(|time| format!("{time}, ")).unwrap_or_default();
                format!("{time}{}", self.names.of(meta.camera))
            };
            let inputs = counted(person.cameras.len() as u64, "input");
            vec![format!("first: {}", place(&person.first)), format!("last: {}", place(&person.last)), inputs]
        };
        SheetEntry { person: person.id, name: None, attributes: person.attributes, lines }
    }
}

/// Returns the time in the name of a frame's file, or `None` for a photograph. A stream without times has those of arrival.
fn time_in_name(meta: &FrameMeta) -> Option<Duration> {
    meta.pts.or((meta.seq > 0).then_some(meta.captured.0))
}

/// Returns how many and how good the faces of a frame are. A face without a person and an age counts half.
fn score(frame: &TappedFrame) -> f32 {
    let faces = frame.observation.faces.iter().filter(|face| face.state == TrackState::Confirmed);
    let score = |face: &ObservedFace| {
        let quality = face.face.map_or(0.0, |face| face.quality());
        let is_known = face.identity.person().is_some() && face.attributes.is_some();
        if is_known { quality } else { quality / 2.0 }
    };
    faces.map(score).sum()
}
