//! Paints the hall: a panelled wall, a floor, and a counter in front that hides the people's legs.

use passerby_types::Image;

use super::cutout::Converter;
use crate::random::Random;

/// The upper edge of the floor, in heights of the picture.
const FLOOR: f32 = 0.60;
/// The upper edge of the counter, in heights of the picture.
const COUNTER: f32 = 0.72;

/// Returns the first row of the counter, which hides people from there down. It is even, so that chroma rows match.
pub(super) fn counter_row(height: u32) -> u32 {
    (height as f32 * COUNTER) as u32 / 2 * 2
}

/// Paints the empty hall over the whole of an I420 picture.
pub(super) fn paint(image: &mut Image, seed: u64) {
    let convert = Converter::new(image.color());
    let width = image.width() as usize;
    let height = image.height() as usize;
    let mut grain = Random::new(seed);
    for y in 0..height {
        for (x, out) in image.row_mut(0, y).iter_mut().enumerate() {
            let [luma, ..] = convert.ycbcr(color(x as f32, y as f32, width as f32, height as f32));
            *out = luma.saturating_add_signed((grain.next() >> 62) as i8 - 1);
        }
    }
    for y in 0..height.div_ceil(2) {
        for plane in [1, 2] {
            for (x, out) in image.row_mut(plane, y).iter_mut().enumerate() {
                let x = 2.0 * x as f32 + 0.5;
                let y = 2.0 * y as f32 + 0.5;
                *out = convert.ycbcr(color(x, y, width as f32, height as f32))[plane];
            }
        }
    }
}

/// Returns the colour of a pixel.
fn color(x: f32, y: f32, width: f32, height: f32) -> [u8; 3] {
    let u = x / height;
    let v = y / height;
    let aspect = width / height;
    let counter = counter_row(height as u32) as f32 / height;
    let rgb = if v >= counter {
        front(u, v - counter)
    } else if v >= FLOOR {
        floor(u - aspect / 2.0, v)
    } else {
        wall(u, v)
    };
    rgb.map(|c| (c + 0.5).clamp(0.0, 255.0) as u8)
}

/// Returns the colour of the wall: white plaster with upright battens, a darker band below and a light strip on top.
fn wall(u: f32, v: f32) -> [f32; 3] {
    let light = 1.0 - 0.06 * v / FLOOR;
    let batten = 0.42;
    let panel = period(u, batten);
    let base = if v > FLOOR - 0.025 {
        [108.0, 104.0, 100.0]
    } else if panel < 0.016 || panel > batten - 0.004 {
        [212.0, 209.0, 203.0]
    } else if panel < 0.022 {
        [228.0, 225.0, 219.0]
    } else if v < 0.035 {
        [252.0, 251.0, 247.0]
    } else {
        let cloud = 3.0 * wave(u * 1.7 + 0.3) * wave(v * 2.3) + 2.0 * wave(u * 4.1 + v * 1.3);
        [242.0 + cloud, 241.0 + cloud, 237.0 + cloud]
    };
    base.map(|c| c * light)
}

/// Returns the colour of the floor: stone tiles in perspective, with joints that run towards the middle of the wall.
fn floor(u: f32, v: f32) -> [f32; 3] {
    let depth = 0.06 / (v - FLOOR + 0.02);
    let joint_x = period(u * depth + 40.0, 0.30);
    let joint_z = period(depth, 0.45);
    let base = if joint_x < 0.012 * depth || joint_z < 0.05 { 118.0 } else { 136.0 };
    let tone = base - 14.0 * depth.min(2.0) + 2.0 * wave(u * 5.0 * depth);
    [tone, tone - 4.0, tone - 10.0]
}

/// Returns the colour of the counter: its top edge and its boarded front.
fn front(u: f32, below: f32) -> [f32; 3] {
    let tone = if below < 0.022 {
        1.35
    } else if below < 0.028 {
        0.62
    } else if period(u, 0.24) < 0.004 {
        0.78
    } else {
        1.0 - 0.5 * below + 0.02 * wave(u * 9.0)
    };
    [104.0 * tone, 84.0 * tone, 66.0 * tone]
}

/// Returns the position within a period: 0 to `length`.
fn period(x: f32, length: f32) -> f32 {
    x - (x / length).floor() * length
}

/// Returns a smooth wave of period 1 and height -1 to 1. It only multiplies, so it is the same on every platform.
fn wave(x: f32) -> f32 {
    let p = 2.0 * period(x, 1.0) - 1.0;
    4.0 * p * (1.0 - p.abs())
}
