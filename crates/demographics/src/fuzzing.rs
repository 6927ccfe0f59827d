//! Entry points for a fuzzer.

use passerby_pixels::{Border, Normalize, warp};
use passerby_types::{Image, Landmarks};

use crate::align::picture_from_chip;
use crate::view_gate::{SIDE, ViewGate};

/// Returns true if the view of a face shows enough to estimate from. Landmarks that fit no face show nothing.
#[must_use]
pub fn is_clear(image: &Image, landmarks: &Landmarks) -> bool {
    let Some(transform) = picture_from_chip(landmarks, SIDE) else { return false };
    let mut chip = vec![0.0; 3 * SIDE * SIDE];
    warp(image, &transform, SIDE, Border::Replicate, &Normalize::NONE, &mut chip);
    ViewGate::new().is_clear(image, landmarks, &chip, 1.0)
}
