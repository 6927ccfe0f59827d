//! Adds the persons of an exported file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use passerby::types::{BoxError, Embedding, PersonId};

use super::database::PersonsDatabase;
use super::export::{FORMAT, Head, PersonLine, VERSION};
use crate::output::at;
use crate::terminal;

/// The most bytes of a line: a person with a few thousand templates.
const MAX_LINE_BYTES: usize = 16 << 20;
/// The number of persons among whom a template of the file is looked for.
const NEAREST_PERSONS: usize = 10;

/// A person of the file.
struct Imported {
    number: u64,
    name: Option<String>,
    views: Vec<Embedding>,
}

/// Adds every person of a file as one entered by hand. Reads the whole file before the first change.
///
/// # Errors
/// The file cannot be read, a line is wrong, the templates are of another network, or the database cannot be changed.
pub(super) fn run(database: &PersonsDatabase, file: &Path) -> Result<(), BoxError> {
    let known = database.read()?.reader.gallery_network()?;
    let (head, persons) = read(file)?;
    if let (Some(known), Some(found)) = (&known, &head.network)
        && known != found
    {
        let name = file.display();
        return Err(format!("{name}: its templates are of {found}, those of the database of {known}").into());
    }
    let mut text = String::new();
    let mut left_out = 0;
    let added = database.change(|gallery| {
        let mut added = 0;
        for person in persons {
            let is_known = |view: &Embedding| {
                let nearest = gallery.search(view, NEAREST_PERSONS);
                let mut templates = nearest.iter().flat_map(|found| gallery.templates_of(found.person));
                templates.any(|template| template.embedding == *view)
            };
            if person.views.iter().any(is_known) {
                left_out += 1;
                continue;
            }
            let id: PersonId = gallery.enroll(&person.views)?;
            if let Some(name) = &person.name {
                gallery.set_name(id, Some(name))?;
            }
            text.push_str(&format!("person {} of the file is {id}\n", person.number));
            added += 1;
        }
        Ok(added)
    })?;
    text.push_str(&format!("{added} persons added, {left_out} known already\n"));
    terminal::print(&text)
}

/// Reads a file.
fn read(file: &Path) -> Result<(Head, Vec<Imported>), BoxError> {
    let mut lines = BufReader::new(File::open(file).map_err(|e| at(file, &e))?);
    let wrong = |line: usize, what: &str| -> BoxError { format!("{}:{line}: {what}", file.display()).into() };
    let mut bytes = Vec::new();
    let mut number = 0;
    let mut head: Option<Head> = None;
    let mut persons = Vec::new();
    loop {
        bytes.clear();
        number += 1;
        let read = std::io::Read::take(&mut lines, MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes);
        if read.map_err(|e| at(file, &e))? == 0 {
            break;
        }
        if bytes.len() > MAX_LINE_BYTES {
            return Err(wrong(number, &format!("longer than {} MiB", MAX_LINE_BYTES >> 20)));
        }
        let Some(head) = &head else {
            let first: Head =
                serde_json::from_slice(&bytes).map_err(|_| wrong(number, "not a file of persons"))?;
            if first.format != FORMAT || first.version != VERSION {
                return Err(wrong(number, "not a file of persons, or of a newer version"));
            }
            head = Some(first);
            continue;
        };
        let line: PersonLine =
            serde_json::from_slice(&bytes).map_err(|e| wrong(number, &format!("not a person: {e}")))?;
        if persons.len() == head.persons {
            return Err(wrong(number, &format!("more than {} persons", head.persons)));
        }
        let views = line.templates.into_iter().map(|template| Embedding::restored(template.embedding));
        let views: Vec<Embedding> =
            views.collect::<Result<_, _>>().map_err(|_| wrong(number, "an embedding is not of length 1"))?;
        if views.is_empty() {
            return Err(wrong(number, "a person without templates"));
        }
        persons.push(Imported { number: line.person, name: line.name, views });
    }
    let head = head.ok_or_else(|| wrong(1, "not a file of persons"))?;
    if persons.len() < head.persons {
        return Err(wrong(number, &format!("cut off: {} persons of {}", persons.len(), head.persons)));
    }
    Ok((head, persons))
}
