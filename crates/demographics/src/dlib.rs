//! Estimates age and gender with dlib's networks.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, RunError, Session};
use passerby_types::{Age, Attributes, Classifier, Face, FaceChip, Image, StageError};

use crate::align::picture_from_chip;
use crate::error::{ClassifierError, STAGE};
use crate::network::Network;

/// The side of the age network's input in pixels.
const AGE_SIDE: usize = 64;
/// The side of the gender network's input in pixels.
const GENDER_SIDE: usize = 32;
/// The number of classes of the age network: the ages 0 to 80.
const AGE_CLASSES: usize = 81;

/// The years that the first age class stands for, as in dlib, `examples/dnn_age_predictor_v1_ex.cpp`,
/// `get_estimated_age`.
const YEARS_OF_FIRST_CLASS: f32 = 0.25;

/// The part of the distribution that an age's interval leaves out at each end: a tenth in total.
const INTERVAL_TAIL: f32 = 0.05;

/// Estimates age and gender with dlib's networks age-v1 and gender-v1 (Cydral, dlib-models, CC0).
///
/// The classifier samples a face directly from the picture, in any pixel layout, once for each network: RGB at 64x64 and
/// 32x32, turned and scaled so that the five landmarks lie as in dlib's mean face. Outside the picture it repeats the
/// pixels of the border. A batch runs face by face, so a result never depends on the other faces.
///
/// The age is the mean of the age network's distribution over the ages 0 to 80; its interval goes from 5 % to 95 % of the
/// distribution. `p_male` is the output of the gender network. On 999 pictures of people from 3 to 80 years (UTKFace) the
/// mean error of the age is 7.0 years, and the gender is right for 95.7 % of the people from 10 years on.
///
/// For some views the network is too certain, so the interval of one view is too narrow. Combine the views of a track with
/// an [`AttributeVote`](crate::AttributeVote): its interval widens if the views disagree.
///
/// Instances that are made from the same [`Model`]s share their weights; each has only buffers of its own. An instance
/// works on one thread.
///
/// ```
/// use passerby_demographics::DlibAgeGender;
/// use passerby_types::{BBox, ColorSpace, Face, Image, Landmarks, PixelLayout, Point};
///
/// # #[cfg(feature = "bundled")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut classifier = DlibAgeGender::bundled()?;
/// let pixels = (0..112 * 112).map(|i| (i % 251) as u8).collect();
/// let image = Image::from_vec(PixelLayout::Gray8, 112, 112, ColorSpace::JPEG, pixels)?;
/// // From a detector: a face with its five landmarks.
/// let landmarks = [(38.0, 52.0), (74.0, 52.0), (56.0, 72.0), (42.0, 92.0), (71.0, 92.0)];
/// let landmarks = Landmarks(landmarks.map(|(x, y)| Point::new(x, y)));
/// let face = Face::new(BBox::from_xywh(20.0, 20.0, 72.0, 90.0), 0.9).with_landmarks(landmarks);
///
/// let attributes = classifier.classify_face(&image, &face)?.ok_or("the landmarks fit no face")?;
/// assert!(attributes.age.low <= attributes.age.years && attributes.age.years <= attributes.age.high);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bundled"))]
/// # fn main() {}
/// ```
pub struct DlibAgeGender {
    age: Network<AGE_SIDE, AGE_CLASSES>,
    gender: Network<GENDER_SIDE, 2>,
}

impl DlibAgeGender {
    /// Creates a classifier with the bundled weights. See [`DlibAgeGender::bundled_models`].
    ///
    /// # Errors
    /// As for [`DlibAgeGender::bundled_models`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, ClassifierError> {
        let (age, gender) = Self::bundled_models()?;
        Self::new(age, gender)
    }

    /// Returns the bundled networks for age and for gender: dlib's age-v1 and gender-v1 (CC0), stored in half precision and
    /// computed in single precision. The first call reads them; later calls return the same shared networks.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] if the engine cannot run a network, which means that this build is broken.
    #[cfg(feature = "bundled")]
    pub fn bundled_models() -> Result<(Model, Model), ClassifierError> {
        static AGE: Bundled = Bundled::new("age-v1", include_bytes!("../models/age-v1_fp16.onnx"))
            .with_graph(include_bytes!("../models/age-v1.graph"));
        static GENDER: Bundled = Bundled::new("gender-v1", include_bytes!("../models/gender-v1_fp16.onnx"))
            .with_graph(include_bytes!("../models/gender-v1.graph"));
        Ok((AGE.model()?, GENDER.model()?))
    }

    /// Creates a classifier with the weights of two ONNX files. It needs the feature `tract`. For several instances, read
    /// the files once with [`Model::from_path`] and use [`DlibAgeGender::new`].
    ///
    /// # Errors
    /// As for [`DlibAgeGender::new`], or if a file cannot be read. The message names the file.
    pub fn from_paths(age: impl AsRef<Path>, gender: impl AsRef<Path>) -> Result<Self, ClassifierError> {
        Self::new(Model::from_path(age)?, Model::from_path(gender)?)
    }

    /// Creates a classifier with these weights.
    ///
    /// The age network must have an input `[batch, 3, 64, 64]` and, as its first output, the probabilities of the ages 0 to
    /// 80 as `[batch, 81]`. The gender network must have an input `[batch, 3, 32, 32]` and, as its first output, the
    /// probabilities of female and male as `[batch, 2]`.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] if a network has another input or output.
    pub fn new(age: Model, gender: Model) -> Result<Self, ClassifierError> {
        Ok(Self { age: Network::new(age)?, gender: Network::new(gender)? })
    }

    /// Returns the sessions of the networks for age and for gender, in this order. A session has the backend of its network
    /// and the reason for it.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        [self.age.session(), self.gender.session()].into_iter()
    }

    /// Estimates age and gender of a face of a picture. `face` is in pixels of `image`, as a detector returns it.
    ///
    /// Returns `None` if the face cannot be aligned: it has no landmarks, or landmarks that fit no face. In a pipeline, use
    /// [`Classifier::classify`], which works on the part of a frame around each face.
    ///
    /// # Errors
    /// If a network fails, the class is `Reset`: the caller should make a new instance. If a network returns no probability
    /// distribution, the class is `Skip`: the caller should go on without this face.
    pub fn classify_face(&mut self, image: &Image, face: &Face) -> Result<Option<Attributes>, StageError> {
        let transform = |side| picture_from_chip(face.landmarks.as_ref()?, side);
        let (Some(large), Some(small)) = (transform(AGE_SIDE), transform(GENDER_SIDE)) else {
            return Ok(None);
        };
        let failed = |e: RunError| StageError::reset(STAGE, e);
        let ages = self.age.probabilities(image, &large).map_err(failed)?;
        let genders = self.gender.probabilities(image, &small).map_err(failed)?;
        // Only corrupt weights give something else than a distribution.
        let (Some(ages), Some([_, p_male])) = (ages, genders) else {
            let broken = "the age or gender network returned no probability distribution";
            return Err(StageError::skip(STAGE, broken));
        };
        Ok(Some(Attributes { age: mean_age(&ages), p_male: p_male.clamp(0.0, 1.0) }))
    }
}

