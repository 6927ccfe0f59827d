//! The default classifier: HSE faceres and dlib's networks together.

use std::fmt;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, RunError, Session};
use passerby_types::{Attributes, Classifier, Face, FaceChip, Image, StageError};

use crate::distribution::p_male_if_grown;
#[cfg(feature = "bundled")]
use crate::dlib::DlibAgeGender;
use crate::dlib_networks::{DlibEstimate, DlibNetworks};
use crate::error::{ClassifierError, STAGE};
use crate::faceres::{Faceres, FaceresEstimate};
use crate::interval::age_with_interval;

/// The weight of faceres in the age; dlib's networks have the rest. The error is smallest from 0.7 to 0.8.
const FACERES_WEIGHT: f32 = 0.7;

/// The interval's reach below the age: these years, and this many standard deviations of faceres' distribution.
const BELOW: (f32, f32) = (5.7, 0.46);
/// The interval's reach above the age: these years, and this many standard deviations of faceres' distribution.
const ABOVE: (f32, f32) = (-0.8, 1.81);
/// The least reach of the interval above the age, in years.
const LEAST_ABOVE: f32 = 0.5;

/// Estimates age and gender with HSE faceres (A. Savchenko, Apache-2.0) and dlib's networks age-v1 and gender-v1 (Cydral, dlib-models,
/// CC0) together: the default classifier.
///
/// The age is the weighted mean of both, and `p_male` the mean of both. `p_male` is near one half for small children. The interval of
/// the age follows the width of faceres' distribution. On 474 pictures of UTKFace from 1 to 81 years the mean error is 6.2 years, and
/// 5.8 for the 94 % whose interval is narrow enough to be certain ([`Age::is_certain`](passerby_types::Age::is_certain)).
/// [`Attributes::gender`] with a confidence of 0.8 answers for 92 % of the people from 18 years on, and is right for 98.8 % of them.
///
/// A view that is smaller than 20 pixels, noisy, blurred, flat or drawn has no attributes, because the networks are then certain and wrong.
///
/// The classifier samples a face directly from the picture, in any pixel layout, once for each network. Outside the picture it repeats
/// the pixels of the border. A batch runs face by face, so a result never depends on the other faces. Instances that are made from the
/// same [`Model`]s share their weights; each has only buffers of its own. An instance works on one thread.
///
/// [`DlibAgeGender`](crate::DlibAgeGender) takes a third of the time.
///
/// ```
/// use passerby_demographics::AgeGender;
/// use passerby_detect::YuNet;
///
/// # #[cfg(feature = "bundled")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits/biden.jpg");
/// # let image = passerby_capture::open(photo)?.next_picture()?.ok_or("no picture")?.image;
/// let mut classifier = AgeGender::bundled()?;
/// let faces = YuNet::bundled()?.detect_image(&image)?; // `image` has one face
/// let attributes = classifier.classify_face(&image, &faces[0])?.ok_or("the face shows too little")?;
/// assert!(attributes.age.low <= attributes.age.years && attributes.age.years <= attributes.age.high);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bundled"))]
/// # fn main() {}
/// ```
pub struct AgeGender {
    faceres: Faceres,
    dlib: DlibNetworks,
}

/// The networks of an [`AgeGender`].
#[derive(Clone, Debug)]
pub struct AgeGenderModels {
    /// HSE faceres: an input `[batch, 3, 224, 224]`; as outputs the probabilities of the ages 1 to 100 as `[batch, 100]`, and the
    /// probability of male as `[batch, 1]`.
    pub faceres: Model,
    /// dlib's age-v1: an input `[batch, 3, 64, 64]`; as its first output the probabilities of the ages 0 to 80 as `[batch, 81]`.
    pub age: Model,
    /// dlib's gender-v1: an input `[batch, 3, 32, 32]`; as its first output the probabilities of female and male as `[batch, 2]`.
    pub gender: Model,
}

impl AgeGenderModels {
    /// Returns the bundled networks, stored in half precision and computed in single precision. The first call reads them; later calls
    /// return the same shared networks.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] if the engine cannot run a network, which means that this build is broken.
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, ClassifierError> {
        static FACERES: Bundled = Bundled::new("faceres", passerby_faceres_weights::ONNX)
            .with_graph(passerby_faceres_weights::GRAPH);
        let (age, gender) = DlibAgeGender::bundled_models()?;
        Ok(Self { faceres: FACERES.model()?, age, gender })
    }
}

