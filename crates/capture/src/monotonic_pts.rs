//! Presentation times that always rise.

use std::time::Duration;

use passerby_types::Timestamp;

/// The step from one picture to the next if the source's own times don't rise.
pub(crate) const MIN_PTS_STEP: Duration = Duration::from_micros(1);

/// Makes the presentation times of a source rise.
///
/// If a time isn't above the one before, a microsecond after the one before stands in for it.
#[derive(Debug, Default)]
pub(crate) struct MonotonicPts(Option<Duration>);

impl MonotonicPts {
    /// Returns `pts` itself, or the earliest time that is still above the last one returned.
    pub(crate) fn next(&mut self, pts: Duration) -> Duration {
        let pts = self.0.map_or(pts, |last| pts.max(last.saturating_add(MIN_PTS_STEP)));
        self.0 = Some(pts);
        pts
    }
}

/// Presentation times that rise over all connections, and include the time between them.
#[derive(Debug, Default)]
pub(crate) struct ContinuousPts {
    monotonic: MonotonicPts,
    /// The last time returned, and when it was returned.
    last: Option<(Duration, Timestamp)>,
    /// The first time of the connection, and the time that stands for it.
    zero: Option<(Duration, Duration)>,
}

impl ContinuousPts {
    /// Begins a new connection.
    pub(crate) fn begin(&mut self) {
        self.zero = None;
    }

    /// Returns the time that stands for the connection's own time of a picture that came at `now`.
    pub(crate) fn next(&mut self, own: Duration, now: Timestamp) -> Duration {
        let (zero, base) = *self.zero.get_or_insert_with(|| match self.last {
            None => (own, own),
            Some((last, at)) => (own, last.saturating_add(now.since(at))),
        });
        let pts = self.monotonic.next(base.saturating_add(own.saturating_sub(zero)));
        self.last = Some((pts, now));
        pts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_does_not_rise_becomes_a_microsecond_later() {
        let mut times = MonotonicPts::default();
        let given = [5, 9, 9, 3, 12].map(|us| times.next(Duration::from_micros(us)).as_micros());
        assert_eq!(given, [5, 9, 10, 11, 12]);
    }

    #[test]
    fn the_largest_time_stays_the_largest() {
        let mut times = MonotonicPts::default();
        assert_eq!([times.next(Duration::MAX), times.next(Duration::MAX)], [Duration::MAX; 2]);
    }
}
