//! The outputs that need pictures: annotated pictures and videos.

use std::path::Path;

use passerby::annotate::AnnotateSettings;
use passerby::pipeline::{Handle, Summary, WhenFull};
use passerby::store::Reader;
use passerby::types::{BoxError, PersonId};
use passerby::zones::ZoneBoard;

use super::args::{AnalyzeArgs, Mode};
use super::inputs::Input;
use crate::annotated_video::{VideoFiles, VideoRecorder};
use crate::output::{FileClaims, Recording, WhenBehind};
use crate::pictures::{PictureChoice, PicturePlan, Recorder, SHEET_OPTION};
use crate::stop::Stop;
use crate::terminal;

/// The number of frames that may wait to become pictures, or frames of a video.
const QUEUED_FRAMES: usize = 4;

/// The outputs that need pictures. A clone writes into the same files.
#[derive(Clone, Default)]
pub(super) struct FrameOutputs {
    pictures: Option<Recorder>,
    video: Option<VideoRecorder>,
}

impl FrameOutputs {
    /// Claims the files that the user named. No file is touched.
    ///
    /// # Errors
    /// A file is an input or another output, or the program cannot write videos.
    pub(super) fn claim(
        args: &AnalyzeArgs,
        inputs: &[Input],
        claims: &mut FileClaims,
    ) -> Result<Option<VideoFiles>, BoxError> {
        if let Some(sheet) = &args.pictures.contact_sheet {
            claims.claim(SHEET_OPTION, sheet)?;
        }
        let Some(path) = &args.video.annotate else { return Ok(None) };
        let several = args.input.inputs.len() > 1 || inputs.len() > 1;
        let names = inputs.iter().map(|input| input.name.as_str());
        VideoFiles::claim(path, several, names, claims).map(Some)
    }

    /// Makes the files and folders. All other outputs must have been claimed.
    ///
    /// # Errors
    /// A file or folder cannot be made, or the folder of pictures holds an input.
    pub(super) fn create(
        args: &AnalyzeArgs,
        mode: Mode,
        inputs: &[Input],
        (claims, video): (FileClaims, Option<VideoFiles>),
        board: Option<&ZoneBoard>,
        stop: &Stop,
    ) -> Result<Self, BoxError> {
        let mut outputs = Self::default();
        if !args.pictures.is_any() && video.is_none() {
            return Ok(outputs);
        }
        let lasting = args.output.database.db.as_deref().filter(|_| !args.output.database.gallery.no_gallery);
        let names = lasting.map_or_else(|| Ok(Vec::new()), person_names)?;
        let blur = args.pictures.blur;
        if let Some(files) = video {
            let settings =
                AnnotateSettings { blur, trail: args.video.trail.into(), ..AnnotateSettings::default() };
            let when_behind = if mode.live { WhenBehind::Lose } else { WhenBehind::Wait };
            let names = names.clone();
            let video = VideoRecorder::create(files, settings, names, board.cloned(), when_behind, stop)?;
            outputs.video = Some(video);
        }
        if args.pictures.is_any() {
            let plan = PicturePlan {
                folder: args.pictures.pictures.as_deref(),
                sheet: args.pictures.contact_sheet.as_deref(),
                choice: PictureChoice::Every(args.pictures_every),
                blur,
                names,
            };
            let files = inputs.iter().filter_map(|input| input.as_path());
            let recorder = Recorder::create(plan, files, claims)?;
            inputs.iter().for_each(|input| recorder.begin(input.camera, &input.name));
            outputs.pictures = Some(recorder);
        }
        Ok(outputs)
    }

    /// Takes the frames of a pipeline of photographs (`is_still`) or of videos, until it has ended.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn record(
        &self,
        handle: &Handle,
        when_full: WhenFull,
        is_still: bool,
    ) -> Result<Vec<Recording>, BoxError> {
        let mut recordings = Vec::new();
        if let Some(pictures) = &self.pictures {
            recordings.push(pictures.record(handle.subscribe_frames(
                "pictures",
                QUEUED_FRAMES,
                when_full,
            ))?);
        }
        // Photographs make no video.
        if let Some(video) = self.video.as_ref().filter(|_| !is_still) {
            recordings.push(video.record(handle.subscribe_frames("video", QUEUED_FRAMES, when_full))?);
        }
        Ok(recordings)
    }

    /// Writes what remains, and prints a line for each output. Returns `false` if one failed. All recordings must have ended.
    pub(super) fn finish(self, summary: &Summary) -> bool {
        let pictures = self.pictures.map(|pictures| pictures.finish(summary));
        let video = self.video.map(|video| video.finish());
        let mut ok = true;
        for (line, is_whole) in pictures.into_iter().chain(video) {
            terminal::message(line);
            ok &= is_whole;
        }
        ok
    }
}

/// Returns the persons of a database that have names.
fn person_names(path: &Path) -> Result<Vec<(PersonId, String)>, BoxError> {
    let persons = Reader::open(path)?.known_persons()?;
    Ok(persons.into_iter().filter_map(|row| Some((row.id, row.name?))).collect())
}
