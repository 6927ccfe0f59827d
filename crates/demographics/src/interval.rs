//! Intervals that hold the true age nine times out of ten, as measured.
//!
//! The widths were fitted to 474 pictures of UTKFace, so that as many true ages lie above the interval as below it, with equal weight
//! for the ages below 20, 20 to 39, 40 to 59, and from 60 on. `docs/attributes.md` has the measured coverage, on pictures that the fit
//! had not seen.

use passerby_types::Age;

/// The oldest age of an interval.
const OLDEST: f32 = 120.0;

/// Returns an age with the interval that reaches `below` years down and `above` years up, within 0 to 120 years.
pub(crate) fn age_with_interval(years: f32, below: f32, above: f32) -> Age {
    let years = years.clamp(0.0, OLDEST);
    Age { years, low: (years - below.max(0.0)).max(0.0), high: (years + above.max(0.0)).min(OLDEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_stays_within_a_life() {
        assert_eq!(age_with_interval(3.0, 8.0, 20.0), Age { years: 3.0, low: 0.0, high: 23.0 });
        assert_eq!(age_with_interval(110.0, 8.0, 20.0).high, 120.0);
    }

    #[test]
    fn an_interval_holds_its_age() {
        assert_eq!(age_with_interval(40.0, -1.0, -1.0), Age { years: 40.0, low: 40.0, high: 40.0 });
    }
}
