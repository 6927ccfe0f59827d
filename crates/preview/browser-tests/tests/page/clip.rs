//! The frames of the bundled clip, small, to find out which of them the browser shows.

use std::sync::OnceLock;

use passerby_types::{FrameSource, Image};

use crate::site::root;

pub const WIDTH: usize = 128;
pub const HEIGHT: usize = 72;
pub const FRAMES_PER_S: f64 = 24.0;

/// Returns the brightness of each frame, in rows of `WIDTH`, without its mean and with unit length.
fn frames() -> &'static [Vec<f32>] {
    static FRAMES: OnceLock<Vec<Vec<f32>>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let path = root().join("assets/passersby.mp4");
        let mut source = passerby_capture::open(path.to_str().unwrap()).unwrap();
        source.pictures().map(|picture| normalised(&small(&picture.unwrap().image))).collect()
    })
}

/// Returns the frame of the clip that is most like `pixels`, the brightness of a shown picture.
pub fn nearest(pixels: &[f32]) -> usize {
    let pixels = normalised(pixels);
    let likeness = |frame: &Vec<f32>| frame.iter().zip(&pixels).map(|(a, b)| a * b).sum::<f32>();
    let all = frames().iter().map(likeness).enumerate();
    all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
}

/// Returns the number of frames of the clip.
pub fn len() -> usize {
    frames().len()
}

/// Returns the mean brightness of each block of the picture.
fn small(image: &Image) -> Vec<f32> {
    let luma = image.plane(0);
    let (width, height) = (image.width() as usize / WIDTH, image.height() as usize / HEIGHT);
    let mut means = Vec::with_capacity(WIDTH * HEIGHT);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let rows = (y * height..(y + 1) * height).map(|row| &luma.row(row)[x * width..(x + 1) * width]);
            let sum: u32 = rows.flatten().map(|&value| u32::from(value)).sum();
            means.push(sum as f32 / (width * height) as f32);
        }
    }
    means
}

fn normalised(pixels: &[f32]) -> Vec<f32> {
    let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
    let length = pixels.iter().map(|value| (value - mean).powi(2)).sum::<f32>().sqrt().max(1e-6);
    pixels.iter().map(|value| (value - mean) / length).collect()
}

#[test]
fn each_frame_is_most_like_itself() {
    let all = frames();
    assert_eq!(all.len(), 240);
    // Without people the frames are alike: those in which a person walks count.
    let exact = (60..200).filter(|&frame| nearest(&all[frame]) == frame).count();
    assert!(exact >= 138, "{exact} of 140");
}
