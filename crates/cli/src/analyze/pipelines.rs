//! Runs a pipeline for videos and one for photographs, with one gallery, so that persons are recognised over both.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby::detect::YuNetSettings;
use passerby::pipeline::{
    CameraReport, CameraSnapshot, FlowSettings, Handle, Pipeline, PipelineSettings, RecvOutcome,
    Subscription, WhenFull,
};
use passerby::reid::SharedGallery;
use passerby::types::{BoxError, CameraId, Clock, Observation, SourceInfo, SystemClock};
use passerby::zones::{CameraZones, ZoneBoard};
use passerby::{NetworkReport, Settings, networks, stages_with};

use super::args::{AnalyzeArgs, Mode};
use super::frame_outputs::FrameOutputs;
use crate::output::lasting_gallery::LastingGallery;
use crate::output::{Database, Recording};
use crate::stop::{END_TIMEOUT, Stop};
use crate::terminal;

/// The number of observations that may wait for the outputs. They hold no pictures.
const QUEUED_OBSERVATIONS: usize = 256;
/// The shortest interval between two checks whether cameras have ended. It doubles while no observation comes.
const MIN_POLL_INTERVAL: Duration = Duration::from_micros(200);
/// The longest interval between these checks.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The number of inputs after which a new pipeline is started: a pipeline remembers every camera that it ever had.
const MAX_INPUTS_PER_PIPELINE: usize = 500;

/// The pipelines. Each starts when the first input needs it.
pub(super) struct Pipelines {
    settings: Settings,
    pipeline: PipelineSettings,
    gallery: SharedGallery,
    clock: Arc<dyn Clock>,
    database: Option<Database>,
    frame_outputs: FrameOutputs,
    /// The zones of the inputs.
    board: Option<ZoneBoard>,
    /// The rule for a full queue of frames.
    when_full: WhenFull,
    video: Option<Running>,
    still: Option<Running>,
    /// The detector's threshold for photographs.
    still_threshold: f32,
    ended: RunResults,
}

/// The results of all pipelines.
#[derive(Default)]
pub(super) struct RunResults {
    pub(super) reports: Vec<CameraReport>,
    pub(super) cameras: Vec<CameraSnapshot>,
    /// The names of threads that did not end in time.
    pub(super) abandoned: Vec<String>,
    /// The engine of each network when the first pipeline started. Empty if no pipeline started.
    pub(super) networks: Vec<NetworkReport>,
    /// The counts of each input with zones, or `None` if no zones were asked for.
    pub(super) zones: Option<Vec<CameraZones>>,
}

impl Pipelines {
    pub(super) fn new(
        args: &AnalyzeArgs,
        mode: Mode,
        database: Option<Database>,
        frame_outputs: FrameOutputs,
        board: Option<ZoneBoard>,
    ) -> Self {
        let mut settings = args.networks.settings();
        args.tracking.apply(&mut settings.tracker);
        let threshold = args.networks.threshold();
        if args.every_frame {
            settings.tracker.strong_score = 0.0;
            settings.detector.threshold = threshold.unwrap_or(settings.detector.threshold);
        }
        let still_threshold = threshold.unwrap_or(YuNetSettings::PHOTO_THRESHOLD);
        let lasting = database.as_ref().and_then(Database::gallery);
        let gallery = match lasting {
            Some(lasting) => lasting.handle(),
            None => SharedGallery::new(settings.gallery.clone()),
        };
        let clock =
            lasting.map_or_else(|| -> Arc<dyn Clock> { Arc::new(SystemClock::new()) }, LastingGallery::clock);
        let pipeline = pipeline(args, mode);
        let ended = RunResults::default();
        // Pictures never hold up a camera.
        let when_full = if mode.live { WhenFull::DropOldest } else { WhenFull::Block };
        Self {
            settings,
            pipeline,
            gallery,
            clock,
            database,
            frame_outputs,
            board,
            when_full,
            still_threshold,
            video: None,
            still: None,
            ended,
        }
    }

