//! Finds a face among the persons.

use std::fmt::Write;
use std::path::Path;

use passerby::detect::YuNetSettings;
use passerby::inference::Precision;
use passerby::reid::{MatchRule, MobileFaceNet};
use passerby::types::{BoxError, Embedding, PersonId};
use serde_json::{Value, json};

use super::database::Persons;
use super::time_text::{local, utc};
use crate::output::lasting_gallery::network;
use crate::terminal;

/// Prints the persons whose templates are most like the largest face of a picture.
///
/// # Errors
/// The picture or the database cannot be read, the picture shows no face, or a network fails.
pub(super) fn run(database: &Path, picture: &Path, limit: usize, as_json: bool) -> Result<(), BoxError> {
    let persons = Persons::read(database)?;
    let probe = embedding(picture, persons.reader.gallery_network()?.as_deref())?;
    let mut found: Vec<(f32, PersonId)> = persons
        .templates()
        .into_iter()
        .filter_map(|(id, templates)| {
            let mean =
                Embedding::mean(templates.iter().map(|template| (&template.embedding, template.quality)));
            mean.map(|mean| (mean.cosine(&probe), id))
        })
        .collect();
    let rule = MatchRule::default();
    let same = rule.threshold(found.len());
    let suggested = rule.suggest_threshold(found.len());
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.truncate(limit);
    let known = persons.reader.known_persons()?;
    let row = |id: PersonId| known.iter().find(|row| row.id == id);
    let verdict = |cosine: f32| match cosine {
        c if c >= same => "same",
        c if c >= suggested => "maybe",
        _ => "other",
    };
    if as_json {
        let list = found.iter().map(|&(cosine, id)| {
            json!({
                "person": id.0,
                "name": persons.edits.name(id),
                "similarity": cosine,
                "verdict": verdict(cosine),
                "last_seen": row(id).and_then(|row| utc(row.last_seen)),
            })
        });
        return terminal::print(&format!("{}\n", list.collect::<Value>()));
    }
    let mut text = String::new();
    for &(cosine, id) in &found {
        let name = persons.edits.name(id).map_or(String::new(), |name| format!(", {name}"));
        let seen = row(id).map_or_else(|| "-".to_owned(), |row| local(row.last_seen));
        let _ = writeln!(text, "{cosine:.2} {}: {id}{name}, last seen {seen}", verdict(cosine));
    }
    if found.first().is_none_or(|(cosine, _)| *cosine < suggested) {
        let _ = writeln!(text, "no known person is like this face");
    }
    terminal::print(&text)
}

/// Returns the embedding of the largest face of a picture, by the network that made the templates.
fn embedding(picture: &Path, templates: Option<&str>) -> Result<Embedding, BoxError> {
    let precision = match templates {
        Some(name) if name == network(Precision::Int8) => Precision::Int8,
        Some(name) if name != network(Precision::Float) => {
            return Err(format!("the templates are of {name}, which this program does not have").into());
        }
        _ => Precision::Float,
    };
    let image = passerby::read_image(picture)?;
    let faces = passerby::faces(&image)?;
    let largest = faces.iter().max_by(|a, b| a.size().total_cmp(&b.size()));
    let name = picture.display();
    let largest = largest.ok_or_else(|| {
        format!("{name}: no face with a score of {} or more", YuNetSettings::PHOTO_THRESHOLD)
    })?;
    let model = MobileFaceNet::bundled_model()?.with_precision(precision)?;
    let embedding = MobileFaceNet::new(model)?.embed_face(&image, largest)?;
    Ok(embedding.ok_or_else(|| format!("{name}: the face cannot be aligned"))?)
}
