//! dlib's networks for age and gender, with the gate that both classifiers share.

use passerby_inference::{Model, ModelError, RunError, Session};
use passerby_types::{Face, Image, StageError};

use crate::align::picture_from_chip;
use crate::distribution::{GROWN_FROM_YEARS, p_male_if_grown};
use crate::error::STAGE;
use crate::network::{Network, UNIT};
use crate::view_gate::{SIDE as AGE_SIDE, ViewGate};

/// The side of the gender network's input in pixels.
const GENDER_SIDE: usize = 32;
/// The number of classes of the age network: the ages 0 to 80.
const AGE_CLASSES: usize = 81;

/// The years that the first age class stands for, as in dlib, `examples/dnn_age_predictor_v1_ex.cpp`,
/// `get_estimated_age`.
const YEARS_OF_FIRST_CLASS: f32 = 0.25;

/// dlib's networks age-v1 and gender-v1, with buffers for one face.
pub(crate) struct DlibNetworks {
    age: Network<AGE_SIDE, AGE_CLASSES>,
    gender: Network<GENDER_SIDE, 2>,
    gate: ViewGate,
}

/// The networks' answer for a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DlibEstimate {
    /// The mean of the distribution over the ages.
    pub(crate) years: f32,
    /// The probability of an age from `GROWN_FROM_YEARS` on.
    pub(crate) p_grown: f32,
    pub(crate) p_male: f32,
}

impl DlibNetworks {
    pub(crate) fn new(age: Model, gender: Model) -> Result<Self, ModelError> {
        Ok(Self { age: Network::new(age)?, gender: Network::new(gender)?, gate: ViewGate::new() })
    }

    /// Returns the sessions for age and gender.
    pub(crate) fn sessions(&self) -> [&Session; 2] {
        [self.age.session(), self.gender.session()]
    }

    /// Returns the names of the networks for age and gender in errors.
    pub(crate) fn names(&self) -> [&str; 2] {
        [self.age.name(), self.gender.name()]
    }

    /// Estimates from a face of a picture, or returns `None` if the face cannot be aligned or its view shows too little.
    pub(crate) fn estimate(
        &mut self,
        image: &Image,
        face: &Face,
    ) -> Result<Option<DlibEstimate>, StageError> {
        let Some(landmarks) = face.landmarks.as_ref() else { return Ok(None) };
        let transform = |side| picture_from_chip(landmarks, side);
        let (Some(large), Some(small)) = (transform(AGE_SIDE), transform(GENDER_SIDE)) else {
            return Ok(None);
        };
        let chip = self.age.sample(image, &large);
        if !ViewGate::is_large_enough(face) || !self.gate.is_clear(image, landmarks, chip, UNIT) {
            return Ok(None);
        }
        let failed = |e: RunError| StageError::reset(STAGE, e);
        let ages = self.age.probabilities().map_err(failed)?;
        self.gender.sample(image, &small);
        let genders = self.gender.probabilities().map_err(failed)?;
        // Only corrupt weights give something else than a distribution.
        let (Some(ages), Some([_, p_male])) = (ages, genders) else {
            let broken = "the age or gender network returned no probability distribution";
            return Err(StageError::skip(STAGE, broken));
        };
        let p_grown = ages[GROWN_FROM_YEARS..].iter().sum();
        Ok(Some(DlibEstimate { years: mean_age(&ages), p_grown, p_male }))
    }
}

impl DlibEstimate {
    /// Returns the probability of male, which is near one half for a small child.
    pub(crate) fn p_male_if_grown(&self) -> f32 {
        p_male_if_grown(self.p_male, self.p_grown)
    }
}

/// Returns the mean of a distribution over the ages 0 to 80.
fn mean_age(p: &[f32; AGE_CLASSES]) -> f32 {
    YEARS_OF_FIRST_CLASS * p[0] + p.iter().enumerate().map(|(i, p)| i as f32 * p).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the age of a distribution with these probabilities, by class.
    fn age(classes: &[(usize, f32)]) -> f32 {
        let mut p = [0.0; AGE_CLASSES];
        classes.iter().for_each(|&(i, v)| p[i] = v);
        mean_age(&p)
    }

    #[test]
    fn the_age_is_the_mean_of_the_distribution() {
        assert_eq!(age(&[(30, 1.0)]), 30.0);
        assert_eq!(age(&[(20, 0.5), (40, 0.5)]), 30.0);
    }

    #[test]
    fn the_first_class_is_a_quarter_of_a_year() {
        assert_eq!(age(&[(0, 1.0)]), 0.25);
    }
}
