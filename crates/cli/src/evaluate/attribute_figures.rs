//! The errors of age and gender, by age.

use passerby::types::{Attributes, Gender};

/// The years of a band.
const BAND_YEARS: u32 = 20;
/// The number of bands. The last one has no end.
const BANDS: u32 = 5;
/// The age from which on a gender counts: the networks do not know that of small children.
const GROWN_FROM_YEARS: u32 = 10;

/// A picture with its truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) years: u32,
    pub(super) gender: Gender,
    /// `None` if the view shows too little.
    pub(super) estimate: Option<Attributes>,
}

/// The errors over some pictures. A share without a picture is `None`.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct ErrorRow {
    /// The ages, for example `20 to 39`.
    pub(super) ages: String,
    pub(super) pictures: usize,
    /// The share of the pictures with an estimate.
    pub(super) estimated: Option<f64>,
    /// The share of the pictures with a certain age.
    pub(super) age_answered: Option<f64>,
    /// The mean error of all estimates, in years.
    pub(super) error_years: Option<f64>,
    /// How much too old the estimates are, in years.
    pub(super) bias_years: Option<f64>,
    /// The mean error of the certain ages, in years.
    pub(super) error_years_of_answered: Option<f64>,
    /// The share of the estimates whose interval holds the age.
    pub(super) interval_holds: Option<f64>,
    /// Of the pictures of people from ten years on: the share with a known gender.
    pub(super) gender_answered: Option<f64>,
    /// Of these: the share that is right.
    pub(super) gender_right: Option<f64>,
}

/// Returns a row for all pictures, and one for each band with pictures.
pub(super) fn rows(answers: &[Answer]) -> Vec<ErrorRow> {
    let mut rows = vec![ErrorRow::new("all".into(), answers)];
    for band in 0..BANDS {
        let (from, to) = (band * BAND_YEARS, (band + 1) * BAND_YEARS);
        let is_last = band + 1 == BANDS;
        let of_band = |answer: &&Answer| from <= answer.years && (is_last || answer.years < to);
        let answers: Vec<Answer> = answers.iter().filter(of_band).copied().collect();
        let ages = if is_last { format!("from {from}") } else { format!("{from} to {}", to - 1) };
        if !answers.is_empty() {
            rows.push(ErrorRow::new(ages, &answers));
        }
    }
    rows
}

impl ErrorRow {
    fn new(ages: String, answers: &[Answer]) -> Self {
        let estimates = || answers.iter().filter_map(|answer| Some((answer.years as f64, answer.estimate?)));
        let certain = || estimates().filter_map(|(years, estimate)| Some((years, estimate.certain_age()?)));
        let grown = || answers.iter().filter(|answer| answer.years >= GROWN_FROM_YEARS);
        let known = || {
            grown().filter_map(|answer| {
                let gender = answer.estimate?.gender(Attributes::GENDER_CONFIDENCE)?;
                Some(f64::from(u8::from(gender == answer.gender)))
            })
        };
        let holds = |(years, estimate): (f64, Attributes)| {
            f64::from(u8::from(f64::from(estimate.age.low) <= years && years <= f64::from(estimate.age.high)))
        };
        Self {
            ages,
            pictures: answers.len(),
            estimated: share(estimates().count(), answers.len()),
            age_answered: share(certain().count(), answers.len()),
            error_years: mean(estimates().map(|(years, e)| (f64::from(e.age.years) - years).abs())),
            bias_years: mean(estimates().map(|(years, e)| f64::from(e.age.years) - years)),
            error_years_of_answered: mean(certain().map(|(years, age)| (f64::from(age.years) - years).abs())),
            interval_holds: mean(estimates().map(holds)),
            gender_answered: share(known().count(), grown().count()),
            gender_right: mean(known()),
        }
    }
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use passerby::types::Age;

    use super::*;

    fn answer(years: u32, low: f32, estimate: f32, high: f32, p_male: f32) -> Answer {
        let age = Age { years: estimate, low, high };
        Answer { years, gender: Gender::Male, estimate: Some(Attributes { age, p_male }) }
    }

    #[test]
    fn errors_are_means_over_the_estimates() {
        let none = Answer { years: 30, gender: Gender::Male, estimate: None };
        let answers = [answer(30, 20.0, 34.0, 50.0, 0.9), answer(36, 30.0, 30.0, 35.0, 0.1), none];
        let row = &rows(&answers)[0];
        assert_eq!((row.pictures, row.estimated, row.age_answered), (3, Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((row.error_years, row.bias_years), (Some(5.0), Some(-1.0)));
        assert_eq!(
            (row.interval_holds, row.gender_answered, row.gender_right),
            (Some(0.5), Some(2.0 / 3.0), Some(0.5))
        );
    }

    #[test]
    fn an_uncertain_age_is_not_answered() {
        let answers = [answer(30, 10.0, 40.0, 70.0, 0.5), answer(30, 20.0, 31.0, 40.0, 0.5)];
        let row = &rows(&answers)[0];
        assert_eq!(
            (row.age_answered, row.error_years, row.error_years_of_answered),
            (Some(0.5), Some(5.5), Some(1.0))
        );
        assert_eq!((row.gender_answered, row.gender_right), (Some(0.0), None));
    }

    #[test]
    fn the_gender_of_small_children_does_not_count() {
        let row = &rows(&[answer(5, 1.0, 5.0, 9.0, 0.0)])[0];
        assert_eq!((row.gender_answered, row.gender_right), (None, None));
    }

    #[test]
    fn each_band_with_pictures_has_a_row() {
        let answers =
            [answer(19, 1.0, 5.0, 9.0, 0.0), answer(20, 1.0, 5.0, 9.0, 0.0), answer(99, 1.0, 5.0, 9.0, 0.0)];
        let ages: Vec<String> = rows(&answers).into_iter().map(|row| row.ages).collect();
        assert_eq!(ages, ["all", "0 to 19", "20 to 39", "from 80"]);
    }
}
