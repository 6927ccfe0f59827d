//! Draws cut-outs into an I420 picture, with one pass across and one down in fixed-point arithmetic.

use passerby_types::Image;

use super::cutout::{Cutout, OPAQUE};
use crate::random::Random;

/// The place of a cut-out in the picture: a portrait's pixel p is drawn at `scale * p + (x, y)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) scale: f64,
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The number of fractional bits of a filter weight.
const SHIFT: u32 = 12;
const ONE: i32 = 1 << SHIFT;

/// The reach of the filter, in source pixels, or in target pixels if those are wider.
const REACH: f64 = 2.0;

/// Returns the filter's value at a distance from its middle: Catmull-Rom, after R. Keys, "Cubic convolution interpolation for
/// digital image processing", 1981 (a = -1/2).
///
/// A triangle filter would blur: age-v1 estimates a face that it shrinks to two thirds as five years younger.
fn kernel(distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < REACH {
        ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// For each target pixel from `start` on, the source pixels that make it up, with their weights.
struct Taps {
    start: usize,
    /// The first source index, and the range of its weights.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<i32>,
}

impl Taps {
    /// Creates the taps of [`kernel`], which is stretched if a target pixel is wider than a source pixel. Source pixels outside
    /// count as empty. If `hold` is true, the last one repeats behind the end.
    fn new(scale: f64, shift: f64, source: usize, target: usize, hold: bool) -> Self {
        let stretch = (1.0 / scale).max(1.0);
        let radius = REACH * stretch;
        // The target pixels whose filter reaches the source.
        let start = (shift - scale * radius).ceil().clamp(0.0, target as f64) as usize;
        let reach = if hold { f64::INFINITY } else { shift + scale * (source as f64 - 1.0 + radius) };
        let end = ((reach + 1.0).floor().clamp(0.0, target as f64) as usize).max(start);
        let mut taps = Self { start, spans: Vec::with_capacity(end - start), weights: Vec::new() };
        let last = source as i64 - 1;
        let mut raw = Vec::new();
        for i in start..end {
            let u = (i as f64 - shift) / scale;
            let low = (u - radius).ceil() as i64;
            let high = (u + radius).floor() as i64;
            raw.clear();
            raw.extend((low..=high).map(|k| kernel((k as f64 - u) / stretch)));
            let total: f64 = raw.iter().sum();
            let from = taps.weights.len();
            let first = low.clamp(0, last);
            let mut spent = 0.0;
            let mut given = 0;
            for (k, weight) in (low..=high).zip(&raw) {
                // The running sum is rounded, so that the weights of a whole filter add up to exactly one.
                spent += weight / total;
                let until = (spent * f64::from(ONE) + 0.5).floor() as i32;
                let weight = until - given;
                given = until;
                let k = if hold { k.min(last) } else { k };
                if !(0..=last).contains(&k) {
                    continue;
                }
                let slot = from + (k - first) as usize;
                if slot == taps.weights.len() {
                    taps.weights.push(0);
                }
                taps.weights[slot] += weight;
            }
            taps.spans.push((first as usize, from, taps.weights.len()));
        }
        taps
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.spans.iter().map(|&(first, from, to)| (first, &self.weights[from..to]))
    }

    /// Returns the range of used source indices: the first one, and one past the last.
    fn used(&self) -> (usize, usize) {
        let first = self.spans.iter().map(|s| s.0).min().unwrap_or(0);
        let end = self.spans.iter().map(|s| s.0 + s.2 - s.1).max().unwrap_or(0);
        (first, end)
    }
}

/// Buffers that are reused for each picture.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<i32>,
}

/// Draws `cutout` at `place` over `image`, but only above row `floor`, which must be even.
pub(super) fn draw(image: &mut Image, cutout: &Cutout, place: Place, floor: u32, scratch: &mut Scratch) {
    let width = image.width() as usize;
    let height = image.height().min(floor) as usize;
    blend(image, cutout, [0].as_slice(), place, (width, height), scratch);
    // Chroma sample j is midway between the luma samples 2 j and 2 j + 1.
    let half = Place { scale: place.scale / 2.0, x: (place.x - 0.5) / 2.0, y: (place.y - 0.5) / 2.0 };
    let size = (width.div_ceil(2), height.div_ceil(2));
    blend(image, cutout, [1, 2].as_slice(), half, size, scratch);
}

fn blend(
    image: &mut Image,
    cutout: &Cutout,
    planes: &[usize],
    place: Place,
    (width, height): (usize, usize),
    scratch: &mut Scratch,
) {
    let across = Taps::new(place.scale, place.x, cutout.width, width, false);
    let down = Taps::new(place.scale, place.y, cutout.height, height, true);
    let columns = across.spans.len();
    let (top, bottom) = down.used();
    if columns == 0 || top >= bottom {
        return;
    }
    // Alpha first, then the planes, each `columns` wide.
    let sources: Vec<&[u16]> = std::iter::once(cutout.alpha.as_slice())
        .chain(planes.iter().map(|&p| cutout.planes[p].as_slice()))
        .collect();
    let size = columns * (bottom - top);
    scratch.rows.clear();
    scratch.rows.reserve(size * sources.len());
    for source in &sources {
        for y in top..bottom {
            let row = &source[y * cutout.width..][..cutout.width];
            scratch.rows.extend(across.iter().map(|(first, weights)| {
                let sum: i32 = weights.iter().zip(&row[first..]).map(|(&w, &v)| w * i32::from(v)).sum();
                (sum + ONE / 2) >> SHIFT
            }));
        }
    }
    let (alpha, values) = scratch.rows.split_at(size);
    let mut cover = vec![0_i32; columns];
    let mut sum = vec![0_i32; columns];
    for (i, (first, weights)) in down.iter().enumerate() {
        filter_down(&mut cover, alpha, first - top, weights);
        for (plane, value) in planes.iter().zip(values.chunks_exact(size)) {
            filter_down(&mut sum, value, first - top, weights);
            let out = &mut image.row_mut(*plane, down.start + i)[across.start..][..columns];
            for ((out, &v), &a) in out.iter_mut().zip(&sum).zip(&cover) {
                // The filter overshoots at edges.
                let rest = i32::from(*out) * (OPAQUE - a.clamp(0, OPAQUE)) / 255;
                *out = ((v + rest + 127) / 255).clamp(0, 255) as u8;
            }
        }
    }
}

/// Replaces `out` by the weighted sum of the rows from `first` on.
fn filter_down(out: &mut [i32], rows: &[i32], first: usize, weights: &[i32]) {
    out.fill(ONE / 2);
    for (row, &weight) in rows.chunks_exact(out.len()).skip(first).zip(weights) {
        for (out, &v) in out.iter_mut().zip(row) {
            *out += weight * v;
        }
    }
    for out in out {
        *out >>= SHIFT;
    }
}

/// Adds a number from `-amplitude` to `amplitude` to every luma sample, all with equal probability.
pub(super) fn add_noise(image: &mut Image, amplitude: u8, random: &mut Random) {
    if amplitude == 0 {
        return;
    }
    let steps = 2 * u32::from(amplitude) + 1;
    let middle = i16::from(amplitude);
    for y in 0..image.height() as usize {
        for eight in image.row_mut(0, y).chunks_mut(8) {
            for (out, random) in eight.iter_mut().zip(random.next().to_le_bytes()) {
                let noise = ((u32::from(random) * steps) >> 8) as i16 - middle;
                *out = (i16::from(*out) + noise).clamp(0, 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_inside_the_source_add_up_to_one() {
        for (scale, shift) in [(1.0, 0.0), (0.37, 3.3), (2.5, -7.7), (0.051, 40.2), (1.0, 0.5)] {
            let taps = Taps::new(scale, shift, 200, 300, true);
            for (i, (first, weights)) in taps.iter().enumerate() {
                let u = ((taps.start + i) as f64 - shift) / scale;
                assert!(first + weights.len() <= 200);
                if u > REACH * (1.0 / scale).max(1.0) {
                    assert_eq!(weights.iter().sum::<i32>(), ONE, "{scale} {shift} {u}");
                }
            }
        }
    }

    #[test]
    fn a_shift_by_half_a_pixel_keeps_fine_detail() {
        // A wave with a period of four pixels. A triangle filter leaves 0.71 of it.
        let taps = Taps::new(1.0, 0.5, 64, 64, false);
        let wave = |k: usize| (std::f64::consts::FRAC_PI_2 * k as f64).sin();
        let drawn = taps.iter().map(|(first, weights)| {
            let sum: f64 = weights.iter().zip(first..).map(|(&w, k)| f64::from(w) * wave(k)).sum();
            sum / f64::from(ONE)
        });
        let height = drawn.skip(8).take(32).map(f64::abs).fold(0.0, f64::max);
        // The samples are an eighth of a period from the wave's tops.
        let share = height / std::f64::consts::FRAC_1_SQRT_2;
        assert!((0.85..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn unit_scale_copies_each_pixel() {
        let taps = Taps::new(1.0, 2.0, 5, 20, false);
        let found: Vec<_> = taps.iter().map(|(f, w)| (f, w.iter().sum::<i32>())).collect();
        for (first, weight) in found.iter().skip_while(|(_, w)| *w == 0).take(5).map(|f| (f.0, f.1)) {
            assert!(first < 5 && weight == ONE, "{found:?}");
        }
    }

    #[test]
    fn a_person_far_outside_has_no_taps() {
        assert!(Taps::new(0.5, -1e5, 100, 300, false).spans.is_empty());
        assert!(Taps::new(0.5, 1e5, 100, 300, false).spans.is_empty());
        assert!(Taps::new(0.5, 1e5, 100, 300, true).spans.is_empty());
    }
}
