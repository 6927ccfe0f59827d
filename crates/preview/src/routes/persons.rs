//! The persons: lists, and corrections.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use passerby::persons::{JournalRecord, KnownPersons, PersonDetail, PersonRecord};
use passerby::reid::{SharedGallery, SuggestionReason};
use passerby::store::PresenceRow;
use passerby_types::{BoxError, EditError, EntryId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body;
use crate::app::{App, blocking};
use crate::error::Refusal;

/// The rows of a page if the request does not say, and the most.
const USUAL_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    search: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

#[derive(Deserialize)]
struct NewName {
    name: Option<String>,
}

#[derive(Deserialize)]
struct MergeInto {
    into: u64,
}

#[derive(Deserialize)]
struct SplitOff {
    templates: Vec<u64>,
}

#[derive(Deserialize)]
struct UndoEntry {
    entry: u64,
}

/// A person of the list: the record of `passerby persons --json`, and where the person was.
#[derive(Serialize)]
struct PersonRow<'a> {
    #[serde(flatten)]
    record: &'a PersonRecord,
    cameras: Vec<&'a str>,
    frames: u64,
    dwell_s: f64,
    has_picture: bool,
}

impl<'a> PersonRow<'a> {
    fn new(record: &'a PersonRecord, places: &'a [PresenceRow], has_picture: bool) -> Self {
        Self {
            record,
            cameras: places.iter().map(|place| place.camera.as_str()).collect(),
            frames: places.iter().map(|place| place.frames).sum(),
            dwell_s: places.iter().map(|place| place.dwell.as_secs_f64()).sum(),
            has_picture,
        }
    }
}

/// Returns the database, or says that there is none.
pub(super) fn database(app: &App) -> Result<&PathBuf, Refusal> {
    app.sources.database.as_ref().ok_or_else(|| Refusal::conflict("this run has no database"))
}

/// Returns the gallery, whose changes the database keeps.
fn gallery(app: &App) -> Result<&SharedGallery, Refusal> {
    database(app)?;
    let gallery = app.sources.gallery.as_ref();
    gallery
        .ok_or_else(|| Refusal::conflict("this run numbers persons anew, and changes none of earlier runs"))
}

/// Reads the persons as they are now: the gallery writes in the background.
fn read(app: &App) -> Result<KnownPersons, Refusal> {
    if let Some(gallery) = &app.sources.gallery {
        gallery.flush().map_err(|e| Refusal::internal(e.to_string()))?;
    }
    KnownPersons::read(database(app)?, app.sources.key.clone()).map_err(|e| failed(&e))
}

fn failed(error: &BoxError) -> Refusal {
    Refusal::internal(error.to_string())
}

fn refused(error: &EditError) -> Refusal {
    let status = match error {
        EditError::UnknownPerson(_) => StatusCode::NOT_FOUND,
        EditError::InvalidName | EditError::UnknownTemplate { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    };
    Refusal::new(status, error.to_string())
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        if app.sources.database.is_none() {
            return Ok(Json(json!({ "persons": [], "total": 0 })));
        }
        let persons = read(&app)?;
        let rows = persons.reader.known_persons().map_err(|e| failed(&e.into()))?;
        let places = by_person(persons.reader.presence().map_err(|e| failed(&e.into()))?);
        let wanted = query.search.as_deref().unwrap_or_default().trim().to_lowercase();
        let mut records: Vec<PersonRecord> = rows.iter().map(PersonRecord::new).collect();
        records.retain(|record| {
            let has_name =
                record.person.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&wanted));
            wanted.is_empty() || has_name || record.person.person.to_string() == wanted
        });
        records.sort_by_key(|record| Reverse((record.person.last_seen.clone(), record.person.person)));
        let limit = query.limit.unwrap_or(USUAL_LIMIT).min(MAX_LIMIT);
        let page = records.iter().skip(query.offset.unwrap_or(0)).take(limit);
        let page: Vec<PersonRow<'_>> = page
            .map(|record| {
                let number = record.person.person;
                let places = places.get(&number).map_or(&[][..], Vec::as_slice);
                PersonRow::new(record, places, has_picture(&app, &persons, PersonId(number)))
            })
            .collect();
        Ok(Json(json!({ "persons": page, "total": records.len() })))
    })
    .await
}

fn by_person(rows: Vec<PresenceRow>) -> BTreeMap<u64, Vec<PresenceRow>> {
    let mut places: BTreeMap<u64, Vec<PresenceRow>> = BTreeMap::new();
    rows.into_iter().for_each(|row| places.entry(row.person.0).or_default().push(row));
    places
}

pub(super) async fn detail(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        let persons = read(&app)?;
        let person = find(&persons, person)?;
        let detail = PersonDetail::read(&persons, person).map_err(|e| failed(&e))?;
        let places = by_person(persons.reader.presence().map_err(|e| failed(&e.into()))?);
        let places = places.get(&person.0).map_or(&[][..], Vec::as_slice);
        let mut value = serde_json::to_value(detail).map_err(|e| Refusal::internal(e.to_string()))?;
        value["cameras"] = places.iter().map(|place| place.camera.as_str()).collect();
        value["frames"] = places.iter().map(|place| place.frames).sum::<u64>().into();
        value["dwell_s"] = places.iter().map(|place| place.dwell.as_secs_f64()).sum::<f64>().into();
        value["has_picture"] = has_picture(&app, &persons, person).into();
        Ok(Json(value))
    })
    .await
}

/// Returns true if there is a picture of the person.
fn has_picture(app: &App, persons: &KnownPersons, person: PersonId) -> bool {
    let pictures = app.person_pictures.as_ref();
    pictures.is_some_and(|pictures| pictures.has(&persons.edits.numbers(person)))
}

