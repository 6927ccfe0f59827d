//! How often a gallery misses people whom it knows, and takes strangers for them.

use fastrand::Rng;
use passerby::reid::{Gallery, GalleryPolicy, Match, MatchRule};
use passerby::types::{BoxError, Embedding, PersonId};

use super::face_reader::FaceView;

/// The pictures that a person needs to be known in the galleries: two to know and two to show. It is the same for all rows, so that
/// the rows have the same people.
pub(super) const KNOWN_PICTURES: usize = 4;
/// The views that the gallery has of a known person, and those that it is shown at once.
const VIEWS: [(usize, usize); 4] = [(1, 1), (2, 1), (1, 2), (2, 2)];
/// The FPIR at which the misses are counted.
const FPIRS: [f64; 2] = [0.01, 0.003];
/// The fewest strangers beside a gallery. With fewer, an FPIR of 1 % is less than one stranger.
pub(super) const MIN_STRANGERS: usize = 100;

/// The errors of a gallery of one size with one number of views.
#[derive(Debug, serde::Serialize)]
pub(super) struct OpenSetRow {
    /// The persons of the gallery.
    pub(super) gallery: usize,
    /// Those of them who are shown to it again.
    pub(super) known: usize,
    /// The strangers who are shown to it.
    pub(super) strangers: usize,
    pub(super) views_known: usize,
    pub(super) views_shown: usize,
    /// The number of times that a known person was shown, over all draws.
    pub(super) known_shown: usize,
    pub(super) strangers_shown: usize,
    /// The strangers shown in a single view because they have only one picture.
    pub(super) strangers_in_one_view: usize,
    /// The gallery's own threshold for a single view of a grown-up.
    pub(super) threshold: f32,
    /// At the gallery's own thresholds: the share of strangers who were taken for a person.
    pub(super) fpir: f64,
    /// At the gallery's own thresholds: the share of known people who were not recognised, or were taken for another. `None` if no
    /// person has enough pictures to be known.
    pub(super) fnir: Option<f64>,
    /// The same at thresholds that are moved until 1 % of these strangers are taken for a person.
    pub(super) fnir_at_fpir_1_percent: Option<f64>,
    /// The same at 0.3 %.
    pub(super) fnir_at_fpir_0_3_percent: Option<f64>,
}

/// The number of random galleries, and the rule for matches.
pub(super) struct Draws {
    pub(super) count: usize,
    pub(super) seed: u64,
    pub(super) matching: MatchRule,
}

/// The answers to the people who were shown.
#[derive(Default)]
struct Answers {
    /// How far the best match lay above its threshold, and whether it was the right person.
    known: Vec<(f32, bool)>,
    strangers: Vec<f32>,
    in_one_view: usize,
}

/// Returns whether the people are enough for a gallery of this size.
pub(super) fn is_possible(people: &[Vec<FaceView>], size: usize) -> bool {
    people.len() >= size + MIN_STRANGERS
}

/// Measures galleries of this size with each number of views. Those who can be known come into a gallery first, the others
/// fill it up, and all the rest are strangers.
///
/// # Errors
/// A person cannot be enrolled: the embeddings are of different networks.
pub(super) fn measure(
    people: &[Vec<FaceView>],
    size: usize,
    draws: &Draws,
) -> Result<Vec<OpenSetRow>, BoxError> {
    VIEWS.iter().map(|&views| measure_views(people, size, views, draws)).collect()
}

fn measure_views(
    people: &[Vec<FaceView>],
    size: usize,
    (views_known, views_shown): (usize, usize),
    draws: &Draws,
) -> Result<OpenSetRow, BoxError> {
    let mut random = Rng::with_seed(draws.seed);
    let mut answers = Answers::default();
    let mut known = 0;
    for _ in 0..draws.count {
        let mut order: Vec<usize> = (0..people.len()).collect();
        random.shuffle(&mut order);
        // Stable: those who can be known keep their random order.
        order.sort_by_key(|&person| people[person].len() < KNOWN_PICTURES);
        let (inside, outside) = order.split_at(size.min(order.len()));
        let policy =
            GalleryPolicy { max_persons: size, matching: draws.matching, ..GalleryPolicy::default() };
        let mut gallery = Gallery::with_policy(policy);
        let mut shown: Vec<(PersonId, Vec<Embedding>)> = Vec::new();
        known = 0;
        for &person in inside {
            let mut views = embeddings(&people[person]);
            random.shuffle(&mut views);
            if views.len() < KNOWN_PICTURES {
                gallery.enroll(&views[..1])?;
                continue;
            }
            known += 1;
            let id = gallery.enroll(&views[..views_known])?;
            shown.extend(views[views_known..].chunks_exact(views_shown).map(|views| (id, views.to_vec())));
        }
        for (id, views) in shown {
            if let Some(best) = best_match(&gallery, &views) {
                answers.known.push((margin(best), best.person == id));
            }
        }
        for &person in outside {
            let mut views = embeddings(&people[person]);
            random.shuffle(&mut views);
            views.truncate(views_shown);
            answers.in_one_view += usize::from(views.len() == 1);
            answers.strangers.extend(best_match(&gallery, &views).map(margin));
        }
    }
    let [at_1_percent, at_0_3_percent] =
        FPIRS.map(|fpir| misses(&answers, margin_at(&answers.strangers, fpir)));
    Ok(OpenSetRow {
        gallery: size,
        known,
        strangers: people.len() - size,
        views_known,
        views_shown,
        known_shown: answers.known.len(),
        strangers_shown: answers.strangers.len(),
        strangers_in_one_view: answers.in_one_view,
        threshold: draws.matching.threshold(size),
        fpir: share(
            answers.strangers.iter().filter(|margin| **margin >= 0.0).count(),
            answers.strangers.len(),
        ),
        fnir: misses(&answers, 0.0),
        fnir_at_fpir_1_percent: at_1_percent,
        fnir_at_fpir_0_3_percent: at_0_3_percent,
    })
}

