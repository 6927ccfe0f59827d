//! Refuses views of a face that show too little to estimate from.

use passerby_pixels::{Border, Normalize, warp};
use passerby_types::{Face, Image, Landmarks, Point, Similarity};

use crate::align::picture_from_chip;

/// The shortest mean side of a face's box, in pixels of the picture. Estimates of a face of 24 pixels differ by 5 years from those of
/// the same face at full size, and those of a face of 16 pixels by 8.
const MIN_SIZE: f32 = 20.0;

/// The largest noise of a view, as a part of its contrast. 1 of 100 sharp photographs with faces of 130 or 48 pixels exceeds it, and 8 of
/// 100 with faces of 24 or 32. With noise of 20 of 255 levels added, which moves ages by 3 years and changes 11 % of the genders, 9 of 10
/// do.
const MAX_NOISE: f32 = 0.065;

/// The smallest sharpness of a view. All of the same photographs exceed it, and 97 % if they are blurred by 2 % of the face's width. If
/// they are blurred by 4 %, which moves ages by 11 years and changes 14 % of the genders, 3 % do.
const MIN_SHARPNESS: f32 = 0.12;

/// The largest part of a view whose luma is even, as the areas of a drawing are. Of 40 photographs coded as JPEG of low quality (28 of
/// 31), 19 % of each view is even at most, and of 28 views of a video at a constant rate factor of 44, 8 %. Of photographs that were
/// turned into areas of 10 colours, a third has more than 20 %.
const MAX_EVEN: f32 = 0.2;

/// Luma is even at a place if it differs there, from its eight neighbours and among them, by at most this part of the contrast: two
/// levels in a view with a usual contrast of 40.
const EVEN_RANGE: f32 = 0.05;

/// The smallest contrast of a view: the standard deviation of its luma in levels of 255.
const MIN_CONTRAST: f32 = 3.0;

/// The median of the absolute value of a normal distribution with a standard deviation of 1.
const MEDIAN_DEVIATION: f32 = 0.6745;

/// The difference of two Laplacians.
const IMMERKAER: [[f32; 3]; 3] = [[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]];

/// The square root of the sum of the squares of `IMMERKAER`: white noise comes out of the filter this many times as strong.
const IMMERKAER_GAIN: f32 = 6.0;

const LAPLACE: [[f32; 3]; 3] = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]];

/// The side of the aligned chip in pixels, at which contrast and sharpness are measured.
pub(crate) const SIDE: usize = 64;

/// The sides in pixels of the inner half of the chip, on which noise is measured: as large as in the picture within these limits. A
/// sharp face that is sampled with fewer pixels looks like noise, and noise that is sampled with more pixels like a smooth face.
const INNER_SIDES: (f32, f32) = (16.0, 160.0);

/// Measures a view of a face, and decides whether it shows enough.
pub(crate) struct ViewGate {
    inner: Vec<f32>,
    luma: Vec<f32>,
    responses: Vec<f32>,
}

impl ViewGate {
    pub(crate) fn new() -> Self {
        let most = INNER_SIDES.1 as usize;
        let [luma, responses] = [most * most; 2].map(Vec::with_capacity);
        Self { inner: vec![0.0; 3 * most * most], luma, responses }
    }

    /// Returns true if the face is large enough in its picture.
    pub(crate) fn is_large_enough(face: &Face) -> bool {
        face.size() >= MIN_SIZE
    }

    /// Returns true if the view is neither noisy, blurred, flat nor drawn. `chip` has the three colours of the aligned chip, of `SIDE` x `SIDE`
    /// values each, in which a level of 255 is `unit`.
    pub(crate) fn is_clear(&mut self, image: &Image, landmarks: &Landmarks, chip: &[f32], unit: f32) -> bool {
        self.take_luma(chip, unit);
        let contrast = deviation(&self.luma);
        contrast >= MIN_CONTRAST
            && self.sharpness(SIDE) >= MIN_SHARPNESS * contrast
            && self.take_inner(image, landmarks).is_some_and(|side| {
                self.even_part(side, EVEN_RANGE * contrast) <= MAX_EVEN
                    && self.noise(side) <= MAX_NOISE * contrast
            })
    }

