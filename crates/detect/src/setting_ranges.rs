//! The ranges of the settings that all detectors have.

use std::ops::RangeInclusive;

use crate::error::DetectorError;

/// The range of the input's longer side in pixels: from the networks' largest stride to the width of a 4K picture.
pub(crate) const LONG_SIDES: RangeInclusive<u32> = 32..=3840;

/// Returns an error if the longer side of the input is outside [`LONG_SIDES`].
pub(crate) fn check_long_side(side: u32) -> Result<(), DetectorError> {
    check("long_side", side, LONG_SIDES, "32 to 3840 pixels")
}

/// Returns an error that names the setting if its value is not from 0 to 1.
pub(crate) fn check_fraction(setting: &'static str, value: f32) -> Result<(), DetectorError> {
    check(setting, value, 0.0..=1.0, "0 to 1")
}

/// Returns an error that names the setting if its value is outside `allowed`, which `range` says in words.
pub(crate) fn check<T: Copy + PartialOrd + ToString>(
    setting: &'static str,
    value: T,
    allowed: RangeInclusive<T>,
    range: &'static str,
) -> Result<(), DetectorError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(DetectorError::Setting { setting, value: value.to_string(), range })
}
