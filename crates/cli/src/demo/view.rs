//! Shows progress on a terminal, one line a camera.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use passerby::pipeline::{CameraSnapshot, Metrics, Summary};
use passerby::types::{BoxError, CameraId, Observation, TrackState, visible};

use crate::terminal;

/// The interval between two updates of the lines.
const REFRESH: Duration = Duration::from_millis(500);

/// The lines.
pub(super) struct View {
    all: MultiProgress,
    cameras: Vec<(CameraId, ProgressBar)>,
    total: ProgressBar,
    /// The number of confirmed tracks in the last frame of each camera.
    tracks: BTreeMap<CameraId, usize>,
    shown: Instant,
    /// The number of frames of each camera that had left the pipeline at the last update.
    frames: BTreeMap<CameraId, u64>,
}

/// The figures of one line.
#[derive(Default)]
struct Figures {
    rate: f64,
    latency_p95: Duration,
    cadence: u64,
    dropped: u64,
    tracks: usize,
    persons: usize,
}

impl View {
    /// Adds a line for each camera, and one for all of them, on standard error. Draws nothing if standard error is not
    /// a terminal, or if
    /// `quiet` is set.
    pub(super) fn new(cameras: &[CameraId], quiet: bool) -> Result<Self, BoxError> {
        let target = if quiet { ProgressDrawTarget::hidden() } else { terminal::draw_target() };
        let all = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("{prefix:9} {wide_msg}")?;
        let line =
            |prefix: String| all.add(ProgressBar::no_length().with_style(style.clone()).with_prefix(prefix));
        let head = line(String::new());
        head.set_message("frames/s  latency  detects  dropped  tracks  persons");
        let cameras = cameras.iter().map(|camera| (*camera, line(camera.to_string()))).collect();
        let total = line("together".into());
        let tracks = BTreeMap::new();
        let frames = BTreeMap::new();
        Ok(Self { cameras, total, tracks, shown: Instant::now(), frames, all })
    }

    /// Remembers how many faces this camera sees now.
    pub(super) fn add(&mut self, observation: &Observation) {
        let here = observation.faces.iter().filter(|f| f.state == TrackState::Confirmed).count();
        self.tracks.insert(observation.meta.camera, here);
    }

    /// Draws the lines again if `REFRESH` has elapsed.
    pub(super) fn show(&mut self, metrics: &Metrics, summary: &Summary) {
        let elapsed = self.shown.elapsed();
        if self.all.is_hidden() || elapsed < REFRESH {
            return;
        }
        self.shown = Instant::now();
        let persons = persons(summary);
        let mut sum = Figures::default();
        for snapshot in &metrics.snapshot().cameras {
            let figures =
                self.figures(snapshot, elapsed, persons.get(&snapshot.camera).copied().unwrap_or(0));
            sum.rate += figures.rate;
            sum.latency_p95 = sum.latency_p95.max(figures.latency_p95);
            sum.cadence = sum.cadence.max(figures.cadence);
            sum.dropped += figures.dropped;
            sum.tracks += figures.tracks;
            if let Some((_, line)) = self.cameras.iter().find(|(camera, _)| *camera == snapshot.camera) {
                line.set_message(text(&figures));
            }
        }
        sum.persons = summary.persons().len();
        self.total.set_message(text(&sum));
    }

    /// Prints a message above the lines, or alone if there are no lines.
    pub(super) fn say(&self, line: &str) {
        if self.all.is_hidden() {
            terminal::message(line);
        } else {
            // If the terminal is gone, the message has no reader.
            let _ = self.all.println(format!("passerby: {}", visible(line)));
        }
    }

    /// Removes the lines.
    pub(super) fn clear(&self) {
        // If the terminal is gone, nothing needs clearing.
        let _ = self.all.clear();
    }

    fn figures(&mut self, snapshot: &CameraSnapshot, elapsed: Duration, persons: usize) -> Figures {
        let frames = snapshot.ledger.analysed + snapshot.ledger.coasted;
        let before = self.frames.insert(snapshot.camera, frames).unwrap_or(0);
        Figures {
            rate: frames.saturating_sub(before) as f64 / elapsed.as_secs_f64(),
            latency_p95: snapshot.age.p95,
            cadence: snapshot.cadence,
            dropped: snapshot.ledger.dropped_total(),
            tracks: self.tracks.get(&snapshot.camera).copied().unwrap_or(0),
            persons,
        }
    }
}

/// Returns the number of persons that each camera saw.
fn persons(summary: &Summary) -> BTreeMap<CameraId, usize> {
    let mut counts = BTreeMap::new();
    for person in summary.persons() {
        person.cameras.iter().for_each(|camera| *counts.entry(*camera).or_default() += 1);
    }
    counts
}

fn text(figures: &Figures) -> String {
    let Figures { rate, latency_p95, cadence, dropped, tracks, persons } = figures;
    let latency = format!("{:.0} ms", latency_p95.as_secs_f64() * 1e3);
    let detects = format!("1 of {cadence}");
    format!("{rate:8.1}  {latency:>7}  {detects:>7}  {dropped:7}  {tracks:6}  {persons:7}")
}