    /// Returns the pipeline for this source.
    pub(super) fn for_source(&mut self, source: &SourceInfo) -> Result<&Running, BoxError> {
        let is_still = source.is_photograph();
        let mut settings = self.settings.clone();
        if is_still {
            // A photograph is the only view of its track, so one view must be enough.
            settings.detector.threshold = self.still_threshold;
            settings.tracker.strong_score = 0.0;
            settings.tracker.min_hits = 1;
            settings.gallery.min_enroll_views = 1;
            settings.vote.min_views = 1;
            settings.vote.min_total_quality = 0.0;
        }
        let slot = if is_still { &mut self.still } else { &mut self.video };
        if let Some(full) = slot.take_if(|running| running.inputs >= MAX_INPUTS_PER_PIPELINE) {
            full.finish(&mut self.ended);
        }
        if let Some(running) = slot {
            running.inputs += 1;
            return Ok(running);
        }
        if self.ended.networks.is_empty() {
            self.ended.networks = checked_engines(&settings)?;
        }
        let gallery = self.gallery.clone().with_min_enroll_views(settings.gallery.min_enroll_views);
        let mut stages = stages_with(&settings, move || gallery.clone())?;
        if let Some(board) = self.board.clone() {
            stages = stages.counting(move |camera| board.counter(camera));
        }
        let mut pipeline = Pipeline::new(stages, self.pipeline.clone(), Arc::clone(&self.clock));
        if let Some(database) = &self.database {
            pipeline = pipeline.sink(database.sink());
        }
        let handle = pipeline.start()?;
        let subscription = handle.subscribe("outputs", QUEUED_OBSERVATIONS, WhenFull::Block);
        let recordings = self.frame_outputs.record(&handle, self.when_full, is_still)?;
        Ok(slot.insert(Running { subscription, handle, recordings, inputs: 1, overdue: Cell::new(false) }))
    }

    /// Returns the smallest face that is identified, in pixels.
    pub(super) fn min_face_size(&self) -> f32 {
        self.pipeline.flow.embed.min_size
    }

    /// Ends the pipelines. All their cameras must have ended.
    pub(super) fn finish(mut self) -> RunResults {
        for running in [self.video, self.still].into_iter().flatten() {
            running.finish(&mut self.ended);
        }
        self.ended.zones = self.board.map(|board| board.figures());
        self.ended
    }
}

/// Returns the engine of each network, and warns of each that is not on the requested device.
fn checked_engines(settings: &Settings) -> Result<Vec<NetworkReport>, BoxError> {
    let networks = networks(settings)?;
    for NetworkReport { name, backend, fallback, .. } in &networks {
        if let Some(why) = fallback {
            terminal::warning(format_args!("{name} runs on {backend}, {why}"));
        }
    }
    Ok(networks)
}

/// Returns the settings: how many workers run, and on which frames the detector runs.
fn pipeline(args: &AnalyzeArgs, mode: Mode) -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    if args.every_frame {
        settings.flow = FlowSettings::default().every_frame();
    }
    settings.flow.cadence = mode.cadence.unwrap_or(1);
    if !mode.live {
        settings.detect_workers = args.run.workers();
        settings.embed_workers = settings.embed_workers.max(args.run.workers());
        return settings;
    }
    settings.governor = Some(args.run.governor_limits(mode.cadence, &args.networks));
    settings
}

/// A running pipeline and its observations.
pub(super) struct Running {
    // Dropped first, so that a pipeline does not wait for outputs that failed.
    subscription: Subscription,
    pub(super) handle: Handle,
    recordings: Vec<Recording>,
    /// The number of inputs added so far.
    inputs: usize,
    /// True if a camera was asked to end and did not.
    overdue: Cell<bool>,
}

impl Running {
    /// Passes every observation to `each` until these cameras have ended, and `None` while none comes. When `stop` asks to
    /// stop, it removes the cameras.
    pub(super) fn collect(
        &self,
        cameras: &[CameraId],
        stop: &Stop,
        each: &mut dyn FnMut(Option<&Observation>) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut stopping = None;
        let mut interval = MIN_POLL_INTERVAL;
        loop {
            if stopping.is_none() && stop.is_requested() {
                stopping = Some(Instant::now());
                for camera in cameras {
                    self.handle.remove(*camera, Duration::ZERO);
                }
            }
            match self.subscription.recv_timeout(interval) {
                RecvOutcome::Item(observation) => {
                    interval = MIN_POLL_INTERVAL;
                    each(Some(&observation))?;
                }
                RecvOutcome::Empty if cameras.iter().all(|c| self.handle.wait(*c, Duration::ZERO)) => {
                    break;
                }
                RecvOutcome::Empty if stopping.is_some_and(|since| since.elapsed() > END_TIMEOUT) => {
                    self.overdue.set(true);
                    break;
                }
                RecvOutcome::Empty => {
                    interval = (interval * 2).min(MAX_POLL_INTERVAL);
                    each(None)?;
                }
                RecvOutcome::Closed => break,
            }
        }
        // The observations that came between the last check and the end.
        while let Some(observation) = self.subscription.try_recv() {
            each(Some(&observation))?;
        }
        Ok(())
    }

    /// Ends the pipeline. Its cameras must have ended, or been asked to end.
    fn finish(self, ended: &mut RunResults) {
        drop(self.subscription);
        let done = if self.overdue.get() { self.handle.stop(END_TIMEOUT) } else { self.handle.finish() };
        self.recordings.into_iter().for_each(Recording::join);
        ended.reports.extend(done.reports);
        ended.cameras.extend(done.figures.cameras);
        ended.abandoned.extend(done.abandoned);
    }
}
