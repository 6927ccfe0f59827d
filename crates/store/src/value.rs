//! Numbers and times as files hold them.

use std::time::{Duration, SystemTime};

use passerby_types::Attributes;

/// The number where it is one: NaN and the infinities have no place in a file.
pub(crate) fn finite(value: f32) -> Option<f64> {
    value.is_finite().then_some(f64::from(value))
}

/// The attributes where all of their numbers are ones.
pub(crate) fn known(attributes: Option<Attributes>) -> Option<Attributes> {
    attributes.filter(|a| [a.age.years, a.age.low, a.age.high, a.p_male].iter().all(|v| v.is_finite()))
}

/// Microseconds since 1970-01-01 00:00 UTC, rounded down; `None` beyond 292,000 years from it.
pub(crate) fn micros(wall: SystemTime) -> Option<i64> {
    match wall.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos().div_ceil(1000)).ok().map(|us| -us),
    }
}

/// The time of day of [`micros`]; 1970 where the system's clock cannot show it.
pub(crate) fn wall(micros: i64) -> SystemTime {
    let span = Duration::from_micros(micros.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let wall = if micros < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) };
    wall.unwrap_or(epoch)
}

/// The time of day in UTC as RFC 3339 writes it, with microseconds; `None` outside the years 0 to 9999.
pub(crate) fn rfc3339(wall: SystemTime) -> Option<String> {
    const DAY: i64 = 86_400_000_000;
    let micros = micros(wall)?;
    let (year, month, day) = civil(micros.div_euclid(DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let rest = micros.rem_euclid(DAY);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{fraction:06}Z"))
}

/// Year, month and day of a day counted from 1970-01-01: `civil_from_days` of Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_written_as_rfc_3339_says() {
        let text = |micros| rfc3339(wall(micros));
        assert_eq!(text(0).unwrap(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(1_767_225_600_040_000).unwrap(), "2026-01-01T00:00:00.040000Z");
        assert_eq!(text(1_709_164_800_000_001).unwrap(), "2024-02-29T00:00:00.000001Z");
        assert_eq!(text(-1).unwrap(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(253_402_300_800_000_000), None);
    }

    #[test]
    fn microseconds_come_back() {
        for us in [0, 1, -1, 1_767_225_600_123_456, -62_000_000_000_000_000] {
            assert_eq!(micros(wall(us)), Some(us));
        }
        let odd = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(micros(odd), Some(-1));
    }
}
