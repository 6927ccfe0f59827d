//! On which frames the detector runs.

use std::str::FromStr;

use super::number::number;

/// On which frames the detector runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cadence {
    /// As often as the machine allows.
    Auto,
    /// On every frame of this number.
    Every(u64),
}

impl FromStr for Cadence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => number(1..=100)(text).map(Self::Every),
        }
    }
}
