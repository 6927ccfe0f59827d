//! When the pictures of a played camera are due.

use std::time::Duration;

use passerby_types::Timestamp;

use crate::monotonic_pts::MIN_PTS_STEP;

/// The frame rate of a source that doesn't declare one.
pub(super) const DEFAULT_RATE: f64 = 25.0;
/// How late pictures may be before the camera stops catching up.
pub(super) const MAX_LATENESS: Duration = Duration::from_secs(1);

/// The schedule of a played camera. Its time counts from the first picture.
pub(super) struct Schedule {
    /// Pictures per second. `None`: the source's own times apply.
    pub(super) rate: Option<f64>,
    /// The time from picture to picture for those without a time of their own.
    pub(super) step: Duration,
    /// When the first picture was due.
    start: Option<Timestamp>,
    /// How far the schedule has moved since then.
    pub(super) moved: Duration,
    /// The pictures on the schedule until now, including lost ones.
    pub(super) scheduled: u64,
    /// The camera's time at which the running loop begins.
    base: Duration,
    /// The source's own time of the loop's first picture.
    zero: Option<Duration>,
    /// The camera's time of the last picture.
    last: Duration,
}

impl Schedule {
    pub(super) fn new(rate: Option<f64>, step: Duration) -> Self {
        Self {
            rate,
            step,
            start: None,
            moved: Duration::ZERO,
            scheduled: 0,
            base: Duration::ZERO,
            zero: None,
            last: Duration::ZERO,
        }
    }

    /// Lets the source's own times count from zero again.
    pub(super) fn reset(&mut self) {
        self.base = Duration::ZERO;
        self.zero = None;
    }

    /// Begins the next loop, one step after the last picture.
    pub(super) fn begin_loop(&mut self) {
        self.base = self.last.saturating_add(self.step);
        self.zero = None;
    }

    /// Returns the camera's time of the next picture, whose own time is `pts`.
    pub(super) fn time(&mut self, pts: Option<Duration>) -> Duration {
        if let Some(rate) = self.rate {
            return Duration::from_secs_f64(self.scheduled as f64 / rate);
        }
        let is_first = self.start.is_none();
        let Some(pts) = pts else {
            return if is_first { Duration::ZERO } else { self.last.saturating_add(self.step) };
        };
        let time = self.base.saturating_add(pts.saturating_sub(*self.zero.get_or_insert(pts)));
        if is_first { time } else { time.max(self.last.saturating_add(MIN_PTS_STEP)) }
    }

    /// Returns the time played until `now`, the time at which the picture of the camera's time `time` is due, and the number of
    /// pictures by which this moved the schedule.
    ///
    /// If the picture is much too late, this moves the schedule by whole pictures.
    pub(super) fn played_and_due(&mut self, time: Duration, now: Timestamp) -> (Duration, Duration, u64) {
        let played = now.since(*self.start.get_or_insert(now));
        let due = time.saturating_add(self.moved);
        let late = played.saturating_sub(due);
        if late <= MAX_LATENESS.max(self.step) {
            return (played, due, 0);
        }
        let phase = late.as_nanos() % self.step.as_nanos();
        let move_by = late - Duration::from_nanos(u64::try_from(phase).unwrap_or(0));
        self.moved += move_by;
        let pictures = u64::try_from(move_by.as_nanos() / self.step.as_nanos()).unwrap_or(u64::MAX);
        (played, due + move_by, pictures)
    }

    /// Records that the picture of the camera's time `time` was returned or lost.
    pub(super) fn advance(&mut self, time: Duration) {
        self.scheduled += 1;
        self.last = time;
    }
}