/// Returns the person for whom a number stands.
fn find(persons: &KnownPersons, number: u64) -> Result<PersonId, Refusal> {
    let person = PersonId(number);
    let is_known = persons.sum.persons.iter().any(|known| known.id == person);
    let unknown = || Refusal::missing(format!("{person} is not known"));
    is_known.then(|| persons.edits.root(person)).ok_or_else(unknown)
}

/// Returns the record of a person after a change, with the entry of the journal.
fn changed(app: &App, person: PersonId, entry: EntryId) -> Result<Json<Value>, Refusal> {
    let persons = read(app)?;
    let row = persons.row(persons.edits.root(person)).map_err(|e| failed(&e))?;
    let record = row.map(|row| PersonRecord::new(&row));
    let mut value = serde_json::to_value(record).map_err(|e| Refusal::internal(e.to_string()))?;
    value["entry"] = entry.0.into();
    Ok(Json(value))
}

pub(super) async fn rename(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let new: NewName = body::json(body, app.settings.request_timeout).await?;
    blocking(move || {
        let person = PersonId(person);
        let name = new.name.as_deref().map(str::trim);
        let entry = gallery(&app)?.set_name(person, name).map_err(|e| refused(&e))?;
        app.live.tell_person(Some(person), "named", None);
        changed(&app, person, entry)
    })
    .await
}

pub(super) async fn merge(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let MergeInto { into } = body::json(body, app.settings.request_timeout).await?;
    blocking(move || {
        let gallery = gallery(&app)?;
        let persons = read(&app)?;
        let (from, into) = (find(&persons, person)?, find(&persons, into)?);
        let both = persons.reader.frame_of_both(into, from).map_err(|e| failed(&e.into()))?;
        if let Some((run, camera, seq)) = both {
            return Err(Refusal::conflict(format!(
                "{from} and {into} were seen as two faces of one frame: {run}, {camera}, frame {seq}"
            )));
        }
        let entry = gallery.merge(into, from).map_err(|e| refused(&e))?;
        app.live.tell_person(Some(into), "merged", None);
        changed(&app, into, entry)
    })
    .await
}

pub(super) async fn split(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let SplitOff { templates } = body::json(body, app.settings.request_timeout).await?;
    blocking(move || {
        let templates: Vec<EntryId> = templates.into_iter().map(EntryId).collect();
        let done = gallery(&app)?.split_person(PersonId(person), &templates);
        let (new, entry) = done.map_err(|e| refused(&e))?;
        app.live.tell_person(Some(new), "split", None);
        changed(&app, new, entry)
    })
    .await
}

pub(super) async fn undo(State(app): State<Arc<App>>, body: Body) -> Result<Json<Value>, Refusal> {
    let UndoEntry { entry } = body::json(body, app.settings.request_timeout).await?;
    blocking(move || {
        let undone = gallery(&app)?.undo(EntryId(entry)).map_err(|e| refused(&e))?;
        app.live.tell_person(None, "undone", None);
        Ok(Json(json!({ "entry": undone.0 })))
    })
    .await
}

/// Removes a person from the gallery. While the program writes the database, the file cannot be rewritten, so freed pages may still hold
/// old bytes: `verified` is false, and `passerby persons forget` erases them after the run.
pub(super) async fn forget(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        let gallery = gallery(&app)?;
        let persons = read(&app)?;
        let person = find(&persons, person)?;
        let templates = persons.templates().remove(&person).map_or(0, |templates| templates.len());
        let numbers = persons.edits.numbers(person);
        // A reader would keep old pages alive.
        drop(persons);
        if !gallery.remove(person) {
            return Err(Refusal::missing(format!("{person} is not known")));
        }
        app.person_pictures.iter().for_each(|pictures| pictures.forget(&numbers));
        gallery.flush().map_err(|e| Refusal::internal(e.to_string()))?;
        app.live.tell_person(Some(person), "forgotten", None);
        Ok(Json(json!({ "templates": templates, "verified": false })))
    })
    .await
}

pub(super) async fn journal(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        let persons = read(&app)?;
        let limit = query.limit.unwrap_or(USUAL_LIMIT).min(MAX_LIMIT) as u32;
        let rows = persons.reader.latest_journal(limit).map_err(|e| failed(&e.into()))?;
        let records = rows.iter().map(|row| JournalRecord::new(row, persons.edits.undone_by(row.id)));
        Ok(Json(json!({ "journal": records.collect::<Vec<_>>() })))
    })
    .await
}

pub(super) async fn suggestions(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    blocking(move || {
        let Some(gallery) = &app.sources.gallery else { return Ok(Json(json!({ "suggestions": [] }))) };
        let list = gallery.suggestions().into_iter().map(|one| {
            let reason = match one.reason {
                SuggestionReason::AlmostMatched => "almost as similar as a match",
                _ => "later views are similar, but not enough for a merge",
            };
            json!({
                "person": one.person,
                "other": one.other,
                "score": one.similarity,
                "threshold": one.threshold,
                "reason": reason,
            })
        });
        Ok(Json(json!({ "suggestions": list.collect::<Vec<_>>() })))
    })
    .await
}

/// Answers with the best view of a person since the start, if the settings allow it.
pub(super) async fn picture(
    State(app): State<Arc<App>>,
    Path(person): Path<u64>,
) -> Result<Response, Refusal> {
    blocking(move || {
        let none = || Refusal::missing(format!("there is no picture of {}", PersonId(person)));
        let pictures = app.person_pictures.as_ref().ok_or_else(none)?;
        let persons = read(&app)?;
        let root = find(&persons, person)?;
        let jpeg = pictures.jpeg(&persons.edits.numbers(root)).ok_or_else(none)?;
        Ok(([(CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
    })
    .await
}
