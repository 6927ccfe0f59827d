//! Finds the person of a picture.

use std::io::Write;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use passerby::persons::KnownPersons;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::body;
use super::persons::database;
use crate::app::{App, blocking};
use crate::error::Refusal;

/// The most bytes of a picture.
pub(super) const PICTURE_BYTES: usize = 10 << 20;
/// The most matches.
const MATCHES: usize = 5;
/// Searches run one after another: each loads two networks.
static TURN: Semaphore = Semaphore::const_new(1);

pub(super) async fn search(State(app): State<Arc<App>>, body: Body) -> Result<Json<Value>, Refusal> {
    database(&app)?;
    let Ok(_turn) = TURN.try_acquire() else {
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "another search is running"));
    };
    let bytes = body::read(body, PICTURE_BYTES, app.settings.request_timeout).await?;
    blocking(move || {
        let persons = KnownPersons::read(database(&app)?, app.sources.key.clone())
            .map_err(|e| Refusal::internal(e.to_string()))?;
        // The decoders read files. This one is for its owner alone, and is gone when it is dropped.
        let file = tempfile::NamedTempFile::new().and_then(|mut file| {
            file.write_all(&bytes)?;
            Ok(file)
        });
        let file = file.map_err(|e| Refusal::internal(e.to_string()))?;
        let path = file.path().display().to_string();
        let face = persons.face_of(file.path());
        let face = face.map_err(|e| Refusal::bad(e.to_string().replace(&path, "the picture")))?;
        let matches = persons.matches(&face, MATCHES).map_err(|e| Refusal::internal(e.to_string()))?;
        Ok(Json(json!({ "matches": matches })))
    })
    .await
}