    /// Computes the luma of the inner half of the chip. Returns its side in pixels, or `None` if the landmarks fit no face.
    fn take_inner(&mut self, image: &Image, landmarks: &Landmarks) -> Option<usize> {
        let pixels = picture_from_chip(landmarks, SIDE)?.scale() * SIDE as f32;
        let side = (pixels / 2.0).round().clamp(INNER_SIDES.0, INNER_SIDES.1) as usize;
        let whole = picture_from_chip(landmarks, 2 * side)?;
        let corner = whole.apply(Point::new(side as f32 / 2.0, side as f32 / 2.0));
        let inner = Similarity { tx: corner.x, ty: corner.y, ..whole };
        let mut planes = std::mem::take(&mut self.inner);
        let sampled = &mut planes[..3 * side * side];
        warp(image, &inner, side, Border::Replicate, &Normalize::NONE, sampled);
        self.take_luma(sampled, 1.0);
        self.inner = planes;
        Some(side)
    }

    /// Returns the part of the places inside a square of luma at which nine values differ by at most `range`.
    fn even_part(&self, side: usize, range: f32) -> f32 {
        let is_even = |x: usize, y: usize| {
            let rows = (y..y + 3).flat_map(|y| &self.luma[y * side + x..y * side + x + 3]);
            let (least, most) =
                rows.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (v.min(a), v.max(b)));
            most - least <= range
        };
        let inside = side - 2;
        let even = (0..inside).map(|y| (0..inside).filter(|&x| is_even(x, y)).count()).sum::<usize>();
        even as f32 / (inside * inside) as f32
    }

    /// Computes the luma of three planes in levels of 255, up to a constant.
    fn take_luma(&mut self, planes: &[f32], unit: f32) {
        let (first, rest) = planes.split_at(planes.len() / 3);
        let (second, third) = rest.split_at(rest.len() / 2);
        let colors = first.iter().zip(second).zip(third);
        self.luma.clear();
        self.luma.extend(colors.map(|((a, b), c)| (a + b + c) / (3.0 * unit)));
    }

    /// Returns the standard deviation of the noise, by the filter of J. Immerkær, "Fast noise variance estimation", CVIU 64(2), 1996,
    /// which edges do not pass. The median in place of his mean ignores the few places at which texture does.
    fn noise(&mut self, side: usize) -> f32 {
        self.filter(side, &IMMERKAER);
        self.responses.iter_mut().for_each(|response| *response = response.abs());
        let middle = self.responses.len() / 2;
        let (_, median, _) = self.responses.select_nth_unstable_by(middle, f32::total_cmp);
        *median / (MEDIAN_DEVIATION * IMMERKAER_GAIN)
    }

    /// Returns the standard deviation of the Laplacian.
    fn sharpness(&mut self, side: usize) -> f32 {
        self.filter(side, &LAPLACE);
        deviation(&self.responses)
    }

    /// Applies a filter everywhere inside a square of luma.
    fn filter(&mut self, side: usize, weights: &[[f32; 3]; 3]) {
        self.responses.clear();
        for rows in (0..side - 2).map(|y| &self.luma[y * side..(y + 3) * side]) {
            let at = |x: usize| -> f32 {
                let row = |(row, weights): (&[f32], &[f32; 3])| {
                    row[x..x + 3].iter().zip(weights).map(|(value, weight)| value * weight).sum::<f32>()
                };
                rows.chunks_exact(side).zip(weights).map(row).sum()
            };
            self.responses.extend((0..side - 2).map(at));
        }
    }
}

