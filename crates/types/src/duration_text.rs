//! Durations in configuration files, as text with a unit.
//!
//! Needs the feature `serde`. A settings struct uses it with `#[serde(with = "passerby_types::duration_text")]`. The text is a
//! number and a unit: `ms`, `s`, `min`, `h` or `d`. The number may have a fraction and must not be negative. Written
//! durations have the largest unit that makes the number a whole one, or seconds with a fraction.
//!
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Camera {
//!     #[serde(with = "passerby_types::duration_text")]
//!     timeout: Duration,
//! }
//!
//! let camera: Camera = serde_json::from_str(r#"{ "timeout": "1.5s" }"#)?;
//! assert_eq!(camera.timeout, Duration::from_millis(1500));
//! assert_eq!(serde_json::to_string(&camera)?, r#"{"timeout":"1500ms"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde::ser::Serializer;

/// The units by rising length, in nanoseconds.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Writes a duration, for example `"500ms"`.
///
/// # Errors
/// The serializer's error.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(*duration))
}

/// Reads a duration, for example from `"500ms"`.
///
/// # Errors
/// The deserializer's error, or one with the expected form if the text is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&Cow::<'de, str>::deserialize(deserializer)?)
}

/// Durations that may be missing: `"never"` is `None`.
///
/// A settings struct uses it with `#[serde(with = "passerby_types::duration_text::or_never")]`.
pub mod or_never {
    use std::borrow::Cow;
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    const NEVER: &str = "never";

    /// Writes a duration, or `"never"` for `None`.
    ///
    /// # Errors
    /// The serializer's error.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_str(NEVER),
        }
    }

    /// Reads a duration, or `None` from `"never"`.
    ///
    /// # Errors
    /// The deserializer's error, or one with the expected form if the text is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text == NEVER { Ok(None) } else { super::parse(&text).map(Some) }
    }
}

fn to_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let whole = UNITS.iter().rev().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)));
    match whole {
        Some(_) if nanos == 0 => "0s".into(),
        Some((name, unit)) => format!("{}{name}", nanos / u128::from(*unit)),
        None => {
            format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos()).trim_end_matches('0').to_owned()
                + "s"
        }
    }
}

fn parse<E: Error>(text: &str) -> Result<Duration, E> {
    let wrong = || {
        E::invalid_value(Unexpected::Str(text), &"a time with a unit (ms, s, min, h, d), such as \"1.5s\"")
    };
    let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    // More digits than nine are below a nanosecond of the largest unit that matters.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let fraction: u128 = fraction.parse().map_err(|_| wrong())?;
    let nanos = u128::from(whole) * u128::from(unit) + fraction * u128::from(unit) / scale;
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| wrong())?;
    Ok(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Duration> {
        parse::<serde::de::value::Error>(text).ok()
    }

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in [
            ("80ms", 80),
            ("0s", 0),
            ("1.5s", 1500),
            ("2 min", 120_000),
            ("0.5h", 1_800_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(read(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            ".5s",
            "1.s",
            "1e3s",
            "5 years",
            "1.2.3s",
            "99999999999999999999s",
            "300000000000000d",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn every_duration_survives_a_round_trip() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(80), "80ms"),
            (Duration::from_secs(90), "90s"),
            (Duration::from_secs(7200), "2h"),
            (Duration::from_secs(86_400 * 30), "30d"),
            (Duration::from_nanos(1_000_000_001), "1.000000001s"),
            (Duration::from_micros(250), "0.00025s"),
            (Duration::from_secs(u64::MAX), "18446744073709551615s"),
        ] {
            assert_eq!(to_text(duration), text);
            assert_eq!(read(text), Some(duration), "{text}");
        }
    }
}
