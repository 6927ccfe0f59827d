//! How it goes, a line a camera, where there is a terminal to show it on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use passerby::pipeline::{CameraSnapshot, Metrics, Summary};
use passerby::types::{BoxError, CameraId, Observation, TrackState};

/// How often the lines change.
const REFRESH: Duration = Duration::from_millis(500);

/// The lines.
pub(crate) struct View {
    all: MultiProgress,
    cameras: Vec<(CameraId, ProgressBar)>,
    total: ProgressBar,
    /// Confirmed tracks in the last frame of each camera.
    tracks: BTreeMap<CameraId, usize>,
    shown: Instant,
    /// Frames of each camera that had left the pipeline by then.
    frames: BTreeMap<CameraId, u64>,
}

/// The figures of one line.
#[derive(Default)]
struct Figures {
    rate: f64,
    age: Duration,
    cadence: u64,
    dropped: u64,
    tracks: usize,
    persons: usize,
}

impl View {
    /// A line for each of these cameras, and one for all of them. They are drawn on standard error, and nothing is drawn
    /// where that is no terminal.
    pub(crate) fn new(names: &[(CameraId, &str)]) -> Result<Self, BoxError> {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix:9} {wide_msg}")?;
        let line =
            |prefix: String| all.add(ProgressBar::no_length().with_style(style.clone()).with_prefix(prefix));
        let head = line(String::new());
        head.set_message("frames/s  p95 age  detects  dropped  tracks  persons");
        let cameras = names.iter().map(|(camera, _)| (*camera, line(camera.to_string()))).collect();
        let total = line("together".into());
        let (tracks, frames) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { cameras, total, tracks, shown: Instant::now(), frames, all })
    }

    /// Remembers who is in the picture now.
    pub(crate) fn add(&mut self, observation: &Observation) {
        let here = observation.faces.iter().filter(|f| f.state == TrackState::Confirmed).count();
        self.tracks.insert(observation.meta.camera, here);
    }

    /// Draws the lines anew, where the time for it has come.
    pub(crate) fn show(&mut self, metrics: &Metrics, summary: &Summary) {
        let passed = self.shown.elapsed();
        if self.all.is_hidden() || passed < REFRESH {
            return;
        }
        self.shown = Instant::now();
        let persons = persons(summary);
        let mut sum = Figures::default();
        for seen in &metrics.snapshot().cameras {
            let figures = self.figures(seen, passed, persons.get(&seen.camera).copied().unwrap_or(0));
            sum.rate += figures.rate;
            sum.age = sum.age.max(figures.age);
            sum.cadence = sum.cadence.max(figures.cadence);
            sum.dropped += figures.dropped;
            sum.tracks += figures.tracks;
            if let Some((_, line)) = self.cameras.iter().find(|(camera, _)| *camera == seen.camera) {
                line.set_message(text(&figures));
            }
        }
        sum.persons = summary.persons().len();
        self.total.set_message(text(&sum));
    }

    /// Says this above the lines, or alone where there are none.
    pub(crate) fn say(&self, line: &str) {
        if self.all.is_hidden() {
            eprintln!("{line}");
        } else {
            // A terminal that is gone needs no news.
            let _ = self.all.println(line);
        }
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        // A terminal that is gone needs no clearing.
        let _ = self.all.clear();
    }

    fn figures(&mut self, seen: &CameraSnapshot, passed: Duration, persons: usize) -> Figures {
        let frames = seen.ledger.analysed + seen.ledger.coasted;
        let before = self.frames.insert(seen.camera, frames).unwrap_or(0);
        Figures {
            rate: frames.saturating_sub(before) as f64 / passed.as_secs_f64(),
            age: seen.age.p95,
            cadence: seen.cadence,
            dropped: seen.ledger.dropped_total(),
            tracks: self.tracks.get(&seen.camera).copied().unwrap_or(0),
            persons,
        }
    }
}

/// How many persons each camera saw.
fn persons(summary: &Summary) -> BTreeMap<CameraId, usize> {
    let mut counts = BTreeMap::new();
    for person in summary.persons() {
        person.cameras.iter().for_each(|camera| *counts.entry(*camera).or_default() += 1);
    }
    counts
}

fn text(figures: &Figures) -> String {
    let Figures { rate, age, cadence, dropped, tracks, persons } = figures;
    let age = format!("{:.0} ms", age.as_secs_f64() * 1e3);
    let detects = format!("1 of {cadence}");
    format!("{rate:8.1}  {age:>7}  {detects:>7}  {dropped:7}  {tracks:6}  {persons:7}")
}
