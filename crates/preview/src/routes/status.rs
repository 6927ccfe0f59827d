//! How the program is: health, figures for Prometheus, and what the page may do.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusBuilder;
use passerby_pipeline::publish;
use serde_json::{Value, json};

use super::search::PICTURE_BYTES;
use crate::app::App;
use crate::live::rfc3339;

/// Answers `{"status":"ok"}`, or with status 503 what is wrong.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.sources.outputs.metrics().snapshot();
    let mut problems: Vec<String> = Vec::new();
    problems.extend(snapshot.stuck.iter().map(|call| format!("a call of {} does not return", call.stage)));
    problems.extend(snapshot.written.error.iter().map(|_| "the database cannot be written".to_owned()));
    if !snapshot.cameras.is_empty() && snapshot.cameras.iter().all(|camera| camera.ended) {
        problems.push("all cameras have ended".into());
    }
    match problems.is_empty() {
        true => Json(json!({ "status": "ok" })).into_response(),
        false => {
            let body = json!({ "status": "failing", "problems": problems });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

/// Answers with the pipeline's figures in the text format of Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    // A recorder for this answer alone: the program may have one of its own.
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        publish(&app.sources.outputs.metrics().snapshot());
        metrics::gauge!("passerby_preview_viewers").set(app.places.taken() as f64);
        metrics::counter!("passerby_preview_encoded_pictures_total").absolute(app.pictures.encoded());
        let expired = *app.sources.expired.lock().unwrap_or_else(PoisonError::into_inner);
        for (table, rows) in expired.by_table() {
            metrics::counter!("passerby_store_expired_rows_total", "table" => table).absolute(rows);
        }
    });
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.handle().render()).into_response()
}

pub(super) async fn info(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": rfc3339(app.started),
        "pictures_allowed": app.person_pictures.is_some(),
        "blur_forced": app.settings.blur,
        "editable": app.settings.editable,
        "has_database": app.sources.database.is_some(),
        "limits": { "viewers": app.settings.max_viewers, "upload_bytes": PICTURE_BYTES },
    }))
}
