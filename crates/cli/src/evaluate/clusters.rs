//! How well found persons agree with true people.

use std::collections::BTreeMap;

/// Figures of a division of pictures into persons, beside the true one.
#[derive(Debug, PartialEq, serde::Serialize)]
pub(super) struct ClusterFigures {
    pub(super) people: usize,
    pub(super) persons: usize,
    /// Of pairs of pictures: the harmonic mean of precision and recall.
    pub(super) pairwise_f: f64,
    /// The mean over pictures (B-cubed): Bagga and Baldwin, "Entity-based cross-document coreferencing", 1998.
    pub(super) b_cubed_f: f64,
    /// The share of people who have a picture in a person that holds another one's picture, too.
    pub(super) people_who_share: f64,
}

/// Compares persons with people: each picture has the true one's number and the found one's.
pub(super) fn compare(pictures: &[(usize, u64)]) -> ClusterFigures {
    let mut both: BTreeMap<(usize, u64), f64> = BTreeMap::new();
    let mut people: BTreeMap<usize, f64> = BTreeMap::new();
    let mut persons: BTreeMap<u64, f64> = BTreeMap::new();
    let mut owners: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for &(who, person) in pictures {
        *both.entry((who, person)).or_default() += 1.0;
        *people.entry(who).or_default() += 1.0;
        *persons.entry(person).or_default() += 1.0;
    }
    for &(who, person) in both.keys() {
        owners.entry(person).or_default().push(who);
    }
    let pairs = |counts: &mut dyn Iterator<Item = f64>| counts.map(|n| n * (n - 1.0) / 2.0).sum::<f64>();
    let right = pairs(&mut both.values().copied());
    let pairwise_f =
        f_measure(right, pairs(&mut persons.values().copied()), pairs(&mut people.values().copied()));
    let mut precision = 0.0;
    let mut recall = 0.0;
    for ((who, person), n) in &both {
        precision += n * n / persons[person];
        recall += n * n / people[who];
    }
    let all = pictures.len() as f64;
    let mut sharing: Vec<usize> =
        owners.values().filter(|owners| owners.len() > 1).flatten().copied().collect();
    sharing.sort_unstable();
    sharing.dedup();
    ClusterFigures {
        people: people.len(),
        persons: persons.len(),
        pairwise_f,
        b_cubed_f: harmonic(precision / all, recall / all),
        people_who_share: if people.is_empty() { 0.0 } else { sharing.len() as f64 / people.len() as f64 },
    }
}

/// Returns the F-measure of `right` among `found` and among `true_ones`. It is 1 if there is nothing to find and nothing was found.
fn f_measure(right: f64, found: f64, true_ones: f64) -> f64 {
    if found + true_ones == 0.0 { 1.0 } else { 2.0 * right / (found + true_ones) }
}

fn harmonic(a: f64, b: f64) -> f64 {
    if a + b > 0.0 { 2.0 * a * b / (a + b) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_division_has_an_f_of_one() {
        let figures = compare(&[(1, 10), (1, 10), (2, 20), (3, 30)]);
        let expected =
            ClusterFigures { people: 3, persons: 3, pairwise_f: 1.0, b_cubed_f: 1.0, people_who_share: 0.0 };
        assert_eq!(figures, expected);
    }

    #[test]
    fn figures_of_a_wrong_division_are_those_by_hand() {
        // One person of two people with two pictures each, and a third one alone.
        let figures = compare(&[(1, 10), (1, 10), (2, 10), (2, 10), (3, 30)]);
        assert_eq!((figures.people, figures.persons), (3, 2));
        assert!((figures.pairwise_f - 2.0 * 2.0 / (6.0 + 2.0)).abs() < 1e-12);
        // Precision (4 x 1/2 + 1) / 5, recall 1.
        assert!((figures.b_cubed_f - 2.0 * 0.6 / 1.6).abs() < 1e-12);
        assert!((figures.people_who_share - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn people_with_one_picture_who_stay_apart_are_perfect() {
        let figures = compare(&[(1, 1), (2, 2)]);
        assert_eq!((figures.pairwise_f, figures.b_cubed_f), (1.0, 1.0));
    }
}
