//! Writes persons with their templates into a file of JSON lines.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use passerby::persons::utc;
use passerby::store::create_owner_only;
use passerby::types::{BoxError, PersonId};
use serde::{Deserialize, Serialize};

use super::database::PersonsDatabase;
use crate::output::{FileClaims, at};
use crate::terminal;

/// The word in the first line of a file.
pub(super) const FORMAT: &str = "passerby-persons";
/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// The first line of a file.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) version: u32,
    /// The network that made the templates, or `None` if there were never any.
    pub(super) network: Option<String>,
    /// The number of persons, each in a line of its own.
    pub(super) persons: usize,
}

/// A line with one person.
#[derive(Deserialize, Serialize)]
pub(super) struct PersonLine {
    pub(super) person: u64,
    pub(super) name: Option<String>,
    #[serde(default)]
    aliases: Vec<u64>,
    #[serde(default)]
    first_seen: Option<String>,
    #[serde(default)]
    last_seen: Option<String>,
    pub(super) templates: Vec<TemplateLine>,
}

/// One template of a person.
#[derive(Deserialize, Serialize)]
pub(super) struct TemplateLine {
    quality: f32,
    #[serde(default)]
    last_seen: Option<String>,
    pub(super) embedding: Vec<f32>,
}

/// Writes the persons into a file that only its owner can read.
///
/// # Errors
/// A person is not known, or a file cannot be read or written.
pub(super) fn run(database: &PersonsDatabase, file: &Path, persons: &[String]) -> Result<(), BoxError> {
    let mut claims = FileClaims::of_inputs([]);
    claims.claim_database("DATABASE", database.path())?;
    claims.claim("FILE.jsonl", file)?;
    let all = database.read()?;
    let chosen: BTreeSet<PersonId> =
        persons.iter().map(|person| all.find(person)).collect::<Result<_, BoxError>>()?;
    let rows = all.reader.known_persons()?;
    let rows: Vec<_> = rows.iter().filter(|row| chosen.is_empty() || chosen.contains(&row.id)).collect();
    let mut templates = all.templates();
    let fail = |e: std::io::Error| at(file, &e);
    let mut out = BufWriter::new(create_owner_only(file).map_err(fail)?);
    let head = Head {
        format: FORMAT.to_owned(),
        version: VERSION,
        network: all.reader.gallery_network()?,
        persons: rows.len(),
    };
    writeln!(out, "{}", serde_json::to_string(&head)?).map_err(fail)?;
    for row in &rows {
        let templates =
            templates.remove(&row.id).unwrap_or_default().into_iter().map(|template| TemplateLine {
                quality: template.quality,
                last_seen: utc(template.last_seen),
                embedding: template.embedding.as_slice().to_vec(),
            });
        let line = PersonLine {
            person: row.id.0,
            name: row.name.clone(),
            aliases: all.edits.numbers(row.id)[1..].iter().map(|number| number.0).collect(),
            first_seen: utc(row.first_seen),
            last_seen: utc(row.last_seen),
            templates: templates.collect(),
        };
        writeln!(out, "{}", serde_json::to_string(&line)?).map_err(fail)?;
    }
    out.into_inner().map_err(|e| fail(e.into_error()))?.sync_all().or_else(ignore_devices).map_err(fail)?;
    terminal::print(&format!("{} persons are in {}\n", rows.len(), file.display()))
}

/// A pipe and a terminal cannot be made durable.
fn ignore_devices(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}
