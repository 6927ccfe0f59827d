//! Takes the frames of pipelines, and writes some of them as annotated pictures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use passerby::annotate::{AnnotateSettings, Annotator, ContactSheet, SheetEntry, SheetSettings};
use passerby::pipeline::{FrameSubscription, PersonSummary, Summary, TappedFrame};
use passerby::types::{BoxError, CameraId, FrameMeta, Image, ObservedFace, PersonId, TrackState};

use super::names::{FileNames, file_name};
use crate::output::{FileClaims, Recording};
use crate::terminal::counted;

/// The name of the contact sheet.
const SHEET: &str = "contact-sheet.jpg";
/// The option that names another file for it.
pub(crate) const SHEET_OPTION: &str = "--contact-sheet";

/// The frames that become pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PictureChoice {
    /// One in this time of each stream, and every photograph.
    Every(Duration),
    /// The one of each camera that shows the most and the best faces.
    Best,
}

/// The pictures that a [`Recorder`] writes, and their places.
#[derive(Clone, Debug)]
pub(crate) struct PicturePlan<'a> {
    /// The folder of the annotated pictures, or `None` for the contact sheet alone.
    pub(crate) folder: Option<&'a Path>,
    /// The file of the contact sheet, or `None` for one in the folder.
    pub(crate) sheet: Option<&'a Path>,
    pub(crate) choice: PictureChoice,
    pub(crate) blur: bool,
    /// The names of persons, which are shown instead of their numbers.
    pub(crate) names: Vec<(PersonId, String)>,
}

/// Writes annotated pictures into a folder, and a contact sheet. A clone writes into the same folder.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Pictures>>);

struct Pictures {
    folder: Option<PathBuf>,
    sheet_file: PathBuf,
    choice: PictureChoice,
    person_names: BTreeMap<PersonId, String>,
    annotator: Annotator,
    sheet: ContactSheet,
    names: FileNames,
    /// The time in its stream at which each camera's next picture is due.
    due: BTreeMap<CameraId, Duration>,
    /// The best frame of each camera so far, and its score.
    best: BTreeMap<CameraId, (f32, TappedFrame)>,
    /// The files that no picture may overwrite.
    claims: FileClaims,
    counts: PictureCounts,
}

#[derive(Default)]
struct PictureCounts {
    frames: u64,
    written: u64,
    /// The number of pictures that could not be written, and the first error.
    failed: u64,
    failure: Option<BoxError>,
}

impl Recorder {
    /// Makes the folder.
    ///
    /// # Errors
    /// The folder cannot be made, or holds one of the `inputs`. No picture is written into a file of `claims`, whatever its
    /// name is; the file of the contact sheet must be claimed if the user named it.
    pub(crate) fn create<'a>(
        plan: PicturePlan<'_>,
        inputs: impl IntoIterator<Item = &'a Path>,
        claims: FileClaims,
    ) -> Result<Self, BoxError> {
        let PicturePlan { folder, sheet, choice, blur, names } = plan;
        if let Some(folder) = folder {
            make_folder(folder, inputs)?;
        }
        let sheet_file = match (sheet, folder) {
            (Some(sheet), _) => sheet.to_path_buf(),
            (None, folder) => folder.unwrap_or(Path::new("")).join(SHEET),
        };
        let mut annotator = Annotator::new(AnnotateSettings { blur, ..AnnotateSettings::default() });
        names.iter().for_each(|(person, name)| annotator.name(*person, name));
        let pictures = Pictures {
            folder: folder.map(Path::to_path_buf),
            sheet_file,
            choice,
            person_names: names.into_iter().collect(),
            annotator,
            sheet: ContactSheet::new(SheetSettings { blur, ..SheetSettings::default() }),
            names: FileNames::default(),
            due: BTreeMap::new(),
            best: BTreeMap::new(),
            claims,
            counts: PictureCounts::default(),
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
        Recording::start("passerby-pictures", move || frames.for_each(|frame| recorder.lock().add(&frame)))
    }

    /// Writes the remaining pictures and, if there are any, the contact sheet. Returns a line that names the folder, and `false`
    /// if a picture could not be written. All recordings must have ended.
    pub(crate) fn finish(&self, summary: &Summary) -> (String, bool) {
        let mut pictures = self.lock();
        for (_, (_, frame)) in std::mem::take(&mut pictures.best) {
            pictures.write(&frame);
        }
        let place = pictures.folder.as_deref().unwrap_or(&pictures.sheet_file).display().to_string();
        if pictures.counts.frames == 0 {
            return (format!("no picture came, so {place} has none"), true);
        }
        let persons = summary.persons();
        let entries: Vec<SheetEntry> = persons.iter().map(|person| pictures.entry(person)).collect();
        let title = counted(persons.len() as u64, "person");
        let sheet = pictures.sheet.render(&title, &entries);
        pictures.store_sheet(&sheet);
        let PictureCounts { written, failed, failure, .. } = &pictures.counts;
        if let Some(error) = failure {
            let count = counted(written + failed, "picture");
            return (format!("{place}: {failed} of {count} not written: {error}"), false);
        }
        // The contact sheet is one of those that were written.
        let count = counted(written - 1, "picture");
        let sheet_file = pictures.sheet_file.display();
        let line = match &pictures.folder {
            Some(folder) if pictures.sheet_file.parent() == Some(folder.as_path()) => {
                format!("{count} and a contact sheet of {title} are in {place}")
            }
            Some(_) => format!("{count} are in {place}, and a contact sheet of {title} is {sheet_file}"),
            None => format!("a contact sheet of {title} is {sheet_file}"),
        };
        (line, true)
    }

    fn lock(&self) -> MutexGuard<'_, Pictures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pictures {
    fn add(&mut self, frame: &TappedFrame) {
        self.counts.frames += 1;
        self.sheet.add(&frame.frame, &frame.observation);
        if self.folder.is_none() {
            return;
        }
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
        let Some(folder) = &self.folder else { return };
        let meta = &frame.frame.meta;
        let path = folder.join(file_name(&self.names.of(meta.camera), time_in_name(meta)));
        let mut image = (*frame.frame.image).clone();
        self.annotator.draw(&mut image, &frame.observation.faces);
        self.store(&path, &image);
    }

    fn store_sheet(&mut self, sheet: &Image) {
        let path = self.sheet_file.clone();
        if self.claims.use_of(&path) == Some(SHEET_OPTION) {
            let done = write(&path, sheet);
            self.counts.add(done);
        } else {
            self.store(&path, sheet);
        }
    }

    /// Writes a picture, and counts it, unless its file is an input or another output.
    fn store(&mut self, path: &Path, image: &Image) {
        let done = match self.claims.use_of(path) {
            Some(other) => Err(format!("{}: is the file of {other} too", path.display()).into()),
            None => write(path, image),
        };
        self.counts.add(done);
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
        let name = self.person_names.get(&person.id).cloned();
        SheetEntry { person: person.id, name, attributes: person.attributes, lines }
    }
}

impl PictureCounts {
    fn add(&mut self, done: Result<(), BoxError>) {
        match done {
            Ok(()) => self.written += 1,
            Err(e) => {
                self.failed += 1;
                self.failure.get_or_insert(e);
            }
        }
    }
}

/// Writes a picture. One that could not be written whole is removed.
fn write(path: &Path, image: &Image) -> Result<(), BoxError> {
    passerby::write_image(path, image).map_err(|e| {
        let _ = fs::remove_file(path);
        e.into()
    })
}

/// Makes the folder of pictures, unless it holds one of the inputs.
fn make_folder<'a>(folder: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), BoxError> {
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
    Ok(())
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
