//! Errors in a scene's settings.

use passerby_types::Image;

use super::portrait::Portrait;

/// Why a [`Scene`](super::Scene) cannot be created from its settings.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum SceneError {
    /// A side of the picture is 0 or too long.
    #[error("a scene of {width}x{height} is not possible (sides of 1 to {} pixels)", Image::MAX_SIDE)]
    Size {
        /// The width of the settings.
        width: u32,
        /// The height of the settings.
        height: u32,
    },
    /// A setting is outside its limits or not a number, or a range's end is below its start.
    #[error("{what} of {low} to {high} are not possible")]
    Range {
        /// The name of the setting.
        what: &'static str,
        /// The lower end of the range, or the setting itself if it is a single number.
        low: f64,
        /// The upper end of the range, or the setting itself if it is a single number.
        high: f64,
    },
    /// There are more walkers than the limit of 1000.
    #[error("{people} walkers are over the limit of 1000")]
    People {
        /// The number of walkers in the settings.
        people: usize,
    },
    /// A walk of the script is not possible.
    #[error("walk {walk} has {what}")]
    Path {
        /// The index of the walk in the script, from 0.
        walk: usize,
        /// A description of the fault.
        what: &'static str,
    },
    /// A bundled portrait cannot be read, because the library was built with a damaged file.
    #[error("portrait {portrait:?}: {what}")]
    Portrait {
        /// The portrait.
        portrait: Portrait,
        /// A description of the fault.
        what: String,
    },
}
