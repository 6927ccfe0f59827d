//! The templates of all persons in one matrix, and an exact search in it.

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use passerby_types::{Embedding, EntryId, FaceTemplate, JournalChange, PersonId, Timestamp, TrackKey};

use crate::lasting::recorder::{Recorder, wall};
use crate::policy::GalleryPolicy;
use crate::similarity::{
    Candidate, PersonMeans, Probe, choices_raise, dot, independent_views, mean_pair_cosine, raise,
    youth_raise,
};
use crate::views::View;
pub(crate) use template::Kept;
use template::{Origin, Template, retire};

/// The cosine from which two views of one person show the same, so that only the better one is kept. In the bundled
/// network, different crops of one picture have 0.88 to 0.90, pictures of one person on different occasions 0.57 to 0.81.
const DUPLICATE_COSINE: f32 = 0.85;

/// How far below its threshold the mean template may lie so that the single templates are compared, too.
const NEAR_MARGIN: f32 = -0.3;

/// How far a template's time may move before the journal gets it. It also gets the time when a track ends.
const NOTED_INTERVAL: Duration = Duration::from_secs(3600);

/// The templates of all persons: unit vectors with one length, stored one after another.
#[derive(Default)]
pub(crate) struct TemplateIndex {
    /// The length of a template, which is that of the first one ever kept.
    length: Option<usize>,
    values: Vec<f32>,
    templates: Vec<Template>,
    rows_of: BTreeMap<PersonId, Vec<usize>>,
    /// Templates of merged persons that found no room in the matrix. An undone merge brings them back.
    reserve: BTreeMap<PersonId, Vec<Kept>>,
    /// The mean of each person's rows.
    means: PersonMeans,
}

impl TemplateIndex {
    /// Returns true if the embedding has the length of the templates, so that both can come from one network.
    pub(crate) fn fits(&self, embedding: &Embedding) -> bool {
        self.length.is_none_or(|n| n == embedding.as_slice().len())
    }

    /// Returns the length of a template, or `None` if none was ever kept.
    pub(crate) fn template_length(&self) -> Option<usize> {
        self.length
    }

    /// Returns the number of templates.
    pub(crate) fn len(&self) -> usize {
        self.templates.len()
    }

    /// Returns the number of templates of a person.
    pub(crate) fn count(&self, person: PersonId) -> usize {
        self.rows_of.get(&person).map_or(0, Vec::len)
    }

    /// Returns the templates row by row, one after another.
    #[cfg(feature = "ndarray")]
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the person of each row.
    #[cfg(feature = "ndarray")]
    pub(crate) fn persons_by_row(&self) -> impl Iterator<Item = PersonId> {
        self.templates.iter().map(|template| template.person)
    }

    /// Returns every person who matches the probe at this threshold, the nearest first. Of equals, the older person comes first.
    pub(crate) fn search(&self, probe: &Probe, threshold: f32) -> Vec<Candidate> {
        let mut found: Vec<_> = self.candidates(probe, threshold).filter(Candidate::is_match).collect();
        found.sort_unstable_by(Candidate::nearest_first);
        found
    }

