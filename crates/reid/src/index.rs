//! The templates of all persons in one matrix, searched exactly.

use std::collections::BTreeMap;

use passerby_types::{Embedding, PersonId, Timestamp, TrackKey};

use crate::GalleryPolicy;
use crate::views::View;

/// Two views of one person this alike show nothing that the better one does not. In the bundled network different
/// crops of one picture lie at 0.88 to 0.90, pictures of one person on different occasions at 0.57 to 0.81.
const LIKE: f32 = 0.85;

/// What is known of one row of the matrix.
struct Template {
    person: PersonId,
    track: TrackKey,
    quality: f32,
    /// When it, or a view like it, was seen last.
    seen: Timestamp,
}

/// Templates of persons: unit vectors of one length, one after another.
#[derive(Default)]
pub(crate) struct Index {
    /// The length of a template: that of the first one ever kept.
    length: Option<usize>,
    rows: Vec<f32>,
    templates: Vec<Template>,
    of: BTreeMap<PersonId, Vec<usize>>,
}

impl Index {
    /// True where this embedding can be of the same network as the templates.
    pub(crate) fn fits(&self, embedding: &Embedding) -> bool {
        self.length.is_none_or(|n| n == embedding.as_slice().len())
    }

    /// How many templates there are.
    pub(crate) fn len(&self) -> usize {
        self.templates.len()
    }

    /// How many templates a person has.
    pub(crate) fn count(&self, person: PersonId) -> usize {
        self.of.get(&person).map_or(0, Vec::len)
    }

    /// Every person of whom a template lies at `floor` or above, with the nearest one's cosine, nearest person first,
    /// of equals the older.
    pub(crate) fn search(&self, probe: &Embedding, floor: f32) -> Vec<(PersonId, f32)> {
        let mut found: Vec<_> = self.near(probe, floor).collect();
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        found.dedup_by_key(|(person, _)| *person);
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found
    }

    /// The person and the cosine of every template that lies at `floor` or above, in no order.
    pub(crate) fn near(&self, probe: &Embedding, floor: f32) -> impl Iterator<Item = (PersonId, f32)> {
        let cosines = self.each(probe).map(|(row, template)| (template.person, dot(probe.as_slice(), row)));
        cosines.filter(move |(_, cosine)| *cosine >= floor)
    }

    /// The cosine to the person's nearest template, leaving out those that `without` taught; `None` where none is
    /// left.
    pub(crate) fn nearest(
        &self,
        person: PersonId,
        probe: &Embedding,
        without: Option<TrackKey>,
    ) -> Option<f32> {
        let rows = self.of.get(&person).filter(|_| self.fits(probe))?;
        rows.iter()
            .filter(|&&i| Some(self.templates[i].track) != without)
            .map(|&i| dot(probe.as_slice(), self.row(i)))
            .max_by(f32::total_cmp)
    }

    /// Takes a view of a person, so that a person's templates are at most [`GalleryPolicy::templates`], unlike one another,
    /// good and not old: a view like one that is there replaces it where it is better; where there is no room a
    /// template that is stale goes, else the worse of the two most alike.
    pub(crate) fn learn(&mut self, person: PersonId, track: TrackKey, view: &View, policy: &GalleryPolicy) {
        if !self.fits(&view.embedding) {
            return;
        }
        let own = self.of.get(&person).map_or(&[][..], Vec::as_slice);
        let full = own.len() >= policy.templates;
        let probe = view.embedding.as_slice();
        let near = own.iter().map(|&i| (i, dot(probe, self.row(i))));
        if let Some((i, cosine)) = near.max_by(|a, b| a.1.total_cmp(&b.1))
            && cosine >= LIKE
        {
            let old = &mut self.templates[i];
            old.seen = old.seen.max(view.captured);
            if view.quality > old.quality {
                (old.quality, old.track) = (view.quality, track);
                self.row_mut(i).copy_from_slice(probe);
            }
            return;
        }
        self.push(person, track, view);
        if full {
            let surplus = self.surplus(person, view.captured, policy);
            surplus.into_iter().for_each(|i| self.remove(i));
        }
    }

    /// Gives all templates of `from` to `to`.
    pub(crate) fn merge(&mut self, from: PersonId, to: PersonId, policy: &GalleryPolicy) {
        let rows = self.of.remove(&from).unwrap_or_default();
        let mut now = Timestamp::default();
        for &i in &rows {
            self.templates[i].person = to;
            now = now.max(self.templates[i].seen);
        }
        self.of.entry(to).or_default().extend(rows);
        while self.count(to) > policy.templates {
            let Some(i) = self.surplus(to, now, policy) else { return };
            self.remove(i);
        }
    }

    /// Forgets a person.
    pub(crate) fn forget(&mut self, person: PersonId) {
        while let Some(&i) = self.of.get(&person).and_then(|rows| rows.last()) {
            self.remove(i);
        }
        self.of.remove(&person);
    }

    /// The template of this person to go first.
    fn surplus(&self, person: PersonId, now: Timestamp, policy: &GalleryPolicy) -> Option<usize> {
        let rows = self.of.get(&person)?;
        let age = |i: usize| now.since(self.templates[i].seen);
        let oldest = rows.iter().copied().max_by_key(|&i| age(i))?;
        if age(oldest) > policy.stale {
            return Some(oldest);
        }
        let mut alike: Option<(f32, usize, usize)> = None;
        for (n, &i) in rows.iter().enumerate() {
            for &j in &rows[..n] {
                let cosine = dot(self.row(i), self.row(j));
                if alike.is_none_or(|(best, ..)| cosine > best) {
                    alike = Some((cosine, i, j));
                }
            }
        }
        // A person of one template, where one is the limit, keeps the better.
        let (_, i, j) = alike?;
        let (a, b) = (&self.templates[i], &self.templates[j]);
        let worse = a.quality.total_cmp(&b.quality).then(a.seen.cmp(&b.seen));
        Some(if worse.is_lt() { i } else { j })
    }

