//! The inputs and outputs of the governor.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use passerby_types::CameraId;

/// The range of choices of a [`Governor`](crate::Governor), and its goal.
///
/// If a range has one value, the governor never changes it. An empty range counts as its start alone.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct GovernorLimits {
    /// The number of detection workers; 0 counts as 1.
    pub workers: RangeInclusive<usize>,
    /// The cadence: the detector runs on one of every `cadence` frames; 0 counts as 1.
    pub cadence: RangeInclusive<u64>,
    /// The detail: a factor on the size of the detector's input, from 0.1 to 1. The governor lowers it after the cadence has
    /// reached its limit. With `1.0..=1.0` it stays; this is right for a detector that ignores
    /// [`FrameMeta::detail`](passerby_types::FrameMeta::detail), for example one with an input of a fixed size.
    pub detail: RangeInclusive<f32>,
    /// The goal for the 95th percentile of the age of observations: the time from a frame's capture until its observation.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_age_p95: Duration,
}

impl Default for GovernorLimits {
    /// Returns one or two workers, a cadence of 1 to 6, a detail of 0.6 to 1, and an age of 120 ms. At 24 frames a second, a
    /// cadence of 6 detects four times a second, which is about as long as a tracker coasts well, and 120 ms are three frames. A
    /// look with a detail of 0.6 costs about a third, and finds faces from five thirds of the usual size on.
    fn default() -> Self {
        Self { workers: 1..=2, cadence: 1..=6, detail: 0.6..=1.0, max_age_p95: Duration::from_millis(120) }
    }
}

/// The load of one camera since the last decision.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CameraLoad {
    /// The camera.
    pub camera: CameraId,
    /// The captured frames per second, or 0 if the camera is silent.
    pub rate: f64,
    /// The frame rate that the camera states, or `None` if it states none.
    pub stated_rate: Option<f64>,
    /// The 95th percentile of the age of its observations, or `None` if there were none.
    pub age_p95: Option<Duration>,
    /// The number of frames that its full queue refused or displaced. They were dropped or left to the tracker.
    pub overrun: u64,
    /// How full its queue was on average, 0 to 1.
    pub queue_fill: f32,
}

/// The load since the last decision, which should be about a second ago.
///
/// A number that is NaN, negative or infinite counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GovernorLoad<'a> {
    /// The number of detection workers.
    pub workers: usize,
    /// The share of their time that the workers spent in detections, 0 to 1.
    pub worker_use: f32,
    /// The typical elapsed time of a detection, or zero if there were no detections.
    pub detection_time: Duration,
    /// The number of CPUs that this process may use, or 0 if it is unknown.
    pub cores: usize,
    /// The idle share of the CPU time that this process may use, 0 to 1, or `None` if it is unknown. The time of processes
    /// with a low priority (`nice`) should count as idle, because they give way.
    pub idle: Option<f32>,
    /// The cameras in any order, each once. A camera that is not in the list has ended.
    pub cameras: &'a [CameraLoad],
}

/// The decision of a governor. [`Governor::cadence`](crate::Governor::cadence) returns the cadence of each camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GovernorDecision {
    /// The number of detection workers.
    pub workers: usize,
    /// The greatest cadence of any camera, or the least of the limits if there are no cameras.
    pub cadence: u64,
    /// The detail with which the detector looks at all frames; see
    /// [`FrameMeta::detail`](passerby_types::FrameMeta::detail).
    pub detail: f32,
    /// True if the number of workers, the detail or the cadence of a camera changes, or a camera is new or gave its first frames.
    pub changed: bool,
    /// The reason for the decision.
    pub reason: GovernorReason,
}

/// The reason for a governor's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GovernorReason {
    /// The machine carries the load, and a change would gain nothing.
    Steady,
    /// Frames found the queue full. The governor adds workers, thins detection or lowers the detail.
    Dropping,
    /// Observations came too late. The governor adds workers, thins detection or lowers the detail.
    Late,
    /// Queues are filling. The governor adds workers, thins detection or lowers the detail.
    Filling,
    /// The workers are hardly ever free. The governor adds workers, thins detection or lowers the detail.
    Busy,
    /// Frames found the queue full although the machine had room, or only cameras that catch up after a stall did. The
    /// governor ignores this for up to two decisions in a row.
    Hiccup,
    /// The load is too high, and the limits allow neither more workers nor less detection.
    Overloaded,
    /// The machine had room for a while. The governor raises the detail, or detects on more frames.
    Spare,
    /// Workers were idle for a while. The governor removes one.
    Idle,
}

impl GovernorReason {
    /// Returns the reason in one word, as summaries and metrics show it.
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
