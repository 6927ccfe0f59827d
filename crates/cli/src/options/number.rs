//! Numbers and times in a range.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Returns a reader of numbers within `range`.
pub(crate) fn number<T: Clone + Display + FromStr + PartialOrd>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let found = text.parse().ok().filter(|number| range.contains(number));
        found.ok_or_else(|| format!("expected a number from {} to {}", range.start(), range.end()))
    }
}

/// Returns a reader of times in seconds within `range`.
pub(crate) fn seconds(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    let read = number(range);
    move |text| read(text).map(Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_the_range_names_the_range() {
        let read = number(0.1..=1000.0);
        assert_eq!(read("24"), Ok(24.0));
        for wrong in ["0", "NaN", "1e9", "x", ""] {
            assert_eq!(read(wrong), Err("expected a number from 0.1 to 1000".into()), "{wrong}");
        }
    }
}
