//! Presentation times that rise.

use std::time::Duration;

/// Between two pictures whose own times do not rise.
const TICK: Duration = Duration::from_micros(1);

/// Makes a live source's times rise: one that does not is a microsecond after the last one given.
#[derive(Debug, Default)]
pub(crate) struct Rising(Option<Duration>);

impl Rising {
    /// The time that stands for this one.
    pub(crate) fn give(&mut self, time: Duration) -> Duration {
        let time = self.0.map_or(time, |last| time.max(last.saturating_add(TICK)));
        self.0 = Some(time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_rise_is_a_microsecond_later() {
        let mut rising = Rising::default();
        let given = [5, 9, 9, 3, 12].map(|us| rising.give(Duration::from_micros(us)).as_micros());
        assert_eq!(given, [5, 9, 10, 11, 12]);
        assert_eq!([rising.give(Duration::MAX), rising.give(Duration::MAX)], [Duration::MAX; 2]);
    }
}
