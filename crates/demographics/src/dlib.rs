//! Age and gender by dlib's networks.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, RunError, Session};
use passerby_types::{Age, Attributes, Classifier, FaceChip, StageError};

use crate::align::picture_from_chip;
use crate::network::Network;
use crate::{ClassifierError, STAGE};

/// The side of the age network's input in pixels.
const AGE_SIDE: usize = 64;
/// The side of the gender network's input in pixels.
const GENDER_SIDE: usize = 32;
/// The ages 0 to 80 that the age network tells apart.
const AGES: usize = 81;

/// What the first class, the ages from 0 up to 1, counts in years: dlib, `examples/dnn_age_predictor_v1_ex.cpp`,
/// `get_estimated_age`.
const YOUNGEST: f32 = 0.25;

/// The part of the distribution that the interval of an age leaves out at each end: a tenth in all.
const TAIL: f32 = 0.05;

/// Estimates age and gender with dlib's networks age-v1 and gender-v1 (Cydral, dlib-models, CC0).
///
/// A face is sampled straight out of its chip, whatever the layout, once for each network: RGB at 64x64 and 32x32,
/// turned and scaled so that the five landmarks lie as in dlib's mean face, the border's pixels repeated outside the
/// picture. A batch runs face by face, so an answer never depends on the other faces.
///
/// The age is the mean of the network's distribution over the ages 0 to 80, the interval the part of it between 5 %
/// and 95 %. `p_male` is what the gender network says. Measured on 999 pictures of people of 3 to 80 years (UTKFace):
/// the age is wrong by 7.0 years in the mean, the gender right for 95.7 % of those from 10 years on. The interval of
/// one view is the network's own word, and it is surer of some views than it is right: take many views of a track
/// together with a [`AttributeVote`](crate::AttributeVote), whose interval widens where they disagree.
///
/// Instances made from the same [`Model`]s share their weights; an instance of its own has only buffers. One instance
/// works on one thread.
pub struct DlibAgeGender {
    age: Network<AGE_SIDE, AGES>,
    gender: Network<GENDER_SIDE, 2>,
}

impl DlibAgeGender {
    /// The classifier with the bundled weights, which are read once a process: see
    /// [`DlibAgeGender::bundled_models`].
    ///
    /// # Errors
    /// As [`DlibAgeGender::bundled_models`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, ClassifierError> {
        let (age, gender) = Self::bundled_models()?;
        Self::new(age, gender)
    }

    /// The bundled networks for age and for gender: dlib's age-v1 and gender-v1 (CC0), stored in half precision,
    /// computed in single. Read at the first call; every later call gives the same shared ones.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] where the engine does not take a network, which would be a fault of this build.
    #[cfg(feature = "bundled")]
    pub fn bundled_models() -> Result<(Model, Model), ClassifierError> {
        static AGE: Bundled = Bundled::new("age-v1", include_bytes!("../models/age-v1_fp16.onnx"));
        static GENDER: Bundled = Bundled::new("gender-v1", include_bytes!("../models/gender-v1_fp16.onnx"));
        Ok((AGE.model()?, GENDER.model()?))
    }

    /// The classifier with the weights of two ONNX files. To make several instances, read the files once with
    /// [`Model::from_path`] and use [`DlibAgeGender::new`].
    ///
    /// # Errors
    /// [`ClassifierError`], which names the file.
    pub fn from_paths(age: impl AsRef<Path>, gender: impl AsRef<Path>) -> Result<Self, ClassifierError> {
        Self::new(Model::from_path(age)?, Model::from_path(gender)?)
    }

    /// The classifier with these weights: for age an input `[batch, 3, 64, 64]` and `[batch, 81]`, the probabilities
    /// of the ages 0 to 80, as the first output; for gender `[batch, 3, 32, 32]` and `[batch, 2]`, female and male.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] for another input or output.
    pub fn new(age: Model, gender: Model) -> Result<Self, ClassifierError> {
        Ok(Self { age: Network::new(age)?, gender: Network::new(gender)? })
    }

    /// The networks for age and for gender: what runs them, and why.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        [self.age.session(), self.gender.session()].into_iter()
    }

    /// `None` for a face that cannot be aligned.
    fn one(&mut self, chip: &FaceChip) -> Result<Option<Attributes>, StageError> {
        let place = |side| picture_from_chip(chip.face.landmarks.as_ref()?, side);
        let (Some(large), Some(small)) = (place(AGE_SIDE), place(GENDER_SIDE)) else {
            return Ok(None);
        };
        let failed = |e: RunError| StageError::reset(STAGE, e).at(&chip.meta);
        let ages = self.age.probabilities(&chip.image, &large).map_err(failed)?;
        let genders = self.gender.probabilities(&chip.image, &small).map_err(failed)?;
        // Numbers that are none come only from weights that are broken for this face.
        let (Some(ages), Some([_, p_male])) = (ages, genders) else {
            let broken = "an answer of the age or gender network is no distribution";
            return Err(StageError::skip(STAGE, broken).at(&chip.meta));
        };
        Ok(Some(Attributes { age: age(&ages), p_male: p_male.clamp(0.0, 1.0) }))
    }
}

