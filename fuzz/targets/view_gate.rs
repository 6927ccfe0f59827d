//! The gate on views of a face: any landmarks on any picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_demographics::fuzzing::is_clear;
use passerby_types::{ColorSpace, Image, Landmarks, PixelLayout, Point};

/// The sides of the picture: small, so that most of an input is pixels.
const SIDE: usize = 48;
/// Five points of two numbers.
const LANDMARK_BYTES: usize = 5 * 2 * 4;

fuzz_target!(|data: &[u8]| {
    let Some((points, pixels)) = data.split_at_checked(LANDMARK_BYTES) else { return };
    let numbers =
        points.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")));
    let numbers: Vec<f32> = numbers.collect();
    let landmarks = Landmarks(std::array::from_fn(|i| Point::new(numbers[2 * i], numbers[2 * i + 1])));
    let mut plane = pixels.to_vec();
    plane.resize(SIDE * SIDE, 128);
    let side = SIDE as u32;
    let image =
        Image::from_vec(PixelLayout::Gray8, side, side, ColorSpace::JPEG, plane).expect("a whole picture");
    let clear = is_clear(&image, &landmarks);
    let is_flat = image.plane(0).row(0).iter().all(|value| *value == 128) && pixels.is_empty();
    assert!(!(clear && is_flat), "a flat picture shows no face");
});
