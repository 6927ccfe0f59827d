//! Refuses views of a face that show too little to estimate from.

use passerby_types::Face;

/// The shortest mean side of a face's box, in pixels of the picture. Estimates of a face of 24 pixels differ by 5 years from those of
/// the same face at full size, and those of a face of 16 pixels by 8.
const MIN_SIZE: f32 = 20.0;

/// The largest noise of a view, as a part of its contrast. Of 158 sharp photographs of 130 pixels one exceeds it; with noise of 20 of
/// 255 levels added, which moves ages by 3 years and changes 11 % of the genders, nearly all do.
const MAX_NOISE: f32 = 0.115;

/// The smallest sharpness of a view. All of the same photographs exceed it, and 97 % if they are blurred by 2 % of the face's width. If
/// they are blurred by 4 %, which moves ages by 11 years and changes 14 % of the genders, 3 % do.
const MIN_SHARPNESS: f32 = 0.12;

/// The smallest contrast of a view: the standard deviation of its luma in levels of 255.
const MIN_CONTRAST: f32 = 3.0;

/// The median of the absolute value of a normal distribution with a standard deviation of 1.
const MEDIAN_DEVIATION: f32 = 0.6745;

/// The difference of two Laplacians.
const IMMERKAER: [[f32; 3]; 3] = [[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]];

/// The square root of the sum of the squares of `IMMERKAER`: white noise comes out of the filter this many times as strong.
const IMMERKAER_GAIN: f32 = 6.0;

const LAPLACE: [[f32; 3]; 3] = [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]];

/// The side of the aligned chip in pixels, at which all thresholds hold.
pub(crate) const SIDE: usize = 64;

/// Measures an aligned chip, and decides whether it shows enough of a face.
pub(crate) struct ViewGate {
    luma: Vec<f32>,
    responses: Vec<f32>,
}

impl ViewGate {
    pub(crate) fn new() -> Self {
        Self { luma: vec![0.0; SIDE * SIDE], responses: Vec::with_capacity((SIDE - 2) * (SIDE - 2)) }
    }

    /// Returns true if the face is large enough in its picture.
    pub(crate) fn is_large_enough(face: &Face) -> bool {
        face.size() >= MIN_SIZE
    }

    /// Returns true if the chip is neither noisy, blurred nor flat. `planes` are its three colours, of `SIDE` x `SIDE` values each. A
    /// level of 255 is `unit` there.
    pub(crate) fn is_clear(&mut self, planes: &[f32], unit: f32) -> bool {
        let (first, rest) = planes.split_at(SIDE * SIDE);
        let (second, third) = rest.split_at(SIDE * SIDE);
        for (luma, ((a, b), c)) in self.luma.iter_mut().zip(first.iter().zip(second).zip(third)) {
            *luma = (a + b + c) / (3.0 * unit);
        }
        let contrast = deviation(&self.luma);
        contrast >= MIN_CONTRAST
            && self.noise() <= MAX_NOISE * contrast
            && self.sharpness() >= MIN_SHARPNESS * contrast
    }

    /// Returns the standard deviation of the noise, by the filter of J. Immerkær, "Fast noise variance estimation", CVIU 64(2), 1996,
    /// which edges do not pass. The median in place of his mean ignores the few places at which texture does.
    fn noise(&mut self) -> f32 {
        self.filter(&IMMERKAER);
        self.responses.iter_mut().for_each(|response| *response = response.abs());
        let middle = self.responses.len() / 2;
        let (_, median, _) = self.responses.select_nth_unstable_by(middle, f32::total_cmp);
        *median / (MEDIAN_DEVIATION * IMMERKAER_GAIN)
    }

    /// Returns the standard deviation of the Laplacian.
    fn sharpness(&mut self) -> f32 {
        self.filter(&LAPLACE);
        deviation(&self.responses)
    }

    /// Applies a filter everywhere inside the chip.
    fn filter(&mut self, weights: &[[f32; 3]; 3]) {
        self.responses.clear();
        for rows in (0..SIDE - 2).map(|y| &self.luma[y * SIDE..(y + 3) * SIDE]) {
            let at = |x: usize| -> f32 {
                let row = |(row, weights): (&[f32], &[f32; 3])| {
                    row[x..x + 3].iter().zip(weights).map(|(value, weight)| value * weight).sum::<f32>()
                };
                rows.chunks_exact(SIDE).zip(weights).map(row).sum()
            };
            self.responses.extend((0..SIDE - 2).map(at));
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

    use super::*;

    /// Returns a chip of waves with this length in pixels, and noise of this many levels to each side.
    fn chip(wavelength: f32, noise: f32) -> Vec<f32> {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * 2.0 - 1.0
        };
        let pixel = |i: usize| {
            let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
            128.0 + 60.0 * (TAU * x / wavelength).sin() * (TAU * y / wavelength).cos()
        };
        let plane: Vec<f32> = (0..SIDE * SIDE).map(|i| pixel(i) + noise * random()).collect();
        plane.repeat(3)
    }

    #[test]
    fn a_sharp_chip_is_clear() {
        assert!(ViewGate::new().is_clear(&chip(12.0, 0.0), 1.0));
    }

    #[test]
    fn the_unit_of_the_values_does_not_matter() {
        let scaled = |noise: f32| chip(12.0, noise).iter().map(|v| (v - 117.0) / 256.0).collect::<Vec<_>>();
        assert!(ViewGate::new().is_clear(&scaled(0.0), 1.0 / 256.0));
        assert!(!ViewGate::new().is_clear(&scaled(40.0), 1.0 / 256.0));
    }

    #[test]
    fn noise_is_measured_in_levels() {
        let mut gate = ViewGate::new();
        gate.is_clear(&chip(40.0, 30.0), 1.0);
        // An even distribution to each side has a deviation of 1 / sqrt(3).
        assert!((gate.noise() - 30.0 / 3.0_f32.sqrt()).abs() < 1.5, "{}", gate.noise());
    }

    #[test]
    fn a_noisy_chip_is_not_clear() {
        assert!(!ViewGate::new().is_clear(&chip(12.0, 30.0), 1.0));
    }

    #[test]
    fn a_blurred_chip_is_not_clear() {
        assert!(!ViewGate::new().is_clear(&chip(60.0, 0.0), 1.0));
    }

    #[test]
    fn a_flat_chip_is_not_clear() {
        assert!(!ViewGate::new().is_clear(&vec![90.0; 3 * SIDE * SIDE], 1.0));
    }

    #[test]
    fn values_that_are_not_numbers_are_not_clear() {
        assert!(!ViewGate::new().is_clear(&vec![f32::NAN; 3 * SIDE * SIDE], 1.0));
    }
}