impl Classifier for DlibAgeGender {
    /// Estimates age and gender of the chips' faces one after another. See [`Classifier::classify`].
    ///
    /// # Errors
    /// `Reset` if a network fails, `Skip` if it returns no probability distribution. The message names the frame.
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            *out = self.classify_face(&chip.image, &chip.face).map_err(|e| e.at(&chip.meta))?;
        }
        Ok(())
    }
}

/// Prints the names of the networks only.
impl fmt::Debug for DlibAgeGender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DlibAgeGender({}, {})", self.age.name(), self.gender.name())
    }
}

/// Returns the mean of a distribution over the ages 0 to 80, with the interval that holds nine tenths of it.
///
/// The mean of a lopsided distribution may lie outside that interval. The interval then reaches to the mean.
fn mean_age(p: &[f32; AGE_CLASSES]) -> Age {
    let years = YEARS_OF_FIRST_CLASS * p[0] + p.iter().enumerate().map(|(i, p)| i as f32 * p).sum::<f32>();
    let low = quantile(p, INTERVAL_TAIL).min(years);
    let high = quantile(p, 1.0 - INTERVAL_TAIL).max(years);
    Age { years, low, high }
}

/// Returns the age below which a part `q` of the distribution lies. Class `i` covers the year around `i` evenly; class 0
/// covers the half year from 0.
fn quantile(p: &[f32; AGE_CLASSES], q: f32) -> f32 {
    let mut below = 0.0;
    for (i, &p) in p.iter().enumerate() {
        if p > 0.0 && below + p >= q {
            let within = ((q - below) / p).clamp(0.0, 1.0);
            let from = (i as f32 - 0.5).max(0.0);
            let to = i as f32 + 0.5;
            return from + within * (to - from);
        }
        below += p;
    }
    AGE_CLASSES as f32 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the age of a distribution with these probabilities, by class.
    fn age(classes: &[(usize, f32)]) -> Age {
        let mut p = [0.0; AGE_CLASSES];
        classes.iter().for_each(|&(i, v)| p[i] = v);
        mean_age(&p)
    }

    #[test]
    fn a_certain_age_has_an_interval_within_a_year() {
        let sure = age(&[(30, 1.0)]);
        assert_eq!(sure.years, 30.0);
        assert!((sure.low - 29.55).abs() < 1e-3 && (sure.high - 30.45).abs() < 1e-3);
    }

    #[test]
    fn the_interval_holds_nine_tenths_of_the_distribution() {
        let even: Vec<(usize, f32)> = (20..40).map(|i| (i, 0.05)).collect();
        let even = age(&even);
        assert!((even.years - 29.5).abs() < 1e-3, "{even:?}");
        assert!((even.low - 20.5).abs() < 0.01 && (even.high - 38.5).abs() < 0.01, "{even:?}");
    }

    #[test]
    fn the_first_class_is_a_quarter_of_a_year() {
        let infant = age(&[(0, 1.0)]);
        assert_eq!(infant.years, 0.25);
        assert!(infant.low >= 0.0 && infant.low <= 0.25 && infant.high >= 0.25);
    }

    #[test]
    fn the_interval_holds_the_age_of_a_lopsided_distribution() {
        let lopsided = age(&[(0, 0.96), (80, 0.04)]);
        assert!(lopsided.low <= lopsided.years && lopsided.years <= lopsided.high);
        assert!((lopsided.years - 3.44).abs() < 0.01);
    }

    #[test]
    fn the_interval_ends_with_the_last_class() {
        let old = age(&[(80, 1.0)]);
        assert!(old.high <= 80.5 && old.low <= old.years);
    }
}
