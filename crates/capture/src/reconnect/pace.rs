//! How long a camera may be silent before its connection is given up.

use std::collections::VecDeque;
use std::time::Duration;

use passerby_types::Timestamp;

/// The intervals between pictures that count.
const INTERVALS: usize = 8;
/// A camera may be silent for this number of its longest intervals.
const MARGIN: u32 = 3;
/// The longest limit that follows from the pace. A longer one must be set.
const LONGEST: Duration = Duration::from_secs(60);

/// The pace of a camera, over all its connections.
///
/// A camera that sends a picture in seven seconds is not broken after five. So the limit follows the latest intervals. Before
/// there are any, and after a stall, the camera may simply be slow, and the limit grows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    intervals: VecDeque<Duration>,
    /// The last picture of this connection.
    last: Option<Timestamp>,
    /// How long the first picture of a connection may take, if a shorter limit was not enough.
    first: Duration,
}

impl Pace {
    /// Returns how long no picture may come, if the setting is `shortest`.
    pub(super) fn limit(&self, shortest: Duration) -> Duration {
        let own = match (self.last, self.intervals.iter().max()) {
            (None, _) => self.first,
            (Some(_), Some(longest)) => longest.saturating_mul(MARGIN),
            (Some(_), None) => shortest.saturating_mul(MARGIN),
        };
        own.min(LONGEST).max(shortest)
    }

    /// Begins another connection.
    pub(super) fn connect(&mut self) {
        self.last = None;
    }

    /// Learns from a picture that came at `now`.
    pub(super) fn picture(&mut self, now: Timestamp) {
        if let Some(last) = self.last.replace(now) {
            self.learn(now.since(last));
        }
    }

    /// Learns from a connection that was given up after no picture came for `after`. The next one may be silent for twice as
    /// long.
    pub(super) fn stall(&mut self, after: Duration) {
        if self.last.is_some() {
            self.learn(after.saturating_mul(2) / MARGIN);
        } else {
            self.first = after.saturating_mul(2);
        }
    }

    fn learn(&mut self, interval: Duration) {
        self.intervals.truncate(INTERVALS - 1);
        self.intervals.push_front(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(Duration::from_secs(seconds))
    }

    #[test]
    fn the_limit_follows_the_latest_intervals() {
        let mut pace = Pace::default();
        let limit = |pace: &Pace| pace.limit(5 * SECOND).as_secs();
        assert_eq!(limit(&pace), 5);
        pace.picture(at(0));
        assert_eq!(limit(&pace), 15, "the pace is not known yet");
        pace.picture(at(7));
        assert_eq!(limit(&pace), 21);
        for second in 8..16 {
            pace.picture(at(second));
        }
        assert_eq!(limit(&pace), 5, "a picture a second");
        pace.picture(at(900));
        assert_eq!(limit(&pace), 60, "the longest one");
        assert_eq!(pace.limit(90 * SECOND).as_secs(), 90, "unless a longer one is set");
    }

    #[test]
    fn a_stall_doubles_the_limit_until_the_pace_is_known() {
        let mut pace = Pace::default();
        let limit = |pace: &Pace| pace.limit(5 * SECOND).as_secs();
        pace.stall(5 * SECOND);
        pace.connect();
        assert_eq!(limit(&pace), 10, "before the first picture");
        pace.picture(at(0));
        pace.stall(15 * SECOND);
        pace.connect();
        pace.picture(at(100));
        assert_eq!(limit(&pace), 30);
        for second in 101..109 {
            pace.picture(at(second));
        }
        assert_eq!(limit(&pace), 5);
    }
}
