//! Conversions between numbers and times, and the values that a database file holds.

use std::time::{Duration, SystemTime};

use crate::error::StoreFault;

/// Returns the number, or `None` if it is NaN or infinite.
pub(super) fn finite(value: f32) -> Option<f64> {
    value.is_finite().then_some(f64::from(value))
}

/// Returns the number as SQLite holds it. `name` stands for it in the error.
///
/// # Errors
/// [`StoreFault::Range`] if the number is larger than 2^63 - 1.
pub(super) fn integer(name: &'static str, value: u64) -> Result<i64, StoreFault> {
    i64::try_from(value).map_err(|_| StoreFault::Range { what: name, value: value.to_string() })
}

/// Returns a length of time in whole microseconds, at most 2^63 - 1.
pub(super) fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the microseconds since 1970-01-01 00:00 UTC, rounded down, or `None` if `wall` is more than 292,000 years away
/// from it.
pub(super) fn micros(wall: SystemTime) -> Option<i64> {
    match wall.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos().div_ceil(1000)).ok().map(|us| -us),
    }
}

/// Returns the time of day of [`micros`], or 1970-01-01 if the system's clock cannot show it.
pub(super) fn wall(micros: i64) -> SystemTime {
    let span = Duration::from_micros(micros.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let wall = if micros < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) };
    wall.unwrap_or(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_come_back() {
        for us in [0, 1, -1, 1_767_225_600_123_456, -62_000_000_000_000_000] {
            assert_eq!(micros(wall(us)), Some(us));
        }
    }

    #[test]
    fn a_part_of_a_microsecond_is_rounded_down() {
        let odd = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(micros(odd), Some(-1));
    }
}
