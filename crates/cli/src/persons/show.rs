//! Shows one person of a database.

use std::fmt::Write;

use passerby::persons::{PersonDetail, nearest};
use passerby::store::JournalRow;
use passerby::types::{BoxError, JournalAuthor, PersonId};

use super::database::PersonsDatabase;
use super::list;
use super::time_text::local;
use crate::terminal;

/// Prints everything about one person: numbers, templates, and the entries of the journal.
///
/// # Errors
/// The database cannot be read, or the person is not known.
pub(super) fn run(database: &PersonsDatabase, person: &str, as_json: bool) -> Result<(), BoxError> {
    let persons = database.read()?;
    let id = persons.find(person)?;
    if as_json {
        return terminal::print(&(serde_json::to_string(&PersonDetail::read(&persons, id)?)? + "\n"));
    }
    let row = persons.row(id)?.ok_or_else(|| format!("{id} is not known"))?;
    let numbers = persons.edits.numbers(id);
    let templates = persons.templates().remove(&id).unwrap_or_default();
    let journal = persons.journal(id)?;
    let undone = |row: &JournalRow| persons.edits.undone_by(row.id);
    let mut text = list::line(&row);
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
