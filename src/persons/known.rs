//! The persons of a database.

use std::collections::BTreeMap;
use std::path::Path;

use passerby_store::{JournalRow, KnownPersonRow, Reader, TemplateKey};
use passerby_types::{BoxError, FaceTemplate, GallerySnapshot, PersonEdits, PersonId};

/// The gallery of a database as it is now.
#[derive(Debug)]
pub struct KnownPersons {
    /// Reads the file.
    pub reader: Reader,
    /// All numbers and templates.
    pub sum: GallerySnapshot,
    /// The corrections.
    pub edits: PersonEdits,
}

impl KnownPersons {
    /// Reads the gallery. `key` is the key of its templates, or `None` if they are not encrypted.
    ///
    /// # Errors
    /// The file cannot be read, the key does not fit, or a row of the gallery is damaged.
    pub fn read(database: &Path, key: Option<TemplateKey>) -> Result<Self, BoxError> {
        let reader = Reader::open(database)?.with_key(key);
        let sum = reader.gallery()?;
        let edits = PersonEdits::of(&sum.edits).map_err(|(entry, e)| format!("{entry}: {e}"))?;
        Ok(Self { reader, sum, edits })
    }

    /// Returns the person with this number or name.
    ///
    /// # Errors
    /// No person has it, or several have the name.
    pub fn find(&self, text: &str) -> Result<PersonId, BoxError> {
        let known = |id: PersonId| self.sum.persons.iter().any(|person| person.id == id);
        let number = text.parse().ok().map(PersonId);
        if let Some(number) = number.filter(|number| known(*number)) {
            return Ok(self.edits.root(number));
        }
        let persons = self.sum.persons.iter().map(|person| person.id);
        let roots = persons.filter(|id| self.edits.root(*id) == *id);
        let named: Vec<PersonId> = roots.filter(|id| self.edits.name(*id) == Some(text)).collect();
        match named[..] {
            [person] => Ok(person),
            [] if number.is_some() => Err(format!("person {text} is not known").into()),
            [] => Err(format!("no person has the name {text}").into()),
            _ => {
                let numbers: Vec<String> = named.iter().map(|id| id.0.to_string()).collect();
                Err(format!("{} persons have the name {text}: {}", named.len(), numbers.join(", ")).into())
            }
        }
    }

    /// Returns the templates of each person, by rising number.
    #[must_use]
    pub fn templates(&self) -> BTreeMap<PersonId, Vec<&FaceTemplate>> {
        let mut templates: BTreeMap<PersonId, Vec<&FaceTemplate>> = BTreeMap::new();
        for template in &self.sum.templates {
            let person = self.edits.root(self.edits.owner(template.id, template.person));
            templates.entry(person).or_default().push(template);
        }
        templates
    }

    /// Returns a person's row, or `None` if the person is not known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn row(&self, person: PersonId) -> Result<Option<KnownPersonRow>, BoxError> {
        Ok(self.reader.known_persons()?.into_iter().find(|row| row.id == person))
    }

    /// Returns the entries of the journal about all numbers of a person, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn journal(&self, person: PersonId) -> Result<Vec<JournalRow>, BoxError> {
        let mut rows: Vec<JournalRow> = Vec::new();
        for number in self.edits.numbers(person) {
            rows.extend(self.reader.journal(number)?);
        }
        rows.sort_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        Ok(rows)
    }
}