fn embeddings(views: &[FaceView]) -> Vec<Embedding> {
    views.iter().map(|view| view.embedding.clone()).collect()
}

fn best_match(gallery: &Gallery, views: &[Embedding]) -> Option<Match> {
    gallery.search_views(views, 1).first().copied()
}

fn margin(found: Match) -> f32 {
    found.similarity - found.threshold
}

/// Returns the lowest margin at which at most this share of the strangers is taken for a person.
fn margin_at(strangers: &[f32], fpir: f64) -> f32 {
    let mut sorted = strangers.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (fpir * sorted.len() as f64) as usize;
    sorted.get(allowed).map_or(f32::NEG_INFINITY, |first_refused| first_refused.next_up())
}

/// Returns the share of known people who are missed if a match must lie this far above its threshold, or `None` without such people.
fn misses(answers: &Answers, min_margin: f32) -> Option<f64> {
    let missed = answers.known.iter().filter(|(margin, is_right)| !is_right || *margin < min_margin).count();
    (!answers.known.is_empty()).then(|| share(missed, answers.known.len()))
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A person whose pictures lie at the axis `who`, each a little apart.
    fn person(who: usize, pictures: usize) -> Vec<FaceView> {
        let view = |picture: usize| {
            let mut values = vec![0.0; 300];
            values[who] = 1.0;
            values[299 - picture] = 0.3;
            FaceView { embedding: Embedding::new(values).expect("finite"), quality: 0.8, size: 90.0 }
        };
        (0..pictures).map(view).collect()
    }

    fn draws() -> Draws {
        Draws { count: 2, seed: 1, matching: MatchRule::default() }
    }

    #[test]
    fn people_who_differ_are_recognised_and_strangers_are_not() {
        let people: Vec<_> = (0..150).map(|who| person(who, if who < 20 { 4 } else { 1 })).collect();
        let rows = measure(&people, 50, &draws()).unwrap();
        assert_eq!(rows.len(), VIEWS.len());
        for row in rows {
            assert_eq!((row.gallery, row.known, row.strangers), (50, 20, 100), "{row:?}");
            assert_eq!(
                (row.fpir, row.fnir, row.fnir_at_fpir_1_percent),
                (0.0, Some(0.0), Some(0.0)),
                "{row:?}"
            );
            assert_eq!((row.strangers_shown, row.strangers_in_one_view), (200, 200));
            let groups = (4 - row.views_known) / row.views_shown;
            assert_eq!(row.known_shown, 2 * 20 * groups, "{row:?}");
        }
    }

    #[test]
    fn people_who_are_equal_are_taken_for_one_another() {
        let mut people: Vec<_> = (0..20).map(|who| person(who, 4)).collect();
        people.extend((0..130).map(|_| person(0, 1)));
        for row in measure(&people, 50, &draws()).unwrap() {
            assert_eq!(row.fpir, 1.0, "{row:?}");
            assert!(row.fnir_at_fpir_1_percent > row.fnir, "{row:?}");
        }
    }

    #[test]
    fn without_known_people_there_is_no_fnir() {
        let people: Vec<_> = (0..150).map(|who| person(who, 1)).collect();
        for row in measure(&people, 50, &draws()).unwrap() {
            assert_eq!((row.known, row.fnir, row.fnir_at_fpir_1_percent), (0, None, None), "{row:?}");
        }
    }

    #[test]
    fn a_margin_lets_the_given_share_pass() {
        let strangers: Vec<f32> = (0..200).map(|n| n as f32).collect();
        let limit = margin_at(&strangers, 0.01);
        assert_eq!(strangers.iter().filter(|margin| **margin >= limit).count(), 2);
        assert_eq!(margin_at(&[], 0.01), f32::NEG_INFINITY);
    }

    #[test]
    fn a_gallery_leaves_a_hundred_strangers() {
        let people: Vec<_> = (0..150).map(|who| person(who, 1)).collect();
        assert!(is_possible(&people, 50) && !is_possible(&people, 51));
    }
}
