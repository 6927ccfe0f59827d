//! How alike different people look to the bundled network, and how much more if there are several views or young faces.

use super::bundled_impostors::{COSINES, MANY_VIEWS_RAISE, SAME_PERSON, YOUTH, YOUTH_OFFSET, YOUTH_RAISE};
use super::dot::dot;

/// The rates of [`COSINES`] in a decade. The first is 1 in 10.
const RATES_A_DECADE: f64 = 10.0;

/// Returns the cosine that this share of the pairs of different people reaches: two grown-ups, a single view of each.
///
/// A rate outside the table, or one that is not finite, counts as the table's nearest end.
pub(crate) fn cosine_at(rate: f64) -> f32 {
    let last = COSINES.len() - 1;
    let place = (-rate.log10() - 1.0) * RATES_A_DECADE;
    let place = if place.is_finite() { place.clamp(0.0, last as f64) } else { last as f64 };
    let row = (place as usize).min(last - 1);
    let part = (place - row as f64) as f32;
    COSINES[row] + part * (COSINES[row + 1] - COSINES[row])
}

/// Returns how much a threshold rises for the mean of this many independent views in the place of a single one: without their
/// noise, the faces of two people who look alike are more alike.
pub(crate) fn views_raise(views: f32) -> f32 {
    MANY_VIEWS_RAISE * (1.0 - 1.0 / views.max(1.0))
}

/// Returns how much a threshold rises if the nearest of this many templates is compared and not a certain one: a stranger has as many
/// chances.
pub(crate) fn choices_raise(templates: usize) -> f32 {
    /// The rate at which the table is read: below it, equal factors of the rate are equal steps of the cosine.
    const RATE: f64 = 1e-4;
    cosine_at(RATE / templates.max(1) as f64) - cosine_at(RATE)
}

/// Returns how much a threshold rises for this face, a unit vector, because the network cannot tell young faces apart. It is 0
/// for grown-ups, and for a vector that is not of the bundled network's length.
pub(crate) fn youth_raise(face: &[f32]) -> f32 {
    if face.len() != YOUTH.len() {
        return 0.0;
    }
    YOUTH_RAISE * (dot(face, &YOUTH) + YOUTH_OFFSET).clamp(0.0, 1.0)
}

/// Returns the number of independent views that `count` views are worth, if their pairs have this mean cosine: `count` if they are
/// as unlike as pictures of different occasions, 1 if they are equal.
pub(crate) fn independent_views(count: usize, mean_cosine: f32) -> f32 {
    let count = count as f32;
    let common = ((mean_cosine - SAME_PERSON) / (1.0 - SAME_PERSON)).clamp(0.0, 1.0);
    count / (1.0 + (count - 1.0) * common)
}

/// Returns the mean cosine of all pairs of these unit vectors, or 1 if there are fewer than two. `vectors` returns the same
/// vectors at each call.
pub(crate) fn mean_pair_cosine<'a, I: Iterator<Item = &'a [f32]>>(vectors: impl Fn() -> I) -> f32 {
    let mut sum = 0.0;
    let mut pairs = 0.0;
    for (i, first) in vectors().enumerate() {
        for second in vectors().skip(i + 1) {
            sum += dot(first, second);
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_rises_with_rarity() {
        assert!(COSINES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(COSINES.iter().all(|cosine| (0.0..1.0).contains(cosine)));
    }

    #[test]
    fn a_rate_of_the_table_has_its_cosine() {
        assert_eq!(cosine_at(0.1), COSINES[0]);
        assert!((cosine_at(1e-4) - COSINES[30]).abs() < 1e-6);
        let between = cosine_at(1e-4 * 10f64.powf(-0.05));
        assert!((between - (COSINES[30] + COSINES[31]) / 2.0).abs() < 1e-5);
    }

    #[test]
    fn a_rate_outside_the_table_has_the_nearest_cosine() {
        let last = COSINES[COSINES.len() - 1];
        assert_eq!(cosine_at(0.9), COSINES[0]);
        assert_eq!(cosine_at(1e-30), last);
        assert_eq!(cosine_at(0.0), last);
        assert_eq!(cosine_at(f64::NAN), last);
        assert_eq!(cosine_at(-1.0), last);
    }

    #[test]
    fn equal_views_are_worth_one() {
        assert_eq!(independent_views(5, 1.0), 1.0);
        assert_eq!(independent_views(3, SAME_PERSON), 3.0);
        assert!((1.0..2.0).contains(&independent_views(2, 0.9)));
        assert_eq!(views_raise(1.0), 0.0);
        assert!(views_raise(4.0) > views_raise(2.0));
    }

    #[test]
    fn the_nearest_of_several_needs_more_than_a_single_one() {
        assert_eq!(choices_raise(1), 0.0);
        assert!(choices_raise(8) > choices_raise(2) && choices_raise(8) < 0.1);
    }

    #[test]
    fn the_mean_cosine_counts_each_pair_once() {
        let vectors = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
        let mean = mean_pair_cosine(|| vectors.iter().map(<[f32; 2]>::as_slice));
        assert!((mean - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(mean_pair_cosine(|| vectors[..1].iter().map(<[f32; 2]>::as_slice)), 1.0);
    }

    #[test]
    fn a_vector_of_another_length_is_not_young() {
        assert_eq!(youth_raise(&[1.0; 3]), 0.0);
    }
}
