//! Chooses how closely the detector looks, after the cadence has reached its limit.
//!
//! A smaller input of the detector loses the smallest faces for as long as the machine is full. A greater cadence only makes
//! the tracker coast longer over them. So the detail is the last thing that goes down, and the first that comes back.

use std::ops::RangeInclusive;

/// The ratio of the details of two levels. A look at the next level costs 0.64 of a look at this one.
const LEVEL_RATIO: f32 = 0.8;
/// The detail that a limit may not fall below.
const LOWEST_DETAIL: f32 = 0.1;

/// A level of detail within its limits. At level 0 it is the greatest that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DetailLevel {
    level: i32,
    least: f32,
    most: f32,
}

impl DetailLevel {
    /// Returns the level with the greatest detail of the limits. A limit that is NaN counts as 1.
    pub(super) fn new(limits: &RangeInclusive<f32>) -> Self {
        let sane = |limit: f32| if limit.is_nan() { 1.0 } else { limit.clamp(LOWEST_DETAIL, 1.0) };
        let least = sane(*limits.start());
        Self { level: 0, least, most: sane(*limits.end()).max(least) }
    }

    /// Returns the limits as a range that is not empty.
    pub(super) fn limits(self) -> RangeInclusive<f32> {
        self.least..=self.most
    }

    /// Returns the factor on the size of the detector's input.
    pub(super) fn detail(self) -> f32 {
        (self.most * LEVEL_RATIO.powi(self.level)).max(self.least)
    }

    /// Returns the next level with less detail, or `None` at the least.
    pub(super) fn lower(self) -> Option<Self> {
        (self.detail() > self.least).then(|| Self { level: self.level + 1, ..self })
    }

    /// Returns the next level with more detail, or `None` at the greatest.
    pub(super) fn higher(self) -> Option<Self> {
        (self.level > 0).then(|| Self { level: self.level - 1, ..self })
    }

    /// Returns the greatest detail of the limits.
    pub(super) fn highest(self) -> Self {
        Self { level: 0, ..self }
    }

    /// Returns the cost of a look at this level as a share of the cost at another one. It grows with the area of the input.
    pub(super) fn cost_over(self, other: Self) -> f64 {
        f64::from(self.detail() / other.detail()).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the details from the greatest to the least.
    fn way_down(limits: RangeInclusive<f32>) -> Vec<f32> {
        std::iter::successors(Some(DetailLevel::new(&limits)), |level| level.lower())
            .map(DetailLevel::detail)
            .collect()
    }

    #[test]
    fn each_level_is_four_fifths_of_the_one_before() {
        assert_eq!(way_down(0.6..=1.0), [1.0, 0.8, 0.8 * 0.8, 0.6]);
    }

    #[test]
    fn equal_limits_leave_one_level() {
        assert_eq!(way_down(1.0..=1.0), [1.0]);
        assert_eq!(way_down(0.5..=0.5), [0.5]);
    }

    #[test]
    fn hostile_limits_leave_a_sound_range() {
        assert_eq!(way_down(0.9..=0.2), [0.9]);
        assert_eq!(way_down(f32::NAN..=f32::NAN), [1.0]);
        assert_eq!(way_down(1.0..=f32::INFINITY), [1.0]);
        assert!(way_down(f32::NEG_INFINITY..=1.0).iter().all(|detail| *detail >= LOWEST_DETAIL));
    }

    #[test]
    fn the_levels_up_are_the_levels_down() {
        let mut level = DetailLevel::new(&(0.5..=1.0));
        assert_eq!(level.higher(), None);
        while let Some(lower) = level.lower() {
            assert_eq!(lower.higher(), Some(level));
            assert!(lower.cost_over(level) < 1.0 && level.cost_over(lower) > 1.0);
            level = lower;
        }
        assert_eq!(level.highest(), DetailLevel::new(&(0.5..=1.0)));
    }
}
