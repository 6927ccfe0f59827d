//! Age and gender of faces and tracks.

/// An age in years, with an interval that holds the true age about nine times out of ten.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// The most likely age.
    pub years: f32,
    /// The low end of the interval.
    pub low: f32,
    /// The high end of the interval.
    pub high: f32,
}

impl Age {
    /// The widest interval of a certain age, in years.
    pub const WIDEST_CERTAIN: f32 = 40.0;

    /// Returns true if the interval is at most [`Age::WIDEST_CERTAIN`] wide. Otherwise the estimate says little about the person, and
    /// should be shown and counted as unknown.
    ///
    /// ```
    /// use passerby_types::Age;
    ///
    /// assert!(Age { years: 30.0, low: 22.0, high: 44.0 }.is_certain());
    /// assert!(!Age { years: 55.0, low: 40.0, high: 85.0 }.is_certain());
    /// ```
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.high - self.low <= Self::WIDEST_CERTAIN
    }
}

/// The gender that the gender network assigns to a face.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gender {
    /// The network calls the face female.
    Female,
    /// The network calls the face male.
    Male,
}

/// The age and gender of a face, or of a track over many of its faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes {
    /// The age.
    pub age: Age,
    /// The probability that the face is male, 0 to 1, by the gender network.
    pub p_male: f32,
}

impl Attributes {
    /// The confidence with which the program calls a gender known.
    pub const GENDER_CONFIDENCE: f32 = 0.8;

    /// Returns the age if it is certain ([`Age::is_certain`]), or `None` if it is best called unknown.
    #[must_use]
    pub fn certain_age(&self) -> Option<Age> {
        Some(self.age).filter(Age::is_certain)
    }

    /// Returns the gender if its probability is at least `confidence` (0.5 to 1), or `None` if neither is.
    ///
    /// ```
    /// use passerby_types::{Age, Attributes, Gender};
    ///
    /// let attributes = Attributes { age: Age { years: 30.0, low: 20.0, high: 40.0 }, p_male: 0.85 };
    /// assert_eq!(attributes.gender(0.8), Some(Gender::Male));
    /// assert_eq!(attributes.gender(0.9), None);
    /// ```
    #[must_use]
    pub fn gender(&self, confidence: f32) -> Option<Gender> {
        if self.p_male >= confidence {
            Some(Gender::Male)
        } else if 1.0 - self.p_male >= confidence {
            Some(Gender::Female)
        } else {
            None
        }
    }

    /// Returns the mean of several tracks' attributes, weighted by the number of frames in which each face was found. A weight
    /// of 0 counts as 1. Returns `None` if there are no tracks.
    ///
    /// This is the definition of a person's age and gender: the summary of a pipeline and the database both use it, over the
    /// person's confirmed tracks.
    ///
    /// ```
    /// use passerby_types::{Age, Attributes};
    ///
    /// let at = |years| Attributes { age: Age { years, low: years - 5.0, high: years + 5.0 }, p_male: 0.5 };
    /// let mean = Attributes::weighted_mean([(300, at(30.0)), (100, at(34.0))]).unwrap();
    /// assert_eq!((mean.age.years, mean.age.low, mean.age.high), (31.0, 26.0, 36.0));
    /// assert_eq!(Attributes::weighted_mean([]), None);
    /// ```
    #[must_use]
    pub fn weighted_mean(tracks: impl IntoIterator<Item = (u64, Self)>) -> Option<Self> {
        let mut total = 0.0;
        let mut sums = [0.0; 4];
        for (frames, attributes) in tracks {
            let weight = frames.max(1) as f32;
            let Age { years, low, high } = attributes.age;
            total += weight;
            for (sum, value) in sums.iter_mut().zip([years, low, high, attributes.p_male]) {
                *sum += weight * value;
            }
        }
        let [years, low, high, p_male] = sums.map(|sum| sum / total);
        (total > 0.0).then_some(Self { age: Age { years, low, high }, p_male })
    }

    /// Returns true if all four numbers are finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        [self.age.years, self.age.low, self.age.high, self.p_male].iter().all(|v| v.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gender_needs_the_confidence() {
        let age = Age { years: 30.0, low: 20.0, high: 40.0 };
        let gender = |p_male| Attributes { age, p_male }.gender(0.8);
        assert_eq!(gender(0.9), Some(Gender::Male));
        assert_eq!(gender(0.1), Some(Gender::Female));
        assert_eq!(gender(0.7), None);
        assert_eq!(gender(f32::NAN), None);
    }
}