/// Returns the standard deviation of the values.
fn deviation(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let squares: f32 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (squares / values.len() as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;
    use crate::network::UNIT;

    /// Returns the landmarks of an upright face in the middle of a picture of `side` pixels, as large as the aligned chip.
    fn landmarks(side: usize) -> Landmarks {
        let at = [(19.534, 19.264), (43.557, 19.255), (31.547, 32.713), (20.759, 44.809), (42.336, 44.809)];
        let scale = side as f32 / SIDE as f32;
        Landmarks(at.map(|(x, y)| Point::new(x * scale, y * scale)))
    }

    /// Judges a picture of `side` pixels with waves, of which `waves` fit into it, and noise of this many levels to each side.
    fn is_clear(side: usize, waves: f32, noise: f32) -> bool {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * 2.0 - 1.0
        };
        let pixel = |i: usize| {
            let [x, y] = [i % side, i / side].map(|at| at as f32 / side as f32);
            128.0 + 60.0 * (TAU * waves * x).sin() * (TAU * waves * y).cos()
        };
        let bytes =
            (0..side * side).map(|i| (pixel(i) + noise * random()).round().clamp(0.0, 255.0) as u8).collect();
        judge(side, bytes)
    }

    fn judge(side: usize, bytes: Vec<u8>) -> bool {
        let image =
            Image::from_vec(PixelLayout::Gray8, side as u32, side as u32, ColorSpace::JPEG, bytes).unwrap();
        let landmarks = landmarks(side);
        let mut chip = vec![0.0; 3 * SIDE * SIDE];
        let normalize = Normalize { mean: [117.0; 3], scale: [UNIT; 3], ..Normalize::NONE };
        warp(
            &image,
            &picture_from_chip(&landmarks, SIDE).unwrap(),
            SIDE,
            Border::Replicate,
            &normalize,
            &mut chip,
        );
        ViewGate::new().is_clear(&image, &landmarks, &chip, UNIT)
    }

    #[test]
    fn a_sharp_view_of_any_size_is_clear() {
        for side in [48, 64, 128, 300, 900] {
            assert!(is_clear(side, 5.0, 0.0), "{side} pixels");
        }
    }

    #[test]
    fn a_noisy_view_of_any_size_is_not_clear() {
        for side in [48, 64, 128, 300] {
            assert!(!is_clear(side, 5.0, 35.0), "{side} pixels");
        }
    }

    #[test]
    fn fine_texture_of_a_large_face_is_no_noise() {
        assert!(is_clear(640, 20.0, 0.0));
    }

    #[test]
    fn a_blurred_view_is_not_clear() {
        for side in [64, 300] {
            assert!(!is_clear(side, 1.0, 0.0), "{side} pixels");
        }
    }

    #[test]
    fn a_flat_view_is_not_clear() {
        assert!(!judge(64, vec![90; 64 * 64]));
    }

    /// Returns the pixels of a face as a drawing has it: areas of one level, with dark lines between them.
    fn drawing(side: usize, noise: f32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * 2.0 - 1.0
        };
        let level = |i: usize| {
            let [x, y] = [i % side, i / side].map(|at| at as f32 / side as f32);
            let from = |cx: f32, cy: f32| (x - cx).hypot(y - cy);
            let eyes = from(0.3, 0.3).min(from(0.68, 0.3));
            match () {
                () if eyes < 0.04 => 20.0,
                () if eyes < 0.08 => 245.0,
                () if (from(0.5, 0.35) - 0.35).abs() < 0.02 && y > 0.6 => 60.0,
                () if (from(0.5, 0.5) - 0.48).abs() < 0.02 => 10.0,
                () if from(0.5, 0.5) < 0.46 => 210.0,
                () => 120.0,
            }
        };
        (0..side * side).map(|i| (level(i) + noise * random()).round().clamp(0.0, 255.0) as u8).collect()
    }

    #[test]
    fn a_drawn_face_of_any_size_is_not_clear() {
        for side in [64, 128, 300, 900] {
            assert!(!judge(side, drawing(side, 0.0)), "{side} pixels");
        }
    }

    #[test]
    fn the_same_face_with_the_grain_of_a_photograph_is_clear() {
        for side in [128, 300] {
            assert!(judge(side, drawing(side, 5.0)), "{side} pixels");
        }
    }

    #[test]
    fn noise_is_measured_in_levels() {
        let mut gate = ViewGate::new();
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * 60.0 - 30.0
        };
        let plane: Vec<f32> = (0..SIDE * SIDE).map(|_| random()).collect();
        gate.take_luma(&plane.repeat(3), 1.0);
        // An even distribution to each side has a deviation of 1 / sqrt(3).
        let noise = gate.noise(SIDE);
        assert!((noise - 30.0 / 3.0_f32.sqrt()).abs() < 1.5, "{noise}");
    }

    #[test]
    fn values_that_are_not_numbers_are_not_clear() {
        let image = Image::from_vec(PixelLayout::Gray8, 64, 64, ColorSpace::JPEG, vec![90; 64 * 64]).unwrap();
        assert!(!ViewGate::new().is_clear(&image, &landmarks(64), &vec![f32::NAN; 3 * SIDE * SIDE], UNIT));
    }
}
