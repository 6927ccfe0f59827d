//! Finds a face among the persons.

use std::path::Path;

use passerby_detect::YuNetSettings;
use passerby_inference::Precision;
use passerby_reid::{MatchRule, MobileFaceNet};
use passerby_types::{BoxError, Embedding, PersonId};
use serde::Serialize;

use super::known::KnownPersons;
use super::record::utc;

/// How much a person is like a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchVerdict {
    /// The gallery would take both for one.
    Same,
    /// A user should look at both.
    Maybe,
    /// Two persons.
    Other,
}

/// A person who is like a face.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonMatch {
    /// The number.
    pub person: u64,
    /// The name, or `None` if the person has none.
    pub name: Option<String>,
    /// The cosine of the face and the mean of the person's templates, -1 to 1.
    pub similarity: f32,
    /// How much they are alike, which also depends on the number of persons.
    pub verdict: MatchVerdict,
    /// The time of the latest sighting in UTC.
    pub last_seen: Option<String>,
}

impl KnownPersons {
    /// Returns the persons that are most like a face, the most similar first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn matches(&self, face: &Embedding, limit: usize) -> Result<Vec<PersonMatch>, BoxError> {
        let means = self.templates().into_iter().filter_map(|(id, templates)| {
            let weighted = templates.iter().map(|template| (&template.embedding, template.quality));
            Embedding::mean(weighted).map(|mean| (mean.cosine(face), id))
        });
        let mut found: Vec<(f32, PersonId)> = means.collect();
        let rule = MatchRule::default();
        let same = rule.threshold(found.len());
        let suggested = rule.suggest_threshold(found.len());
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(limit);
        let rows = self.reader.known_persons()?;
        let matches = found.into_iter().map(|(similarity, id)| PersonMatch {
            person: id.0,
            name: self.edits.name(id).map(str::to_owned),
            similarity,
            verdict: match similarity {
                cosine if cosine >= same => MatchVerdict::Same,
                cosine if cosine >= suggested => MatchVerdict::Maybe,
                _ => MatchVerdict::Other,
            },
            last_seen: rows.iter().find(|row| row.id == id).and_then(|row| utc(row.last_seen)),
        });
        Ok(matches.collect())
    }

    /// Returns the embedding of the largest face of a picture, by the network that made the templates.
    ///
    /// # Errors
    /// The picture cannot be read or shows no face, the templates are those of another network, or a network fails.
    pub fn face_of(&self, picture: &Path) -> Result<Embedding, BoxError> {
        let templates = self.reader.gallery_network()?;
        let precision = match templates.as_deref() {
            Some(name) if name == template_network(Precision::Int8) => Precision::Int8,
            Some(name) if name != template_network(Precision::Float) => {
                return Err(format!("the templates are of {name}, which this program does not have").into());
            }
            _ => Precision::Float,
        };
        let image = crate::read_image(picture)?;
        let faces = crate::faces(&image)?;
        let largest = faces.iter().max_by(|a, b| a.size().total_cmp(&b.size()));
        let name = picture.display();
        let largest = largest.ok_or_else(|| {
            format!("{name}: no face with a score of {} or more", YuNetSettings::PHOTO_THRESHOLD)
        })?;
        let model = MobileFaceNet::bundled_model()?.with_precision(precision)?;
        let embedding = MobileFaceNet::new(model)?.embed_face(&image, largest)?;
        Ok(embedding.ok_or_else(|| format!("{name}: the face cannot be aligned"))?)
    }
}

/// Returns the name of the network whose templates a gallery keeps.
#[must_use]
pub fn template_network(precision: Precision) -> String {
    format!("mobilefacenet {}", if precision == Precision::Int8 { "int8" } else { "float" })
}