impl Classifier for DlibAgeGender {
    /// As [`Classifier::classify`] says.
    ///
    /// # Errors
    /// `Reset` where a network fails, `Skip` where its answer is no distribution; both name the frame.
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            *out = self.one(chip)?;
        }
        Ok(())
    }
}

/// The networks only.
impl fmt::Debug for DlibAgeGender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (age, gender) = (self.age.name(), self.gender.name());
        write!(f, "DlibAgeGender({age}, {gender})")
    }
}

/// The mean of a distribution over the ages 0 to 80, and the ages between which nine tenths of it lie. The mean of a
/// lopsided distribution may lie outside those; then the interval reaches to it.
fn age(p: &[f32; AGES]) -> Age {
    let years = YOUNGEST * p[0] + p.iter().enumerate().map(|(i, p)| i as f32 * p).sum::<f32>();
    Age { years, low: quantile(p, TAIL).min(years), high: quantile(p, 1.0 - TAIL).max(years) }
}

/// The age below which a part `q` of the distribution lies. Class `i` stands for the year around `i`, evenly; class 0
/// for the half year from 0.
fn quantile(p: &[f32; AGES], q: f32) -> f32 {
    let mut below = 0.0;
    for (i, &p) in p.iter().enumerate() {
        if p > 0.0 && below + p >= q {
            let within = ((q - below) / p).clamp(0.0, 1.0);
            let (from, to) = ((i as f32 - 0.5).max(0.0), i as f32 + 0.5);
            return from + within * (to - from);
        }
        below += p;
    }
    AGES as f32 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages(of: &[(usize, f32)]) -> Age {
        let mut p = [0.0; AGES];
        of.iter().for_each(|&(i, v)| p[i] = v);
        age(&p)
    }

    #[test]
    fn an_age_is_the_mean_and_its_interval_nine_tenths() {
        let sure = ages(&[(30, 1.0)]);
        assert_eq!(sure.years, 30.0);
        assert!((sure.low - 29.55).abs() < 1e-3 && (sure.high - 30.45).abs() < 1e-3);

        let even: Vec<(usize, f32)> = (20..40).map(|i| (i, 0.05)).collect();
        let even = ages(&even);
        assert!((even.years - 29.5).abs() < 1e-3, "{even:?}");
        assert!((even.low - 20.5).abs() < 0.01 && (even.high - 38.5).abs() < 0.01, "{even:?}");

        let infant = ages(&[(0, 1.0)]);
        assert_eq!(infant.years, 0.25);
        assert!(infant.low >= 0.0 && infant.low <= 0.25 && infant.high >= 0.25);
    }

    #[test]
    fn the_interval_holds_the_age_however_lopsided() {
        let lopsided = ages(&[(0, 0.96), (80, 0.04)]);
        assert!(lopsided.low <= lopsided.years && lopsided.years <= lopsided.high);
        assert!((lopsided.years - 3.44).abs() < 0.01);
        let old = ages(&[(80, 1.0)]);
        assert!(old.high <= 80.5 && old.low <= old.years);
    }
}