impl AgeGender {
    /// Creates a classifier with the bundled weights. See [`AgeGenderModels::bundled`].
    ///
    /// # Errors
    /// As for [`AgeGenderModels::bundled`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, ClassifierError> {
        Self::new(AgeGenderModels::bundled()?)
    }

    /// Creates a classifier with these networks.
    ///
    /// # Errors
    /// [`ClassifierError::Model`] if a network has another input or output than [`AgeGenderModels`] says.
    pub fn new(models: AgeGenderModels) -> Result<Self, ClassifierError> {
        let AgeGenderModels { faceres, age, gender } = models;
        Ok(Self { faceres: Faceres::new(faceres)?, dlib: DlibNetworks::new(age, gender)? })
    }

    /// Returns the sessions of faceres and of dlib's networks for age and for gender, in this order. A session has the backend of its
    /// network and the reason for it.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        std::iter::once(self.faceres.session()).chain(self.dlib.sessions())
    }

    /// Estimates age and gender of a face of a picture. `face` is in pixels of `image`, as a detector returns it.
    ///
    /// Returns `None` if the face cannot be aligned, because it has no landmarks or landmarks that fit no face, or if its view shows too
    /// little. In a pipeline, use [`Classifier::classify`], which works on the part of a frame around each face.
    ///
    /// # Errors
    /// If a network fails, the class is `Reset`: the caller should make a new instance. If a network returns no probability
    /// distribution, the class is `Skip`: the caller should go on without this face.
    pub fn classify_face(&mut self, image: &Image, face: &Face) -> Result<Option<Attributes>, StageError> {
        let Some(dlib) = self.dlib.estimate(image, face)? else { return Ok(None) };
        let faceres =
            self.faceres.estimate(image, face).map_err(|e: RunError| StageError::reset(STAGE, e))?;
        // Only corrupt weights give something else than a distribution.
        let faceres =
            faceres.ok_or_else(|| StageError::skip(STAGE, "faceres returned no probability distribution"))?;
        Ok(Some(combine(&faceres, &dlib)))
    }
}

impl Classifier for AgeGender {
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
impl fmt::Debug for AgeGender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [age, gender] = self.dlib.names();
        write!(f, "AgeGender({}, {age}, {gender})", self.faceres.name())
    }
}

/// Returns the attributes that both estimates give together.
fn combine(faceres: &FaceresEstimate, dlib: &DlibEstimate) -> Attributes {
    let years = FACERES_WEIGHT * faceres.years + (1.0 - FACERES_WEIGHT) * dlib.years;
    let below = BELOW.0 + BELOW.1 * faceres.deviation;
    let above = (ABOVE.0 + ABOVE.1 * faceres.deviation).max(LEAST_ABOVE);
    let p_male = (faceres.p_male + dlib.p_male) / 2.0;
    Attributes {
        age: age_with_interval(years, below, above),
        p_male: p_male_if_grown(p_male, faceres.p_grown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DLIB: DlibEstimate = DlibEstimate { years: 40.0, p_grown: 1.0, p_male: 1.0 };
    const FACERES: FaceresEstimate =
        FaceresEstimate { years: 30.0, deviation: 10.0, p_grown: 1.0, p_male: 0.5 };

    #[test]
    fn the_age_is_the_weighted_mean() {
        assert!((combine(&FACERES, &DLIB).age.years - 33.0).abs() < 1e-4);
    }

    #[test]
    fn the_interval_follows_the_deviation_of_faceres() {
        let age = combine(&FACERES, &DLIB).age;
        assert!((age.low - (33.0 - 10.3)).abs() < 1e-3 && (age.high - (33.0 + 17.3)).abs() < 1e-3, "{age:?}");
        let sure = combine(&FaceresEstimate { deviation: 0.0, ..FACERES }, &DLIB).age;
        assert!((sure.high - 33.5).abs() < 1e-3, "{sure:?}");
    }

    #[test]
    fn the_gender_is_the_mean_of_both() {
        assert_eq!(combine(&FACERES, &DLIB).p_male, 0.75);
    }

    #[test]
    fn a_small_child_has_no_gender() {
        assert_eq!(combine(&FaceresEstimate { p_grown: 0.0, ..FACERES }, &DLIB).p_male, 0.5);
    }
}
