//! How old persons were, and of which gender.

use std::collections::HashMap;

use passerby_types::{Attributes, Gender};

use super::passage::Passage;
use super::question::TimeRange;

/// The years of an age band.
const BAND_YEARS: u32 = 10;
/// The number of age bands. The last one has no end.
const BANDS: usize = 9;

/// The persons of one age band.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeBand {
    /// The lowest age, in years.
    pub from: u32,
    /// The age at which the next band begins, or `None` for the last band.
    pub to: Option<u32>,
    /// The persons.
    pub persons: u64,
}

/// The persons by age: each person once, at the mean of their passages in the range.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct AgeHistogram {
    /// The bands, rising: 0 to 9 years, 10 to 19, and so on, up to 80 and more.
    pub bands: Vec<AgeBand>,
    /// The persons whose age is unknown, or not certain ([`Age::is_certain`](passerby_types::Age::is_certain)).
    pub unknown: u64,
    /// The share of persons whose age is unknown, 0 to 1. 0 without a person.
    pub unknown_share: f64,
}

/// The persons by gender, as the gender network assigns it with a probability of at least 0.8.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GenderCounts {
    /// The persons whom the network calls female.
    pub female: u64,
    /// The persons whom the network calls male.
    pub male: u64,
    /// The persons whose gender is unknown.
    pub unknown: u64,
    /// The share of persons whose gender is unknown, 0 to 1. 0 without a person.
    pub unknown_share: f64,
}

impl AgeHistogram {
    /// Counts persons by their attributes, which are `None` if they are unknown.
    #[must_use]
    pub fn of(persons: impl IntoIterator<Item = Option<Attributes>>) -> Self {
        let mut counts = [0; BANDS];
        let (mut unknown, mut all) = (0, 0);
        for attributes in persons {
            all += 1;
            match attributes.and_then(|a| a.certain_age()).map(|age| age.years) {
                Some(years) => counts[((years.max(0.0) as u32 / BAND_YEARS) as usize).min(BANDS - 1)] += 1,
                None => unknown += 1,
            }
        }
        let band = |(band, persons): (usize, u64)| {
            let from = band as u32 * BAND_YEARS;
            AgeBand { from, to: (band + 1 < BANDS).then_some(from + BAND_YEARS), persons }
        };
        let bands = counts.into_iter().enumerate().map(band).collect();
        Self { bands, unknown, unknown_share: share(unknown, all) }
    }
}

impl GenderCounts {
    /// Counts persons by their attributes, which are `None` if they are unknown.
    #[must_use]
    pub fn of(persons: impl IntoIterator<Item = Option<Attributes>>) -> Self {
        let [mut female, mut male, mut unknown] = [0; 3];
        for attributes in persons {
            match attributes.and_then(|a| a.gender(Attributes::GENDER_CONFIDENCE)) {
                Some(Gender::Female) => female += 1,
                Some(Gender::Male) => male += 1,
                None => unknown += 1,
            }
        }
        let unknown_share = share(unknown, (female + male + unknown) as usize);
        Self { female, male, unknown, unknown_share }
    }
}

/// Returns the attributes of each person who was seen in the range: the mean of the passages, as
/// [`Attributes::weighted_mean`] has it.
pub(super) fn of_persons(passages: &[Passage], range: TimeRange) -> HashMap<u32, Option<Attributes>> {
    let mut tracks: HashMap<u32, Vec<(u64, Attributes)>> = HashMap::new();
    for passage in passages.iter().filter(|p| p.last >= range.from) {
        if let Some(person) = passage.person {
            tracks.entry(person).or_default().extend(passage.attributes.map(|a| (passage.found, a)));
        }
    }
    tracks.into_iter().map(|(person, tracks)| (person, Attributes::weighted_mean(tracks))).collect()
}

fn share(part: u64, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}
