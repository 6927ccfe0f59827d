//! Presentation times that always rise.

use std::time::Duration;

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
