//! What a governor is told and what it answers.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use passerby_types::CameraId;

/// What a [`Governor`](crate::Governor) may choose from, and what it aims at.
///
/// A range of one value is a fixed setting: it is never changed. A range that is empty counts as its start alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GovernorLimits {
    /// How many detection workers there may be. 0 counts as 1.
    pub workers: RangeInclusive<usize>,
    /// How thin detection may be: the detector runs on every `cadence`-th frame. 0 counts as 1.
    pub cadence: RangeInclusive<u64>,
    /// How old, from capture to its observation, 19 of 20 results may be.
    pub age: Duration,
}

impl Default for GovernorLimits {
    /// One worker or two, the detector on every frame down to every sixth (four times a second at 24 frames a second,
    /// about as long as a tracker coasts well), and 120 ms, three frames at that rate.
    fn default() -> Self {
        Self { workers: 1..=2, cadence: 1..=6, age: Duration::from_millis(120) }
    }
}

/// What was measured of one camera since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CameraLoad {
    /// Which camera.
    pub camera: CameraId,
    /// Frames captured a second, of which some are detected on. 0: it is silent.
    pub rate: f64,
    /// Frames a second that the camera says it has. `None`: it does not say.
    pub stated: Option<f64>,
    /// The age that 19 of 20 of its results were below, or `None` where it had none.
    pub age_p95: Option<Duration>,
    /// Frames that its full queue had no place for or that made room there: dropped, or left to the tracker alone.
    pub overrun: u64,
    /// Frames in its queue as a share of the queue's capacity, the mean over time, 0 to 1.
    pub fill: f32,
}

/// What was measured since the last tick, which should be about a second ago.
///
/// A number that is none, negative or infinite counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GovernorLoad<'a> {
    /// Detection workers running now.
    pub workers: usize,
    /// The share of their time that they spent in detections, 0 to 1.
    pub busy: f32,
    /// The mean time of a detection by the clock on the wall. Zero where there was none.
    pub call: Duration,
    /// The CPUs that this process may use. 0: unknown.
    pub cores: usize,
    /// The share of the CPU time that this process may use that was idle, 0 to 1, whoever used the rest. `None`: unknown. What
    /// processes of low priority (nice) used is better counted as idle, since they give way.
    pub idle: Option<f32>,
    /// The cameras there are, in any order, each once. One that is absent has ended.
    pub cameras: &'a [CameraLoad],
}

/// What is to be from now on. What each camera gets is [`Governor::cadence`](crate::Governor::cadence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GovernorDecision {
    /// Detection workers.
    pub workers: usize,
    /// The greatest cadence of any camera; without cameras the least of the limits.
    pub cadence: u64,
    /// True where the workers or the cadence of a camera are to be others than before, or a camera is new
    /// or has given its first frames.
    pub changed: bool,
    /// Why.
    pub reason: GovernorReason,
}

/// Why a decision is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GovernorReason {
    /// Nothing is amiss and nothing is to be gained.
    Steady,
    /// Frames found the queue full: more workers or less detection.
    Dropping,
    /// Results came too late: more workers or less detection.
    Late,
    /// Queues are filling: more workers or less detection.
    Filling,
    /// The workers are hardly ever free: more workers or less detection.
    Busy,
    /// Frames found the queue full although there was room, or only by cameras that stalled and catch up: nothing, for up to two
    /// ticks in a row.
    Hiccup,
    /// Queues are full, or results late or about to be, and the limits allow no more workers and no less detection.
    Overloaded,
    /// There was room for a while: more detection.
    Spare,
    /// Workers had nothing to do for a while: fewer.
    Idle,
}

impl GovernorReason {
    /// The reason in one word, as it stands in summaries and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Dropping => "dropping",
            Self::Late => "late",
            Self::Filling => "filling",
            Self::Busy => "busy",
            Self::Hiccup => "hiccup",
            Self::Overloaded => "overloaded",
            Self::Spare => "spare",
            Self::Idle => "idle",
        }
    }
}

impl fmt::Display for GovernorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
