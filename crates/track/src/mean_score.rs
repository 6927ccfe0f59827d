//! The average score of a track, and of all tracks of a camera.
//!
//! What a score means depends on the detector, the scene and the light. A score is therefore judged by those of the
//! faces that are being followed, instead of by a fixed limit.

/// The least weight of a new score in the average: the average reaches back over about fifty detections.
const MIN_WEIGHT: f64 = 0.02;

/// A running average of scores.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MeanScore {
    mean: f64,
    count: u32,
}

impl MeanScore {
    /// Starts with one score.
    pub(crate) fn of(score: f32) -> Self {
        let mut mean = Self::default();
        mean.add(score);
        mean
    }

    /// Returns the average, or 0 as long as there is no score.
    pub(crate) fn mean(&self) -> f32 {
        self.mean as f32
    }

    /// Adds a score. One that is not finite is left out.
    pub(crate) fn add(&mut self, score: f32) {
        if score.is_finite() {
            self.count = self.count.saturating_add(1);
            let weight = (1.0 / f64::from(self.count)).max(MIN_WEIGHT);
            self.mean += weight * (f64::from(score) - self.mean);
        }
    }

    /// Returns a score relative to the average, from 0 to 1. It is 1 for every score from the average on, and as long as
    /// the average is not above 0 or there is none.
    pub(crate) fn relative(&self, score: f32) -> f32 {
        if self.mean > 0.0 { (f64::from(score) / self.mean).clamp(0.0, 1.0) as f32 } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(scores: &[f32]) -> MeanScore {
        let mut usual = MeanScore::default();
        scores.iter().for_each(|&score| usual.add(score));
        usual
    }

    #[test]
    fn at_first_every_score_is_usual() {
        assert_eq!(usual(&[]).relative(0.1), 1.0);
    }

    #[test]
    fn scores_are_relative_to_their_average() {
        let usual = usual(&[0.7, 0.9]);
        assert_eq!(usual.relative(0.4), 0.5);
        assert_eq!(usual.relative(0.95), 1.0);
    }

    #[test]
    fn the_average_follows_the_light() {
        let mut usual = usual(&[0.9; 1000]);
        (0..200).for_each(|_| usual.add(0.6));
        assert!(usual.relative(0.6) > 0.99, "{usual:?}");
    }

    #[test]
    fn scores_that_are_no_probabilities_are_harmless() {
        assert_eq!(usual(&[-3.0, -5.0]).relative(-9.0), 1.0);
        assert_eq!(usual(&[f32::NAN, f32::INFINITY, 0.5]).relative(f32::INFINITY), 1.0);
        assert_eq!(usual(&[20.0]).relative(-1e9), 0.0);
    }
}
