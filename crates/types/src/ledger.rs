//! The count of every frame: nothing is lost silently.

use std::collections::BTreeMap;
use std::fmt;

/// Why a frame was dropped.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The source could not make a picture of it.
    Undecodable,
    /// The network, or the camera itself, lost it: it never arrived whole.
    Network,
    /// It waited too long at the source, since reader or machine were too slow.
    Stale,
    /// A newer frame took its place in a full queue.
    QueueFull,
    /// A stage failed on it.
    StageFailed,
    /// It came back from a stage when its camera had already gone on without it.
    Late,
    /// It was still waiting when the pipeline had to stop.
    Stopped,
}

impl DropReason {
    /// The reason in one word, as it stands in summaries and metrics.
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

/// The frames of one camera, or of several added up. At every moment
/// `captured = analysed + coasted + dropped + in_flight`.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Frames the source gave or lost.
    pub captured: u64,
    /// Frames the detector ran on.
    pub analysed: u64,
    /// Frames on which the tracker alone moved its tracks.
    pub coasted: u64,
    /// Frames dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Frames that are on their way.
    pub in_flight: u64,
}

impl Ledger {
    /// A frame came in.
    pub fn capture(&mut self) {
        self.captured += 1;
        self.in_flight += 1;
    }

    /// A frame that was on its way was analysed.
    pub fn analyse(&mut self) {
        self.analysed += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A frame that was on its way was coasted over.
    pub fn coast(&mut self) {
        self.coasted += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A frame that was on its way was dropped.
    pub fn drop_frame(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// So many frames never came in: they are captured and dropped at once.
    pub fn lose(&mut self, frames: u64, reason: DropReason) {
        if frames > 0 {
            self.captured += frames;
            *self.dropped.entry(reason).or_default() += frames;
        }
    }

    /// How many frames were dropped, for whatever reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// True where the count adds up.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.captured == self.analysed + self.coasted + self.dropped_total() + self.in_flight
    }

    /// Adds another camera's count.
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

    #[test]
    fn the_count_adds_up_at_every_moment_and_shows_a_frame_counted_twice() {
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
        let mut sum = ledger.clone();
        sum.add(&ledger);
        assert_eq!((sum.captured, sum.dropped_total(), sum.balances()), (20, 6, true));
        sum.lose(0, DropReason::Network);
        sum.lose(1 << 40, DropReason::Stale);
        assert_eq!((sum.captured, sum.dropped.len(), sum.balances()), (20 + (1 << 40), 2, true));
        ledger.analyse();
        assert!(!ledger.balances());
    }
}
