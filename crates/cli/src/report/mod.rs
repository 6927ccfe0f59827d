//! Answers from a database, as tables, JSON, CSV or a page.

mod args;
mod csv_rows;
mod page;
mod tables;

use std::io::Write;
use std::path::Path;

pub(crate) use args::ReportArgs;
use args::{Format, Step};
use passerby::report::{RangeEnd, ReportRecord, moment};
use passerby::store::query::{Answers, PersonKey, Question};
use passerby::store::{Reader, create_owner_only};
use passerby::types::BoxError;

use crate::outcome::Outcome;
use crate::output::{FileClaims, at};
use crate::terminal;

/// Reads the database and writes the report.
///
/// # Errors
/// The database cannot be read, an option names a thing that does not exist, or the output cannot be written.
pub(crate) fn run(args: &ReportArgs) -> Result<Outcome, BoxError> {
    claim(args)?;
    let question = question(args)?;
    let answers = Answers::read(&Reader::open(&args.database)?, &question)?;
    let record = ReportRecord::new(&answers, &question, args.by.map(Step::period), args.last_seen);
    if let Some(path) = record.paths.iter().find(|path| path.steps.is_empty()) {
        return Err(unseen(path.person).into());
    }
    let text = match args.format {
        Format::Table => tables::text(&record),
        Format::Json => serde_json::to_string_pretty(&record)? + "\n",
        Format::Csv => csv_rows::text(&record)?,
        Format::Html => page::text(&record)?,
    };
    match &args.output {
        Some(path) => write(path, &text)?,
        None => terminal::print(&text)?,
    }
    Ok(Outcome::Done)
}

/// Makes sure that the output is not the database, nor one of its companions.
fn claim(args: &ReportArgs) -> Result<(), BoxError> {
    let Some(output) = &args.output else { return Ok(()) };
    let mut claims = FileClaims::of_inputs([]);
    claims.claim_database("DATABASE", &args.database)?;
    claims.claim("--output", output)
}

fn question(args: &ReportArgs) -> Result<Question, BoxError> {
    let time_zone = passerby::report::time_zone("--time-zone", args.time_zone.as_deref())?;
    let read = |option, text: &Option<String>, end| {
        text.as_ref().map(|text| moment(option, text, &time_zone, end)).transpose()
    };
    let from = read("--from", &args.from, RangeEnd::From)?;
    let to = read("--to", &args.to, RangeEnd::To)?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err("--from must be before --to".into());
    }
    let persons: Result<Vec<PersonKey>, BoxError> =
        args.person.iter().map(|text| passerby::report::person("--person", text)).collect();
    Ok(Question {
        from,
        to,
        cameras: args.camera.clone(),
        persons: persons?,
        visit_gap: args.visit_gap,
        time_zone: time_zone.clone(),
    })
}

fn unseen(person: PersonKey) -> String {
    let advice = match person.run {
        None => "; if numbers mean a person only within a run, the run comes first, for example 1:",
        Some(_) => "",
    };
    let number = if advice.is_empty() { String::new() } else { person.id.0.to_string() };
    format!("{person} was not seen{advice}{number}")
}

fn write(path: &Path, text: &str) -> Result<(), BoxError> {
    let mut file = create_owner_only(path).map_err(|e| at(path, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| at(path, &e))
}