    fn push(&mut self, person: PersonId, track: TrackKey, view: &View) {
        let values = view.embedding.as_slice();
        self.length = Some(values.len());
        self.rows.extend_from_slice(values);
        self.of.entry(person).or_default().push(self.templates.len());
        self.templates.push(Template { person, track, quality: view.quality, seen: view.captured });
    }

    /// Removes row `i`; the last row takes its place.
    fn remove(&mut self, i: usize) {
        let (last, length) = (self.templates.len() - 1, self.length.unwrap_or_default());
        self.rows.copy_within(last * length.., i * length);
        self.rows.truncate(last * length);
        let gone = self.templates.swap_remove(i);
        if let Some(rows) = self.of.get_mut(&gone.person) {
            rows.retain(|&r| r != i);
        }
        if let Some(moved) = self.templates.get(i) {
            let rows = self.of.get_mut(&moved.person);
            rows.into_iter().flatten().filter(|r| **r == last).for_each(|r| *r = i);
        }
    }

    fn each(&self, probe: &Embedding) -> impl Iterator<Item = (&[f32], &Template)> {
        // With a probe of another length there is nothing to compare.
        let length = self.length.filter(|_| self.fits(probe)).unwrap_or(usize::MAX);
        self.rows.chunks_exact(length).zip(&self.templates)
    }

    fn row(&self, i: usize) -> &[f32] {
        let length = self.length.unwrap_or_default();
        &self.rows[i * length..][..length]
    }

    fn row_mut(&mut self, i: usize) -> &mut [f32] {
        let length = self.length.unwrap_or_default();
        &mut self.rows[i * length..][..length]
    }
}

/// The inner product of two vectors of one length, in sixteen sums side by side so that it runs in vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; LANES];
    for (x, y) in a.zip(b) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use passerby_testkit::suite::{direction, sighting};
    use proptest::prelude::*;

    use super::*;

    fn view(person: u64, jitter: u64, quality: f32) -> View {
        View { quality, ..View::from(&sighting(1, jitter, person)) }
    }

    /// Every row belongs to the person that lists it, and to nobody else.
    fn check(index: &Index) {
        let listed: usize = index.of.values().map(Vec::len).sum();
        assert_eq!(listed, index.len());
        assert_eq!(index.rows.len(), index.len() * index.length.unwrap_or_default());
        for (person, rows) in &index.of {
            assert!(rows.iter().all(|&i| index.templates[i].person == *person));
        }
    }

    #[test]
    fn templates_are_few_and_the_better_of_two_alike_stays() {
        let policy = GalleryPolicy { templates: 3, ..GalleryPolicy::default() };
        let (mut index, person, track) = (Index::default(), PersonId(1), TrackKey::default());
        index.learn(person, track, &view(1, 0, 0.5), &policy);
        let again = View { captured: Timestamp(Duration::from_secs(9)), ..view(1, 0, 0.9) };
        index.learn(person, track, &again, &policy);
        assert_eq!(index.len(), 1, "the same view is one template");
        assert_eq!(index.templates[0].quality, 0.9);
        for other in 2..9 {
            index.learn(person, track, &view(other, 0, 0.6), &policy);
            check(&index);
        }
        assert_eq!((index.len(), index.count(person)), (3, 3));
    }

    #[test]
    fn a_stale_template_goes_first_however_good() {
        let policy = GalleryPolicy { templates: 2, ..GalleryPolicy::default() };
        let (mut index, person, track) = (Index::default(), PersonId(1), TrackKey::default());
        index.learn(person, track, &view(1, 0, 1.0), &policy);
        for (other, days) in [(2, 1), (3, 40)] {
            let captured = Timestamp(Duration::from_secs(days * 24 * 3600));
            index.learn(person, track, &View { captured, ..view(other, 0, 0.2) }, &policy);
        }
        assert!(index.nearest(person, &direction(3, 0), None).unwrap() > 0.99);
        let qualities: Vec<f32> = index.templates.iter().map(|t| t.quality).collect();
        assert!(qualities.iter().all(|q| *q < 0.5), "the old one went: {qualities:?}");
    }

    #[test]
    fn an_embedding_of_another_length_matches_nobody() {
        let (mut index, policy) = (Index::default(), GalleryPolicy::default());
        index.learn(PersonId(1), TrackKey::default(), &view(1, 0, 0.5), &policy);
        let short = Embedding::new(vec![1.0, 0.0]).unwrap();
        assert!(index.search(&short, -1.0).is_empty());
        assert_eq!(index.nearest(PersonId(1), &short, None), None);
    }

    proptest! {
        #[test]
        fn rows_and_persons_stay_in_step(steps in prop::collection::vec((0u64..6, 0u64..40, 0u8..8), 1..120)) {
            let policy = GalleryPolicy { templates: 3, ..GalleryPolicy::default() };
            let mut index = Index::default();
            for (person, face, action) in steps {
                match action {
                    0 => index.forget(PersonId(person)),
                    1 => index.merge(PersonId(person), PersonId((person + 1) % 6), &policy),
                    _ => index.learn(PersonId(person), TrackKey::default(), &view(face, face, 0.5), &policy),
                }
                check(&index);
                prop_assert!((0..6).all(|p| index.count(PersonId(p)) <= 3));
                for (found, cosine) in index.search(&direction(face, face), 0.5) {
                    prop_assert_eq!(index.nearest(found, &direction(face, face), None), Some(cosine));
                }
            }
        }
    }
}
