//! The mean template of each person, in one matrix, and an exact search in it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use passerby_types::PersonId;

use super::dot::dot;
use super::match_rule::required;
use super::probe::Probe;

/// A person who may be the one that a probe shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) person: PersonId,
    /// The cosine of the probe and the person's mean template, or the nearest one.
    pub(crate) cosine: f32,
    /// The threshold of the search.
    threshold: f32,
    /// How much thresholds rise for this pair of faces.
    raise: f32,
}

impl Candidate {
    /// Returns the cosine that the pair needs.
    pub(crate) fn required(&self) -> f32 {
        required(self.threshold, self.raise)
    }

    pub(crate) fn is_match(&self) -> bool {
        self.cosine >= self.required()
    }

    /// Returns how far the cosine lies above the one that the pair needs.
    pub(crate) fn margin(&self) -> f32 {
        self.cosine - self.required()
    }

    /// Returns the candidate with the cosine of one template in the place of the mean.
    pub(crate) fn by_template(self, cosine: f32, raise: f32) -> Self {
        Self { cosine, raise, ..self }
    }

    /// Returns the same pair of faces at another threshold.
    pub(crate) fn at(self, threshold: f32) -> Self {
        Self { threshold, ..self }
    }

    /// Orders the candidate first that lies furthest above what its pair needs, and of equals the older person.
    pub(crate) fn nearest_first(&self, other: &Self) -> Ordering {
        other.margin().total_cmp(&self.margin()).then(self.person.cmp(&other.person))
    }
}

/// The record of one row of the matrix.
struct Row {
    person: PersonId,
    /// How much a threshold rises for this person.
    raise: f32,
}

/// The means of all persons: unit vectors with one length, stored one after another.
///
/// The mean of several views is nearer to another picture of the person than the nearest of the views is, because the views'
/// noise cancels out: with three templates, it misses 1.5 instead of 1.8 of 100 faces (docs/evaluation.md).
#[derive(Default)]
pub(crate) struct PersonMeans {
    values: Vec<f32>,
    rows: Vec<Row>,
    row_of: BTreeMap<PersonId, usize>,
}

impl PersonMeans {
    /// Sets the mean of a person to the direction of the weighted sum of these templates, and the person's raise to what
    /// `raise` returns for it. Removes the person if there are no templates or they cancel out.
    pub(crate) fn set<'a>(
        &mut self,
        person: PersonId,
        templates: impl Iterator<Item = (&'a [f32], f32)>,
        raise: impl FnOnce(&[f32]) -> f32,
    ) {
        let mut templates = templates.peekable();
        let Some(length) = templates.peek().map(|(values, _)| values.len()) else {
            self.remove(person);
            return;
        };
        let row = self.row_of.get(&person).copied().unwrap_or_else(|| {
            self.values.resize(self.values.len() + length, 0.0);
            self.rows.push(Row { person, raise: 0.0 });
            self.row_of.insert(person, self.rows.len() - 1);
            self.rows.len() - 1
        });
        let sum = &mut self.values[row * length..][..length];
        sum.fill(0.0);
        for (values, weight) in templates {
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
        let norm = dot(sum, sum).sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            self.remove(person);
            return;
        }
        sum.iter_mut().for_each(|value| *value /= norm);
        self.rows[row].raise = raise(sum);
    }

    /// Removes a person. The last row takes the place of the person's.
    pub(crate) fn remove(&mut self, person: PersonId) {
        let Some(row) = self.row_of.remove(&person) else { return };
        let length = self.values.len() / self.rows.len();
        let last = self.rows.len() - 1;
        self.values.copy_within(last * length.., row * length);
        self.values.truncate(last * length);
        self.rows.swap_remove(row);
        if let Some(moved) = self.rows.get(row) {
            self.row_of.insert(moved.person, row);
        }
    }

    /// Returns every person as a candidate for a probe at this threshold, in no particular order. Returns
    /// nothing if the probe has another length.
    pub(crate) fn candidates<'a>(
        &'a self,
        probe: &'a Probe,
        threshold: f32,
    ) -> impl Iterator<Item = Candidate> + 'a {
        let rows = if self.fits(probe) { &self.rows[..] } else { &[] };
        rows.iter().enumerate().map(move |(row, _)| self.candidate(row, probe, threshold))
    }

    /// Returns one person as a candidate for a probe at this threshold, or `None` if the person has no template or the probe has
    /// another length.
    pub(crate) fn candidate_of(&self, person: PersonId, probe: &Probe, threshold: f32) -> Option<Candidate> {
        let row = *self.row_of.get(&person).filter(|_| self.fits(probe))?;
        Some(self.candidate(row, probe, threshold))
    }

    fn candidate(&self, row: usize, probe: &Probe, threshold: f32) -> Candidate {
        let values = probe.embedding.as_slice();
        let Row { person, raise } = self.rows[row];
        let mean = &self.values[row * values.len()..][..values.len()];
        let raise = probe.raise.map_or(0.0, |own| own + raise);
        Candidate { person, cosine: dot(values, mean), threshold, raise }
    }

    /// Returns true if the probe has the length of the means.
    fn fits(&self, probe: &Probe) -> bool {
        self.values.len() == probe.embedding.as_slice().len() * self.rows.len()
    }
}
