//! Errors of the file, with their places.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// How alike a known key must be to be suggested, 0 to 1: as clap has it for options.
const MIN_LIKENESS: f64 = 0.7;

/// Why a configuration cannot be used. Its text names the file, the line and the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The file is not TOML, has a key that does not exist, or a wrong value.
    #[error("{path}:{line}: {what}", path = path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key and its fault, for example `camera.url: no such key; did you mean uri?`.
        what: String,
    },
}

impl ConfigError {
    /// Creates the error of a fault at this place of the text.
    pub(crate) fn at(path: &Path, text: &str, span: &Range<usize>, what: impl Into<String>) -> Self {
        Self::Wrong { path: path.to_owned(), line: line(text, span.start), what: what.into() }
    }

    /// Creates the error that the reader of TOML found. Its own text would show the line of the file, which may have a password in it.
    pub(crate) fn of(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let key = DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), span.start));
        Self::at(path, text, &span, said(error.message(), key))
    }
}

/// Returns the number of the line that the place is in.
fn line(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

/// Returns the fault of the key.
fn said(message: &str, key: Option<String>) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (table, name) = match &key {
        Some(key) => key.rsplit_once('.').unwrap_or(("", key)),
        None => ("", ""),
    };
    let with_table = |table: &str, name: &str| match table {
        "" => name.to_owned(),
        table => format!("{table}.{name}"),
    };
    if message.starts_with("unknown field") {
        let wrong = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        // The place of the error is that of the key, or that of its table.
        let table = if name == wrong { table } else { key.as_deref().unwrap_or_default() };
        let hint = match (likely(wrong, &known), known.is_empty()) {
            (Some(likely), _) => format!("; did you mean {likely}?"),
            (None, true) => String::new(),
            (None, false) => format!("; the keys are {}", known.join(", ")),
        };
        return format!("{}: no such key{hint}", with_table(table, wrong));
    }
    let fault = if message.starts_with("unknown variant") {
        let wrong = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let hint = likely(wrong, &known).map(|likely| format!("; did you mean {likely}?"));
        format!("expected one of {}{}", known.join(", "), hint.unwrap_or_default())
    } else if let Some(missing) = message.strip_prefix("missing field ") {
        let missing = missing.trim_matches('`');
        return format!("{}: is missing", with_table(key.as_deref().unwrap_or_default(), missing));
    } else {
        without_texts(message)
    };
    match key {
        Some(key) => format!("{key}: {fault}"),
        None => fault,
    }
}

/// Returns the known word that was probably meant, or `None` if none is like it.
fn likely<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, wrong);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= MIN_LIKENESS).then_some(*best)
}

/// Returns the message without the texts that it quotes from the file: one of them may be a password.
fn without_texts(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    match line.split_once("string \"") {
        Some((before, rest)) => match rest.rsplit_once("\", ") {
            Some((_, after)) => format!("{before}text, {after}"),
            None => format!("{before}text"),
        },
        None => line.to_owned(),
    }
}

/// Returns the key, with its tables, that the place is at or in.
fn key_at(table: &DeTable<'_>, place: usize) -> Option<String> {
    let mut around: Option<(usize, String)> = None;
    walk(table, "", place, &mut around);
    around.map(|(_, key)| key)
}

/// Keeps the key with the shortest span around the place.
fn walk(table: &DeTable<'_>, prefix: &str, place: usize, around: &mut Option<(usize, String)>) {
    for (key, value) in table {
        let name = match prefix {
            "" => key.get_ref().to_string(),
            prefix => format!("{prefix}.{}", key.get_ref()),
        };
        visit(value.get_ref(), value.span(), &name, place, around);
        keep(key.span(), &name, place, around);
    }
}

fn visit(
    value: &DeValue<'_>,
    span: Range<usize>,
    name: &str,
    place: usize,
    around: &mut Option<(usize, String)>,
) {
    keep(span, name, place, around);
    match value {
        DeValue::Table(table) => walk(table, name, place, around),
        DeValue::Array(items) => {
            items.iter().for_each(|item| visit(item.get_ref(), item.span(), name, place, around));
        }
        _ => {}
    }
}

fn keep(span: Range<usize>, name: &str, place: usize, around: &mut Option<(usize, String)>) {
    let length = span.len();
    let is_shorter = around.as_ref().is_none_or(|(shortest, _)| length < *shortest);
    if span.contains(&place) && is_shorter {
        *around = Some((length, name.to_owned()));
    }
}
