//! The count of every frame: no frame is lost silently.

use std::collections::BTreeMap;
use std::fmt;

/// The reason why a frame was dropped.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The source could not decode it.
    Undecodable,
    /// The network or the camera lost a part of it.
    Network,
    /// It waited too long at the source, because the reader or the machine was too slow.
    Stale,
    /// A queue was full, and a newer frame took its place.
    QueueFull,
    /// A stage failed on it.
    StageFailed,
    /// It came back from a stage after its camera had gone on without it.
    Late,
    /// It was still in a queue when the pipeline stopped.
    Stopped,
}

impl DropReason {
    /// Returns the name of the reason in summaries, metrics and JSON, for example "queue_full".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Network => "network",
            Self::Stale => "stale",
            Self::QueueFull => "queue_full",
            Self::StageFailed => "stage_failed",
            Self::Late => "late",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The counts of the frames of one camera, or the sums of several cameras.
///
/// At every moment `captured = analysed + coasted + dropped + in_flight`.
///
/// ```
/// use passerby_types::{DropReason, Ledger};
///
/// let mut ledger = Ledger::default();
/// ledger.capture();
/// ledger.capture();
/// ledger.analyse();
/// ledger.drop_frame(DropReason::QueueFull);
/// assert!(ledger.balances());
/// assert_eq!((ledger.captured, ledger.dropped_total()), (2, 1));
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Frames that the source returned or lost.
    pub captured: u64,
    /// Frames that the detector ran on.
    pub analysed: u64,
    /// Frames that only the tracker handled.
    pub coasted: u64,
    /// Frames dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Frames between the source and their result.
    pub in_flight: u64,
}

impl Ledger {
    /// Counts a frame that the source returned. It is in flight until one of the other methods counts it.
    pub fn capture(&mut self) {
        self.captured += 1;
        self.in_flight += 1;
    }

    /// Counts a frame in flight as analysed.
    pub fn analyse(&mut self) {
        self.analysed += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Counts a frame in flight as coasted.
    pub fn coast(&mut self) {
        self.coasted += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Counts a frame in flight as dropped.
    pub fn drop_frame(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Counts frames that the source lost: as captured and as dropped.
    pub fn lose(&mut self, frames: u64, reason: DropReason) {
        if frames > 0 {
            self.captured += frames;
            *self.dropped.entry(reason).or_default() += frames;
        }
    }

    /// Returns the number of dropped frames over all reasons.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Returns true if every captured frame is counted exactly once.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.captured == self.analysed + self.coasted + self.dropped_total() + self.in_flight
    }

    /// Adds the counts of another camera.
    pub fn add(&mut self, other: &Self) {
        self.captured += other.captured;
        self.analysed += other.analysed;
        self.coasted += other.coasted;
        self.in_flight += other.in_flight;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a ledger of ten frames, three of them dropped, which was checked at every moment.
    fn ten_frames() -> Ledger {
        let mut ledger = Ledger::default();
        for i in 0..10 {
            ledger.capture();
            assert!(ledger.balances());
            match i % 3 {
                0 => ledger.analyse(),
                1 => ledger.coast(),
                _ => ledger.drop_frame(DropReason::StageFailed),
            }
            assert!(ledger.balances());
        }
        ledger
    }

    #[test]
    fn a_sum_of_ledgers_balances() {
        let ledger = ten_frames();
        let mut sum = ledger.clone();
        sum.add(&ledger);
        assert_eq!((sum.captured, sum.dropped_total(), sum.balances()), (20, 6, true));
    }

    #[test]
    fn lost_frames_are_captured_and_dropped() {
        let mut ledger = ten_frames();
        ledger.lose(0, DropReason::Network);
        ledger.lose(1 << 40, DropReason::Stale);
        assert_eq!((ledger.captured, ledger.dropped.len(), ledger.balances()), (10 + (1 << 40), 2, true));
    }

    #[test]
    fn a_frame_that_is_counted_twice_breaks_the_balance() {
        let mut ledger = ten_frames();
        ledger.analyse();
        assert!(!ledger.balances());
    }
}
