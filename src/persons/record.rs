//! The JSON shapes of persons.

use std::time::SystemTime;

use jiff::Timestamp;
use passerby_store::{JournalRow, KnownPersonRow};
use passerby_types::{BoxError, EntryId, FaceTemplate, JournalAuthor, PersonId};
use serde::Serialize;

use super::known::KnownPersons;

/// Returns a time of day as RFC 3339 writes it in UTC, or `None` if there is none.
#[must_use]
pub fn utc(at: Option<SystemTime>) -> Option<String> {
    Timestamp::try_from(at?).ok().map(|at| at.to_string())
}

/// A person in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonRecord {
    /// The person.
    #[serde(flatten)]
    pub person: PersonHead,
    /// The number of templates.
    pub templates: u64,
}

/// The fields of a person that all answers have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonHead {
    /// The number.
    pub person: u64,
    /// The name, or `None` if the person has none.
    pub name: Option<String>,
    /// True if a user entered the person by hand.
    pub enrolled: bool,
    /// The time of the first sighting in UTC.
    pub first_seen: Option<String>,
    /// The time of the latest sighting in UTC.
    pub last_seen: Option<String>,
    /// The number of times that a track became this person.
    pub tracks: u64,
    /// The number of other numbers that stand for the person.
    pub aliases: u64,
    /// The years, the mean over the person's tracks, or `None` if no track has an age.
    pub age: Option<f32>,
    /// The lowest and the highest likely years.
    pub age_interval: Option<[f32; 2]>,
    /// The probability that the person is male.
    pub p_male: Option<f32>,
}

impl PersonHead {
    fn new(row: &KnownPersonRow) -> Self {
        Self {
            person: row.id.0,
            name: row.name.clone(),
            enrolled: row.enrolled,
            first_seen: utc(row.first_seen),
            last_seen: utc(row.last_seen),
            tracks: row.tracks,
            aliases: row.aliases,
            age: row.attributes.map(|attributes| attributes.age.years),
            age_interval: row.attributes.map(|attributes| [attributes.age.low, attributes.age.high]),
            p_male: row.attributes.map(|attributes| attributes.p_male),
        }
    }
}

impl PersonRecord {
    /// Returns the record of a row.
    #[must_use]
    pub fn new(row: &KnownPersonRow) -> Self {
        Self { person: PersonHead::new(row), templates: row.templates }
    }
}

/// A template of a person, without the face.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TemplateRecord {
    /// The number of the template.
    pub template: u64,
    /// The quality of the view, 0 to 1.
    pub quality: f32,
    /// The time at which it was last seen, or `None` if it was entered by hand.
    pub last_seen: Option<String>,
    /// The cosine to the nearest of the person's other templates, or `None` if it is the only one.
    pub nearest: Option<f32>,
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JournalRecord {
    /// The number of the entry.
    pub entry: u64,
    /// The time of the change in UTC.
    pub at: Option<String>,
    /// `gallery` or `user`.
    pub author: &'static str,
    /// The kind of change, for example `merged`.
    pub kind: String,
    /// See [`JournalRow::person`].
    pub person: Option<u64>,
    /// See [`JournalRow::other`].
    pub other: Option<u64>,
    /// See [`JournalRow::target`].
    pub target: Option<u64>,
    /// The cosine that decided.
    pub score: Option<f64>,
    /// The new name.
    pub name: Option<String>,
    /// Why, in a few words.
    pub reason: String,
    /// The entry that undid it, or `None` if it holds.
    pub undone_by: Option<u64>,
}

impl JournalRecord {
    /// Returns the record of a row.
    #[must_use]
    pub fn new(row: &JournalRow, undone_by: Option<EntryId>) -> Self {
        Self {
            entry: row.id.0,
            at: utc(Some(row.at)),
            author: match row.author {
                JournalAuthor::Gallery => "gallery",
                JournalAuthor::User => "user",
            },
            kind: row.kind.clone(),
            person: row.person.map(|person| person.0),
            other: row.other.map(|person| person.0),
            target: row.target.map(|entry| entry.0),
            score: row.score,
            name: row.name.clone(),
            reason: row.reason.clone(),
            undone_by: undone_by.map(|entry| entry.0),
        }
    }
}

/// Everything about one person: `passerby persons show --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonDetail {
    /// The person as in the list.
    #[serde(flatten)]
    pub person: PersonHead,
    /// All numbers that stand for the person.
    pub numbers: Vec<u64>,
    /// The templates by rising number.
    pub templates: Vec<TemplateRecord>,
    /// The entries of the journal, oldest first.
    pub journal: Vec<JournalRecord>,
}

impl PersonDetail {
    /// Reads everything about a person.
    ///
    /// # Errors
    /// The file cannot be read, or the person is not known.
    pub fn read(persons: &KnownPersons, person: PersonId) -> Result<Self, BoxError> {
        let row = persons.row(person)?.ok_or_else(|| format!("{person} is not known"))?;
        let templates = persons.templates().remove(&person).unwrap_or_default();
        let journal = persons.journal(person)?;
        let each = templates.iter().map(|template| TemplateRecord {
            template: template.id.0,
            quality: template.quality,
            last_seen: utc(template.last_seen),
            nearest: nearest(template, &templates),
        });
        Ok(Self {
            person: PersonHead::new(&row),
            numbers: persons.edits.numbers(person).iter().map(|number| number.0).collect(),
            templates: each.collect(),
            journal: journal
                .iter()
                .map(|row| JournalRecord::new(row, persons.edits.undone_by(row.id)))
                .collect(),
        })
    }
}

/// Returns the cosine to the nearest of the other templates, or `None` if it is the only one.
#[must_use]
pub fn nearest(template: &FaceTemplate, all: &[&FaceTemplate]) -> Option<f32> {
    let others = all.iter().filter(|other| other.id != template.id);
    others.map(|other| other.embedding.cosine(&template.embedding)).max_by(f32::total_cmp)
}
