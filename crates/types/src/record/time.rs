//! The time of day as RFC 3339 writes it.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A time of day, in microseconds since 1970-01-01 00:00 UTC, in the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WallTime(i64);

/// Returns the time of day, or 1970-01-01 00:00 UTC if `wall` is `None` or the system's clock cannot show it.
pub(super) fn wall_or_epoch(wall: Option<WallTime>) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH;
    let Some(WallTime(micros)) = wall else { return epoch };
    let span = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) };
    time.unwrap_or(epoch)
}

impl WallTime {
    /// Returns the time rounded down to microseconds, or `None` if it is outside the years 0 to 9999.
    pub(super) fn in_years(wall: SystemTime) -> Option<Self> {
        let micros = match wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_nanos().div_ceil(1000)).ok()?,
        };
        let (year, ..) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
        (0..=9999).contains(&year).then_some(Self(micros))
    }

    /// Reads a time in UTC, with or without a fraction of a second. Returns `None` if `text` is not one.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let (date, time) = text.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [year, month, day] = split_digits(date, '-', [4, 2, 2])?;
        let [hours, minutes, seconds] = split_digits(time, ':', [2, 2, 2])?;
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) || hours > 23 || minutes > 59 || seconds > 60 {
            return None;
        }
        let in_day = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros_of_fraction(fraction)?;
        Some(Self(days * MICROS_PER_DAY + in_day))
    }
}

/// Splits `text` into three numbers of these lengths.
fn split_digits(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        *number = parts.next().filter(|part| part.len() == length).and_then(digits)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Returns the microseconds of the digits behind a decimal point, rounded down.
fn micros_of_fraction(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: String = text.chars().chain("000000".chars()).take(6).collect();
    digits(&micros)
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MICROS_PER_DAY));
        let in_day = self.0.rem_euclid(MICROS_PER_DAY);
        let seconds = in_day / 1_000_000;
        let fraction = in_day % 1_000_000;
        let h = seconds / 3600;
        let m = seconds / 60 % 60;
        let s = seconds % 60;
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{fraction:06}Z")
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = WallTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in UTC such as 2026-01-01T00:00:00.480000Z")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<WallTime, E> {
                WallTime::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Returns year, month and day of a day counted from 1970-01-01: `civil_from_days` of Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

/// Returns the day, counted from 1970-01-01, of year, month and day: `days_from_civil` of the same paper.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_rfc_3339_says() {
        let text =
            |micros| WallTime::in_years(wall_or_epoch(Some(WallTime(micros)))).map(|time| time.to_string());
        assert_eq!(text(0).unwrap(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(1_767_225_600_040_000).unwrap(), "2026-01-01T00:00:00.040000Z");
        assert_eq!(text(1_709_164_800_000_001).unwrap(), "2024-02-29T00:00:00.000001Z");
        assert_eq!(text(-1).unwrap(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(253_402_300_800_000_000), None);
    }

    #[test]
    fn a_part_of_a_microsecond_is_rounded_down() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(WallTime::in_years(before), Some(WallTime(-1)));
    }

    #[test]
    fn a_fraction_may_have_any_length() {
        let micros = |text| WallTime::parse(text).map(|time| time.0);
        assert_eq!(micros("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(micros("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:01.1234569Z"), Some(1_123_456));
    }

    #[test]
    fn text_that_is_not_a_time_is_refused() {
        for text in
            ["", "Z", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-02-30T00:00:00Z", "1970-1-1T0:0:0Z"]
        {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
        for text in [
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.-5Z",
            "1970-01-01T00:00:00.123456xZ",
            "+970-01-01T00:00:00Z",
        ] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let time = WallTime(micros);
            prop_assert_eq!(WallTime::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = WallTime::parse(&text);
        }
    }
}
