//! Convolutions that multiply bytes: the ranges of their inputs, and how to find them.

pub(crate) mod calibrator;
pub(crate) mod ranges;

pub use calibrator::RangeCalibrator;
pub use ranges::{ActivationRanges, ActivationRangesError};
