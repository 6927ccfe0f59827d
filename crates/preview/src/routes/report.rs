//! Answers from the database.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use passerby::report::{RangeEnd, ReportRecord, moment, person, time_zone};
use passerby::store::Reader;
use passerby::store::query::{Answers, Period, Question};
use passerby_types::BoxError;
use serde::Deserialize;

use super::persons::database;
use crate::app::{App, blocking};
use crate::error::Refusal;

/// The persons in the list of the last seen.
const LAST_SEEN: usize = 20;

#[derive(Deserialize)]
pub(super) struct ReportQuery {
    from: Option<String>,
    to: Option<String>,
    by: Option<Period>,
    camera: Option<String>,
    person: Option<String>,
    time_zone: Option<String>,
    visit_gap: Option<f64>,
}

impl ReportQuery {
    fn question(&self) -> Result<Question, BoxError> {
        let zone = time_zone("time_zone", self.time_zone.as_deref())?;
        let read = |option, text: &Option<String>, end| {
            text.as_ref()
                .filter(|text| !text.is_empty())
                .map(|text| moment(option, text, &zone, end))
                .transpose()
        };
        let from = read("from", &self.from, RangeEnd::From)?;
        let to = read("to", &self.to, RangeEnd::To)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err("from must be before to".into());
        }
        let mut question = Question { from, to, time_zone: zone.clone(), ..Question::default() };
        question.cameras.extend(self.camera.clone());
        question.persons.extend(self.person.as_deref().map(|text| person("person", text)).transpose()?);
        if let Some(seconds) = self.visit_gap {
            question.visit_gap = Duration::try_from_secs_f64(seconds)?;
        }
        Ok(question)
    }
}

pub(super) async fn report(
    State(app): State<Arc<App>>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<ReportRecord>, Refusal> {
    blocking(move || {
        let path = database(&app)?;
        let question = query.question().map_err(|e| Refusal::bad(e.to_string()))?;
        let reader = Reader::open(path).map_err(|e| Refusal::internal(e.to_string()))?;
        // An unknown camera is the request's fault.
        let answers = Answers::read(&reader, &question).map_err(|e| Refusal::bad(e.to_string()))?;
        Ok(Json(ReportRecord::new(&answers, &question, query.by, LAST_SEEN)))
    })
    .await
}
