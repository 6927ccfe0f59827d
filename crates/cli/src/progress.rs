//! Shows how far a run is: on a terminal as a line that changes, otherwise as one line every ten seconds.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use passerby::pipeline::Summary;
use passerby::types::Observation;

use crate::terminal::{self, counted};

/// The interval between two updates on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);
/// The interval between two lines elsewhere.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a run.
pub(crate) struct Progress {
    /// The line on a terminal. Hidden if standard error is not a terminal.
    bar: ProgressBar,
    quiet: bool,
    /// The inputs that run now, for example `door.mp4 (2 of 5)`.
    what: String,
    /// The number of frames that the inputs announce, if they do.
    expected: Option<u64>,
    frames: u64,
    start: Instant,
    shown: Instant,
}

impl Progress {
    /// Creates the progress of a run that begins now. If `quiet` is set, it shows nothing.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { terminal::draw_target() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        let start = Instant::now();
        Self { bar, quiet, what: String::new(), expected: None, frames: 0, start, shown: start }
    }

    /// Names the inputs that run from now on, and the number of their frames if it is known.
    pub(crate) fn begin(&mut self, what: String, expected: Option<u64>) {
        self.what = what;
        self.expected = expected;
        self.frames = 0;
        self.start = Instant::now();
    }

    /// Counts a frame.
    pub(crate) fn count(&mut self, observation: &Observation) {
        // A file's frames count up; a camera's are counted one by one.
        self.frames = match self.expected {
            Some(_) => observation.meta.seq + 1,
            None => self.frames + 1,
        };
    }

    /// Shows the progress if it is time.
    pub(crate) fn show(&mut self, summary: &Summary) {
        let now = Instant::now();
        let hidden = self.bar.is_hidden();
        let interval = if hidden { LINE_INTERVAL } else { TERMINAL_INTERVAL };
        if self.quiet || now.saturating_duration_since(self.shown) < interval {
            return;
        }
        self.shown = now;
        let line = self.line(now, summary);
        if hidden {
            terminal::message(line);
        } else {
            self.bar.set_message(line);
            self.bar.tick();
        }
    }

    /// Removes the line from the terminal.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, now: Instant, summary: &Summary) -> String {
        let Self { what, frames, .. } = self;
        let seconds = now.saturating_duration_since(self.start).as_secs_f64();
        let rate = *frames as f64 / seconds.max(1e-9);
        let expected = match self.expected {
            Some(expected) if expected > 0 => {
                let percent = 100 * (*frames).min(expected) / expected;
                format!(" of {expected} ({percent} %)")
            }
            _ => String::new(),
        };
        let tracks = counted(summary.tracks().count() as u64, "track");
        let persons = counted(summary.persons().len() as u64, "person");
        format!("{what}: {frames}{expected} frames, {rate:.1}/s; {tracks}, {persons} so far")
    }
}

#[cfg(test)]
mod tests {
    use passerby::types::FrameMeta;

    use super::*;

    fn line_after(progress: &mut Progress, seqs: std::ops::Range<u64>, time: Duration) -> String {
        for seq in seqs {
            progress.count(&Observation::new(FrameMeta::new(0, seq), 640, 360));
        }
        progress.line(progress.start + time, &Summary::default())
    }

    #[test]
    fn a_file_shows_how_much_of_it_is_done() {
        let mut progress = Progress::new(true);
        progress.begin("door.mp4 (2 of 5)".into(), Some(240));
        let line = line_after(&mut progress, 0..60, Duration::from_secs(2));
        assert_eq!(line, "door.mp4 (2 of 5): 60 of 240 (25 %) frames, 30.0/s; 0 tracks, 0 persons so far");
    }

    #[test]
    fn cameras_show_the_frames_so_far() {
        let mut progress = Progress::new(true);
        progress.begin("2 cameras".into(), None);
        let line = line_after(&mut progress, 100..150, Duration::from_secs(2));
        assert_eq!(line, "2 cameras: 50 frames, 25.0/s; 0 tracks, 0 persons so far");
    }
}
