//! Comparison of the kernels with OpenCV 5.0, on RGB images of bytes. `data/make.py` computes the expected values.
//!
//! The tolerance is one level. OpenCV rounds between its passes if it enlarges, and weights samples with fixed-point
//! numbers.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use passerby_pixels::{Border, Letterbox, LetterboxScratch, Normalize, letterbox, warp};
use passerby_types::{ColorSpace, Image, PixelLayout, Similarity};
use serde_json::Value;

/// Returns the image of the function `image` in `data/make.py`.
fn image(width: usize, height: usize) -> Image {
    let mut bytes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let dx = (2 * x).abs_diff(width);
            let dy = (2 * y).abs_diff(height);
            let disc = dx * dx + dy * dy < (width.min(height) * 3 / 4).pow(2);
            let blue = 40 + if disc { 90 } else { 0 } + x * y % 23;
            bytes.extend([x * 255 / width, y * 255 / height, blue].map(|v| v as u8));
        }
    }
    Image::from_vec(PixelLayout::Rgb8, width as u32, height as u32, ColorSpace::JPEG, bytes).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Returns the largest difference, in levels, between planes and OpenCV's interleaved bytes.
fn difference(planes: &[f32], interleaved: &[f64]) -> f64 {
    let plane = planes.len() / 3;
    assert_eq!(planes.len(), interleaved.len());
    let pairs = (0..planes.len()).map(|i| (planes[i % 3 * plane + i / 3], interleaved[i]));
    pairs.map(|(ours, theirs)| (f64::from(ours) - theirs).abs()).fold(0.0, f64::max)
}

#[test]
fn letterbox_and_warp_match_opencv() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/opencv.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let from = numbers(&case["image"]);
        let size = numbers(&case["size"]);
        let image = image(from[0] as usize, from[1] as usize);
        let want = numbers(&case["rgb"]);
        let width = size[0] as usize;
        let height = size[1] as usize;
        let mut out = vec![0.0; 3 * width * height];
        if case["kind"] == "resize" {
            let placement = Letterbox {
                input_width: width,
                input_height: height,
                content_width: width,
                content_height: height,
            };
            letterbox(&image, &placement, &Normalize::NONE, &mut LetterboxScratch::default(), &mut out);
        } else {
            let [a, b, tx, ty] = <[f64; 4]>::try_from(numbers(&case["transform"])).unwrap().map(|v| v as f32);
            let border = if case["border"] == "zero" { Border::Black } else { Border::Replicate };
            warp(&image, &Similarity { a, b, tx, ty }, width, border, &Normalize::NONE, &mut out);
        }
        let largest = difference(&out, &want);
        assert!(largest <= 1.0, "{} of {from:?} {}: {largest} levels", case["kind"], case["transform"]);
    }
}
