//! Age and gender.

/// An age in years with the interval it lies in about nine times out of ten.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    /// The best guess.
    pub years: f32,
    /// The low end of the interval.
    pub low: f32,
    /// The high end of the interval.
    pub high: f32,
}

/// What the gender network calls a face.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// Age and gender of a face, or of a track over many of its faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes {
    /// The age.
    pub age: Age,
    /// The probability that the gender network would call this face male, 0 to 1.
    pub p_male: f32,
}

impl Attributes {
    /// The gender where the network is at least `confidence` sure of one (0.5 to 1), else `None`: unknown.
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
    fn a_gender_is_unknown_until_sure_enough() {
        let age = Age { years: 30.0, low: 20.0, high: 40.0 };
        let gender = |p_male| Attributes { age, p_male }.gender(0.8);
        assert_eq!(gender(0.9), Some(Gender::Male));
        assert_eq!(gender(0.1), Some(Gender::Female));
        assert_eq!(gender(0.7), None);
        assert_eq!(gender(f32::NAN), None);
    }
}