    /// Returns every person as a candidate for a probe at this threshold, in no particular order.
    pub(crate) fn candidates<'a>(
        &'a self,
        probe: &'a Probe,
        threshold: f32,
    ) -> impl Iterator<Item = Candidate> + 'a {
        self.means.candidates(probe, threshold).map(|candidate| self.with_nearest(candidate, probe))
    }

    /// Returns one person as a candidate for a probe at this threshold, or `None` if the person has no template or the probe has
    /// another length.
    pub(crate) fn candidate_of(&self, person: PersonId, probe: &Probe, threshold: f32) -> Option<Candidate> {
        let candidate = self.means.candidate_of(person, probe, threshold)?;
        Some(self.with_nearest(candidate, probe))
    }

    /// Returns the candidate with the cosine of the person's nearest template, if that lies further above its threshold than the mean.
    ///
    /// Views from very different sides have a mean that is near to none of them. A stranger has as many chances to be like one of the
    /// templates as there are, so this threshold is higher.
    fn with_nearest(&self, candidate: Candidate, probe: &Probe) -> Candidate {
        let rows = self.rows_of.get(&candidate.person).map_or(&[][..], Vec::as_slice);
        if rows.len() < 2 || candidate.margin() < NEAR_MARGIN {
            return candidate;
        }
        let cosines = rows.iter().map(|&i| (i, dot(probe.embedding.as_slice(), self.row(i))));
        let Some((nearest, cosine)) = cosines.max_by(|a, b| a.1.total_cmp(&b.1)) else { return candidate };
        let raise = probe.raise.map(|own| own + youth_raise(self.row(nearest)) + choices_raise(rows.len()));
        let by_template = candidate.by_template(cosine, raise.unwrap_or_default());
        if by_template.margin() > candidate.margin() { by_template } else { candidate }
    }

    /// Gives a track a new number in the templates that it taught a person.
    pub(crate) fn rename_track(&mut self, person: PersonId, old: TrackKey, new: TrackKey) {
        for &row in self.rows_of.get(&person).map_or(&[][..], Vec::as_slice) {
            if let Some(template) = self.templates.get_mut(row).filter(|t| t.origin == Origin::Track(old)) {
                template.origin = Origin::Track(new);
            }
        }
    }

    /// Returns the cosine to the nearest template of a person, without the templates that `except` taught.
    ///
    /// Returns `None` if no template remains.
    pub(crate) fn nearest(
        &self,
        person: PersonId,
        probe: &Embedding,
        except: Option<TrackKey>,
    ) -> Option<f32> {
        let rows = self.rows_of.get(&person).filter(|_| self.fits(probe))?;
        rows.iter()
            .filter(|&&i| except.is_none_or(|track| self.templates[i].origin != Origin::Track(track)))
            .map(|&i| dot(probe.as_slice(), self.row(i)))
            .max_by(f32::total_cmp)
    }

    /// Adds a view of a person to the person's templates, of which there are at most
    /// [`GalleryPolicy::templates_per_person`]. Ignores a view with another length.
    ///
    /// If a template is like the view, the better of the two stays. Otherwise the view becomes a template. If there is
    /// then one too many, a stale template goes, else the worse of the two that are most alike. Enrolled templates stay. A
    /// template that a merge brought goes into the reserve instead.
    pub(crate) fn learn(
        &mut self,
        person: PersonId,
        track: TrackKey,
        view: &View,
        policy: &GalleryPolicy,
        recorder: &mut Recorder,
    ) {
        if !self.fits(&view.embedding) {
            return;
        }
        let rows = self.rows_of.get(&person).map_or(&[][..], Vec::as_slice);
        let is_full = rows.len() >= policy.templates_per_person;
        let probe = view.embedding.as_slice();
        let cosines = rows.iter().map(|&i| (i, dot(probe, self.row(i))));
        if let Some((i, cosine)) = cosines.max_by(|a, b| a.1.total_cmp(&b.1))
            && cosine >= DUPLICATE_COSINE
        {
            let old = &mut self.templates[i];
            old.last_seen = old.last_seen.max(view.captured);
            if view.quality > old.quality && !old.is_enrolled() {
                self.drop_row(i, person, "a better view of the same kind", recorder);
                self.push(person, Origin::Track(track), view, recorder);
            } else if old.last_seen.since(old.noted) >= NOTED_INTERVAL {
                self.note_times(person, recorder);
            }
            return;
        }
        self.push(person, Origin::Track(track), view, recorder);
        if is_full && let Some(i) = self.surplus(person, view.captured, policy) {
            self.drop_row(i, person, "no room", recorder);
        }
    }

    /// Records the times of a person's templates that the journal does not have yet.
    pub(crate) fn note_times(&mut self, person: PersonId, recorder: &mut Recorder) {
        for &i in self.rows_of.get(&person).into_iter().flatten() {
            let template = &mut self.templates[i];
            if template.last_seen > template.noted && !template.is_enrolled() {
                template.noted = template.last_seen;
                let (id, at) = (template.id, wall(template.last_seen));
                recorder.record(None, "", |_| JournalChange::TemplateSeen { template: id, at });
            }
        }
    }

    /// Adds enrolled templates of a person, which must have the length of the other templates.
    ///
    /// If there are more than [`GalleryPolicy::templates_per_person`], those that are least alike stay.
    pub(crate) fn enroll(
        &mut self,
        person: PersonId,
        embeddings: &[Embedding],
        policy: &GalleryPolicy,
        recorder: &mut Recorder,
    ) {
        for embedding in embeddings {
            let captured = Timestamp::default();
            let view = View { embedding: embedding.clone(), quality: 1.0, seq: 0, captured };
            self.push(person, Origin::Enrolled, &view, recorder);
            if self.count(person) > policy.templates_per_person
                && let Some(i) = self.surplus(person, captured, policy)
            {
                self.drop_row(i, person, "no room", recorder);
            }
        }
    }

    /// Takes all templates of a person out, also those of the reserve, in no particular order.
    pub(crate) fn take(&mut self, person: PersonId) -> Vec<Kept> {
        let mut kept = self.reserve.remove(&person).unwrap_or_default();
        while let Some(&i) = self.rows_of.get(&person).and_then(|rows| rows.last()) {
            kept.push(Kept { template: self.templates[i].clone(), values: self.row(i).to_vec() });
            self.remove_row(i);
        }
        self.rows_of.remove(&person);
        kept
    }

    /// Makes these the templates of a person, who must have none. The result depends only on the templates: the surplus goes
    /// into the reserve.
    pub(crate) fn place(&mut self, person: PersonId, mut kept: Vec<Kept>, policy: &GalleryPolicy) {
        kept.sort_unstable_by_key(|kept| kept.template.id);
        let mut now = Timestamp::default();
        for Kept { mut template, values } in kept {
            template.person = person;
            now = now.max(template.last_seen);
            self.append(template, &values);
        }
        while self.count(person) > policy.templates_per_person {
            let Some(i) = self.surplus(person, now, policy) else { return };
            self.reserve_row(i, person);
        }
    }

    /// Returns all templates of a person by rising number, also those of the reserve.
    pub(crate) fn list(&self, person: PersonId) -> Vec<FaceTemplate> {
        let rows = self.rows_of.get(&person).into_iter().flatten();
        let rows = rows.map(|&i| (&self.templates[i], self.row(i)));
        let reserve = self.reserve.get(&person).into_iter().flatten();
        let reserve = reserve.map(|kept| (&kept.template, kept.values.as_slice()));
        let all = rows.chain(reserve).filter_map(|(template, values)| template.stored(values));
        let mut all: Vec<FaceTemplate> = all.collect();
        all.sort_unstable_by_key(|template| template.id);
        all
    }

    /// Returns the number of all templates of a person, also those of the reserve.
    pub(crate) fn count_all(&self, person: PersonId) -> usize {
        self.count(person) + self.reserve.get(&person).map_or(0, Vec::len)
    }

    /// Retires templates of the reserve of a person, the newest first, until it has at most `limit`.
    pub(crate) fn trim_reserve(&mut self, person: PersonId, limit: usize, recorder: &mut Recorder) {
        let Some(reserve) = self.reserve.get_mut(&person) else { return };
        reserve.sort_unstable_by_key(|kept| kept.template.id);
        for kept in reserve.drain(limit.min(reserve.len())..) {
            retire(&kept.template, "no room", recorder);
        }
    }

    /// Returns the persons who have these templates.
    pub(crate) fn persons_with(&self, ids: &BTreeSet<EntryId>) -> BTreeSet<PersonId> {
        let reserve = self.reserve.iter();
        let reserve = reserve.flat_map(|(person, kept)| kept.iter().map(|k| (*person, k.template.id)));
        let rows = self.templates.iter().map(|template| (template.person, template.id));
        rows.chain(reserve).filter(|(_, id)| ids.contains(id)).map(|(person, _)| person).collect()
    }

    /// Removes all templates of a person.
    pub(crate) fn remove_person(&mut self, person: PersonId) {
        self.take(person);
    }

    /// Makes templates belong to these persons, as if they had been added for them.
    pub(crate) fn settle(&mut self, persons: &BTreeMap<EntryId, PersonId>) {
        let reserve = self.reserve.values_mut().flatten().map(|kept| &mut kept.template);
        for template in self.templates.iter_mut().chain(reserve) {
            if let Some(&person) = persons.get(&template.id) {
                template.added_for = person;
            }
        }
    }

    /// Returns the template of a person that should go first.
    fn surplus(&self, person: PersonId, now: Timestamp, policy: &GalleryPolicy) -> Option<usize> {
        let rows = self.rows_of.get(&person)?;
        let age = |i: usize| self.templates[i].age(now);
        let oldest = rows.iter().copied().max_by_key(|&i| age(i))?;
        if age(oldest) > policy.template_max_age {
            return Some(oldest);
        }
        let is_enrolled = |i: usize| self.templates[i].is_enrolled();
        let all_enrolled = rows.iter().all(|&i| is_enrolled(i));
        let mut most_alike: Option<(f32, usize, usize)> = None;
        for (n, &i) in rows.iter().enumerate() {
            for &j in &rows[..n] {
                // As long as there are other templates, no enrolled one goes.
                if !all_enrolled && is_enrolled(i) && is_enrolled(j) {
                    continue;
                }
                let cosine = dot(self.row(i), self.row(j));
                if most_alike.is_none_or(|(best, ..)| cosine > best) {
                    most_alike = Some((cosine, i, j));
                }
            }
        }
        let (_, i, j) = most_alike?;
        let i_is_worse = self.templates[i].cmp_worth(&self.templates[j]).is_lt();
        Some(if i_is_worse { i } else { j })
    }

    fn push(&mut self, person: PersonId, origin: Origin, view: &View, recorder: &mut Recorder) {
        let mut template = Template {
            id: EntryId(0),
            person,
            owner: person,
            added_for: person,
            origin,
            quality: view.quality,
            last_seen: view.captured,
            noted: view.captured,
        };
        let reason = if origin == Origin::Enrolled { "entered by hand" } else { "a new view" };
        template.id = recorder.record(None, reason, |id| {
            JournalChange::TemplateAdded(template.with(id, view.embedding.clone()))
        });
        self.append(template, view.embedding.as_slice());
    }

    fn append(&mut self, template: Template, values: &[f32]) {
        self.length = Some(values.len());
        self.values.extend_from_slice(values);
        let person = template.person;
        self.rows_of.entry(person).or_default().push(self.templates.len());
        self.templates.push(template);
        self.update_mean(person);
    }

    /// Removes row `i`: for good if it is the person's own, into the reserve if a merge brought it.
    fn drop_row(&mut self, i: usize, person: PersonId, reason: &'static str, recorder: &mut Recorder) {
        if self.templates[i].owner == person {
            retire(&self.templates[i], reason, recorder);
            self.remove_row(i);
        } else {
            self.reserve_row(i, person);
        }
    }

    /// Moves row `i` into the reserve.
    fn reserve_row(&mut self, i: usize, person: PersonId) {
        let kept = Kept { template: self.templates[i].clone(), values: self.row(i).to_vec() };
        self.reserve.entry(person).or_default().push(kept);
        self.remove_row(i);
    }

    /// Removes row `i`. The last row takes its place.
    fn remove_row(&mut self, i: usize) {
        let last = self.templates.len() - 1;
        let length = self.length.unwrap_or_default();
        self.values.copy_within(last * length.., i * length);
        self.values.truncate(last * length);
        let removed = self.templates.swap_remove(i);
        if let Some(rows) = self.rows_of.get_mut(&removed.person) {
            rows.retain(|&r| r != i);
        }
        if let Some(moved) = self.templates.get(i) {
            let rows = self.rows_of.get_mut(&moved.person);
            rows.into_iter().flatten().filter(|r| **r == last).for_each(|r| *r = i);
        }
        self.update_mean(removed.person);
    }

    /// Computes the mean of a person's rows anew.
    fn update_mean(&mut self, person: PersonId) {
        let length = self.length.unwrap_or_default();
        let rows = self.rows_of.get(&person).map_or(&[][..], Vec::as_slice);
        let templates = || rows.iter().map(|&i| &self.values[i * length..][..length]);
        let weights = rows.iter().map(|&i| self.templates[i].quality);
        let independent = independent_views(rows.len(), mean_pair_cosine(templates));
        self.means.set(person, templates().zip(weights), |mean| raise(mean, independent));
    }

    fn row(&self, i: usize) -> &[f32] {
        let length = self.length.unwrap_or_default();
        &self.values[i * length..][..length]
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::{direction, sighting};
    use proptest::prelude::*;

    use super::*;

    fn view(person: u64, jitter: u64, quality: f32) -> View {
        View { quality, ..View::from(&sighting(1, jitter, person)) }
    }

    fn merge(index: &mut TemplateIndex, from: PersonId, to: PersonId, policy: &GalleryPolicy) {
        let mut kept = index.take(from);
        kept.extend(index.take(to));
        index.place(to, kept, policy);
    }

    /// Checks that every row belongs to the person that lists it, and to no other.
    fn check(index: &TemplateIndex) {
        let listed: usize = index.rows_of.values().map(Vec::len).sum();
        assert_eq!(listed, index.len());
        assert_eq!(index.values.len(), index.len() * index.length.unwrap_or_default());
        for (person, rows) in &index.rows_of {
            assert!(rows.iter().all(|&i| index.templates[i].person == *person));
        }
    }

    #[test]
    fn the_better_of_two_equal_views_stays() {
        let policy = GalleryPolicy::default();
        let mut index = TemplateIndex::default();
        index.learn(PersonId(1), TrackKey::default(), &view(1, 0, 0.5), &policy, &mut Recorder::default());
        let again = View { captured: Timestamp(Duration::from_secs(9)), ..view(1, 0, 0.9) };
        index.learn(PersonId(1), TrackKey::default(), &again, &policy, &mut Recorder::default());
        assert_eq!(index.len(), 1, "the same view is one template");
        assert_eq!(index.templates[0].quality, 0.9);
    }

    #[test]
    fn a_person_has_a_limited_number_of_templates() {
        let policy = GalleryPolicy { templates_per_person: 3, ..GalleryPolicy::default() };
        let mut index = TemplateIndex::default();
        let person = PersonId(1);
        for other in 1..9 {
            index.learn(person, TrackKey::default(), &view(other, 0, 0.6), &policy, &mut Recorder::default());
            check(&index);
        }
        assert_eq!((index.len(), index.count(person)), (3, 3));
    }

    #[test]
    fn a_stale_template_goes_first_however_good() {
        let policy = GalleryPolicy { templates_per_person: 2, ..GalleryPolicy::default() };
        let mut index = TemplateIndex::default();
        let person = PersonId(1);
        index.learn(person, TrackKey::default(), &view(1, 0, 1.0), &policy, &mut Recorder::default());
        for (other, days) in [(2, 1), (3, 40)] {
            let captured = Timestamp(Duration::from_secs(days * 24 * 3600));
            index.learn(
                person,
                TrackKey::default(),
                &View { captured, ..view(other, 0, 0.2) },
                &policy,
                &mut Recorder::default(),
            );
        }
        assert!(index.nearest(person, &direction(3, 0), None).unwrap() > 0.99);
        let qualities: Vec<f32> = index.templates.iter().map(|t| t.quality).collect();
        assert!(qualities.iter().all(|q| *q < 0.5), "the old one went: {qualities:?}");
    }

    #[test]
    fn no_view_displaces_an_enrolled_template() {
        let policy = GalleryPolicy { templates_per_person: 2, ..GalleryPolicy::default() };
        let mut index = TemplateIndex::default();
        let person = PersonId(1);
        let enrolled = [direction(1, 0), direction(2, 0)];
        index.enroll(person, &enrolled, &policy, &mut Recorder::default());
        for days in 0..100 {
            let captured = Timestamp(Duration::from_secs(days * 24 * 3600));
            let view = View { captured, ..view(3 + days, 0, 2.0) };
            index.learn(person, TrackKey::default(), &view, &policy, &mut Recorder::default());
            check(&index);
        }
        for embedding in &enrolled {
            assert!(index.nearest(person, embedding, None).unwrap() > 0.999);
        }
        assert_eq!(index.count(person), 2);
    }

    #[test]
    fn the_enrolled_templates_that_differ_most_stay() {
        let policy = GalleryPolicy { templates_per_person: 2, ..GalleryPolicy::default() };
        let mut index = TemplateIndex::default();
        index.enroll(
            PersonId(1),
            &[direction(1, 0), direction(1, 1), direction(2, 0)],
            &policy,
            &mut Recorder::default(),
        );
        assert_eq!(index.count(PersonId(1)), 2);
        assert!(index.nearest(PersonId(1), &direction(1, 0), None).unwrap() > 0.8);
        assert!(index.nearest(PersonId(1), &direction(2, 0), None).unwrap() > 0.999);
    }

    #[test]
    fn an_embedding_of_another_length_matches_no_person() {
        let mut index = TemplateIndex::default();
        index.learn(
            PersonId(1),
            TrackKey::default(),
            &view(1, 0, 0.5),
            &GalleryPolicy::default(),
            &mut Recorder::default(),
        );
        let short = Embedding::new(vec![1.0, 0.0]).unwrap();
        assert!(index.search(&Probe::single(&short, &GalleryPolicy::default()), -1.0).is_empty());
        assert_eq!(index.nearest(PersonId(1), &short, None), None);
    }

    proptest! {
        #[test]
        fn rows_stay_in_step_with_persons(steps in prop::collection::vec((0u64..6, 0u64..40, 0u8..9), 1..120)) {
            let policy = GalleryPolicy { templates_per_person: 3, ..GalleryPolicy::default() };
            let mut index = TemplateIndex::default();
            for (person, face, action) in steps {
                let probe = direction(face, face);
                match action {
                    0 => index.remove_person(PersonId(person)),
                    1 => merge(&mut index, PersonId(person), PersonId((person + 1) % 6), &policy),
                    2 => index.enroll(PersonId(person), std::slice::from_ref(&probe), &policy, &mut Recorder::default()),
                    _ => index.learn(PersonId(person), TrackKey::default(), &view(face, face, 0.5), &policy, &mut Recorder::default()),
                }
                check(&index);
                prop_assert!((0..6).all(|p| index.count(PersonId(p)) <= 3));
                let found = index.search(&Probe::single(&probe, &policy), f32::NEG_INFINITY);
                let expected: Vec<u64> = (0..6).filter(|p| index.count(PersonId(*p)) > 0).collect();
                let mut persons: Vec<u64> = found.iter().map(|c| c.person.0).collect();
                persons.sort_unstable();
                prop_assert_eq!(persons, expected);
                for candidate in found.iter().filter(|c| index.count(c.person) == 1) {
                    let nearest = index.nearest(candidate.person, &probe, None).unwrap();
                    prop_assert!((nearest - candidate.cosine).abs() < 1e-5);
                }
            }
        }
    }
}
