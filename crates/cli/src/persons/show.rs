//! Shows one person of a database.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use passerby::store::JournalRow;
use passerby::types::{BoxError, FaceTemplate, JournalAuthor, PersonId};
use serde_json::{Map, Value, json};

use super::database::Persons;
use super::list;
use super::time_text::{local, utc};
use crate::terminal;

/// Prints everything about one person: numbers, templates, and the entries of the journal.
///
/// # Errors
/// The database cannot be read, or the person is not known.
pub(super) fn run(database: &Path, person: &str, as_json: bool) -> Result<(), BoxError> {
    let persons = Persons::read(database)?;
    let id = persons.find(person)?;
    let known = persons.reader.known_persons()?;
    let row = known.iter().find(|row| row.id == id).ok_or_else(|| format!("{id} is not known"))?;
    let numbers = persons.edits.numbers(id);
    let templates = persons.templates().remove(&id).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut journal: Vec<JournalRow> = Vec::new();
    for number in &numbers {
        journal.extend(persons.reader.journal(*number)?.into_iter().filter(|row| seen.insert(row.id)));
    }
    journal.sort_by_key(|row| row.id);
    let undone = |row: &JournalRow| persons.edits.undone_by(row.id);
    if as_json {
        let mut object: Map<String, Value> = Map::new();
        if let Value::Object(fields) = list::json(row) {
            object.extend(fields);
        }
        object.insert("numbers".into(), numbers.iter().map(|n| n.0).collect());
        let each = templates.iter().map(|t| {
            let nearest = nearest(t, &templates);
            json!({ "template": t.id.0, "quality": t.quality, "last_seen": utc(t.last_seen), "nearest": nearest })
        });
        object.insert("templates".into(), each.collect());
        let each = journal.iter().map(|row| {
            json!({
                "entry": row.id.0,
                "at": utc(Some(row.at)),
                "author": author(row.author),
                "kind": row.kind,
                "person": row.person.map(|p| p.0),
                "other": row.other.map(|p| p.0),
                "target": row.target.map(|t| t.0),
                "score": row.score,
                "name": row.name,
                "reason": row.reason,
                "undone_by": undone(row).map(|e| e.0),
            })
        });
        object.insert("journal".into(), each.collect());
        return terminal::print(&format!("{}\n", Value::Object(object)));
    }
    let mut text = list::line(row);
    if numbers.len() > 1 {
        let others: Vec<String> = numbers[1..].iter().map(|n| n.0.to_string()).collect();
        let _ = writeln!(text, "also numbers {}", others.join(", "));
    }
    let _ = writeln!(text, "templates:");
    for template in &templates {
        let nearest = nearest(template, &templates)
            .map_or(String::new(), |c| format!(", nearest of the others {c:.2}"));
        let seen =
            template.last_seen.map_or("entered by hand".to_owned(), |at| format!("seen {}", local(Some(at))));
        let _ = writeln!(text, "  {}: quality {:.2}, {seen}{nearest}", template.id.0, template.quality);
    }
    let _ = writeln!(text, "journal:");
    for row in &journal {
        let score = row.score.map_or(String::new(), |score| format!(" ({score:.2})"));
        let undone = undone(row).map_or(String::new(), |by| format!(", undone by {}", by.0));
        let reason = if row.reason.is_empty() { String::new() } else { format!(": {}", row.reason) };
        let at = local(Some(row.at));
        let _ = writeln!(
            text,
            "  {} {at} {} {}{reason}{score}{undone}",
            row.id.0,
            author(row.author),
            what(row, id)
        );
    }
    terminal::print(&text)
}

/// Returns the cosine to the nearest of the other templates, or `None` if it is the only one.
fn nearest(template: &FaceTemplate, all: &[&FaceTemplate]) -> Option<f32> {
    let others = all.iter().filter(|other| other.id != template.id);
    others.map(|other| other.embedding.cosine(&template.embedding)).max_by(f32::total_cmp)
}

fn author(author: JournalAuthor) -> &'static str {
    match author {
        JournalAuthor::Gallery => "gallery",
        JournalAuthor::User => "user",
    }
}

/// Returns what an entry did, for example `merged 7 into 3`.
fn what(row: &JournalRow, id: PersonId) -> String {
    let number = |person: Option<PersonId>| person.unwrap_or(id).0;
    match row.kind.as_str() {
        "merged" => format!("merged {} into {}", number(row.person), number(row.other)),
        "split" => format!("split {} from {}", number(row.person), number(row.other)),
        "named" => match &row.name {
            Some(name) => format!("named {} {name}", number(row.person)),
            None => format!("took the name of {} away", number(row.person)),
        },
        "undone" => format!("undid {}", row.target.map_or(0, |entry| entry.0)),
        "template_retired" => format!("retired template {}", row.target.map_or(0, |entry| entry.0)),
        "template_added" => format!("added template {}", row.id.0),
        kind => format!("{kind} {}", number(row.person)),
    }
}
