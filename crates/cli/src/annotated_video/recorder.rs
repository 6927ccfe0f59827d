//! Takes the frames of pipelines, and writes them as annotated videos.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby::annotate::AnnotateSettings;
use passerby::mp4::VideoSegment;
use passerby::pipeline::{FrameSubscription, TappedFrame};
use passerby::types::{BoxError, CameraId, PersonId};
use passerby::zones::ZoneBoard;

use super::camera::CameraVideo;
use super::files::VideoFiles;
use crate::output::{Chunk, OutputThread, Readers, Recording, WhenBehind, at, end_deadline};
use crate::stop::Stop;
use crate::terminal::{self, counted};

/// Writes a video of each input. A clone writes into the same files.
#[derive(Clone)]
pub(crate) struct VideoRecorder(Arc<Mutex<Videos>>);

struct Videos {
    files: VideoFiles,
    out: Option<OutputThread>,
    settings: AnnotateSettings,
    names: Vec<(PersonId, String)>,
    board: Option<ZoneBoard>,
    when_behind: WhenBehind,
    stop: Stop,
    cameras: BTreeMap<CameraId, CameraVideo>,
    counts: FrameCounts,
}

/// What became of the frames before they were written.
#[derive(Default)]
struct FrameCounts {
    encoded: u64,
    videos: u64,
    /// Frames that came while the encoder was busy.
    late: u64,
    refused: u64,
    /// Why the first one was refused.
    refusal: Option<String>,
}

impl VideoRecorder {
    /// Makes the files.
    ///
    /// # Errors
    /// A file cannot be made, or the system has no more threads.
    pub(crate) fn create(
        files: VideoFiles,
        settings: AnnotateSettings,
        names: Vec<(PersonId, String)>,
        board: Option<ZoneBoard>,
        when_behind: WhenBehind,
        stop: &Stop,
    ) -> Result<Self, BoxError> {
        let out = Some(files.start(when_behind)?);
        let stop = stop.clone();
        let cameras = BTreeMap::new();
        let counts = FrameCounts::default();
        let videos = Videos { files, out, settings, names, board, when_behind, stop, cameras, counts };
        Ok(Self(Arc::new(Mutex::new(videos))))
    }

    /// Takes the frames of a pipeline on a thread of its own until the pipeline has ended.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn record(&self, frames: FrameSubscription) -> Result<Recording, BoxError> {
        let recorder = self.clone();
        let take = move || {
            for frame in &frames {
                recorder.lock().add(&frame);
            }
            recorder.lock().counts.late += frames.stats().dropped;
        };
        Recording::start("passerby-video", take)
    }

    /// Writes the last frames. Returns a line that names the files, and `false` if frames are missing. All recordings must have ended.
    pub(crate) fn finish(&self) -> (String, bool) {
        let mut videos = self.lock();
        let videos = &mut *videos;
        videos.finish_cameras();
        let name = videos.files.name.display().to_string();
        let FrameCounts { encoded, videos: count, late, refused, refusal } = &videos.counts;
        let mut faults = Vec::new();
        if let Some(out) = videos.out.take() {
            out.close();
            faults.extend(out.finish(end_deadline(), &videos.stop));
        }
        videos.files.remove_empty();
        if *late > 0 {
            faults.push(format!("{name}: {late} frames left out: the encoder was not fast enough"));
        }
        if let Some(why) = refusal {
            faults.push(format!("{name}: {refused} frames left out: {why}"));
        }
        if !faults.is_empty() {
            return (faults.join("\n"), false);
        }
        let frames = counted(*encoded, "frame");
        let line = match *count {
            0 => format!("no video came, so {name} was not written (--pictures writes photographs)"),
            1 if !videos.files.is_folder => format!("{frames} are in {name}"),
            count => format!("{frames} are in {} in {name}", counted(count, "video")),
        };
        (line, true)
    }

    fn lock(&self) -> MutexGuard<'_, Videos> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Videos {
    fn add(&mut self, frame: &TappedFrame) {
        let camera = frame.frame.meta.camera;
        let is_live = self.when_behind == WhenBehind::Lose;
        if !self.cameras.contains_key(&camera) {
            if !is_live {
                // Files come one after another.
                self.finish_cameras();
            }
            let plan = self.board.as_ref().and_then(|board| board.plan(camera));
            self.cameras.insert(camera, CameraVideo::new(self.settings, &self.names, plan, is_live));
            self.counts.videos += 1;
        }
        let Some(video) = self.cameras.get_mut(&camera) else { return };
        match video.add(frame) {
            Ok(segment) => {
                self.counts.encoded += 1;
                self.send(camera, segment, false);
            }
            Err(e) => {
                self.counts.refused += 1;
                self.counts.refusal.get_or_insert_with(|| e.to_string());
            }
        }
    }

    fn finish_cameras(&mut self) {
        for (camera, video) in std::mem::take(&mut self.cameras) {
            self.send(camera, video.finish(), true);
        }
    }

    fn send(&mut self, camera: CameraId, segment: Option<VideoSegment>, last: bool) {
        let (Some(VideoSegment { data, frames }), Some(out)) = (segment, &mut self.out) else { return };
        let file = if self.files.is_folder { camera.0 as usize } else { 0 };
        out.send(Chunk { file, bytes: data, frames, last }, &self.stop);
    }
}

impl VideoFiles {
    /// Makes the files, and starts the thread that writes them.
    ///
    /// # Errors
    /// A file cannot be made, or the system has no more threads.
    fn start(&self, when_behind: WhenBehind) -> Result<OutputThread, BoxError> {
        if self.is_folder {
            fs::create_dir_all(&self.name).map_err(|e| at(&self.name, &e))?;
        }
        OutputThread::start(&self.name, self.files.clone(), Readers::Usual, when_behind)
    }

    /// Removes the files that were made for inputs without a frame: photographs, and inputs that did not open.
    fn remove_empty(&self) {
        for file in &self.files {
            if file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0)
                && let Err(e) = fs::remove_file(file)
            {
                terminal::warning(format_args!("{}: {e}", file.display()));
            }
        }
    }
}
