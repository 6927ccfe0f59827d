//! The unit of time in the MP4.

use std::time::Duration;

/// The units of time in a second. H.264 over RTP counts in these.
pub(crate) const TIMESCALE: u32 = 90_000;

/// Converts a time to units of 1/90,000 s, rounded to the nearest.
pub(crate) fn ticks(time: Duration) -> u64 {
    let nanos = time.as_nanos().saturating_mul(u128::from(TIMESCALE));
    u64::try_from((nanos + 500_000_000) / 1_000_000_000).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_the_nearest_tick() {
        let all = [0, 5_555, 5_556, 11_111, 1_000_000_000].map(|nanos| ticks(Duration::from_nanos(nanos)));
        assert_eq!(all, [0, 0, 1, 1, 90_000]);
        assert!(ticks(Duration::MAX) > ticks(Duration::from_secs(1 << 40)));
    }
}
