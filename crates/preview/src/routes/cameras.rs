//! The cameras: a list, and changes while the program runs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use passerby_types::CameraId;
use serde::Deserialize;

use super::body;
use crate::app::{App, blocking};
use crate::error::Refusal;
use crate::live::LiveCameraRow;

/// The most characters of a camera's URI and name.
const MAX_TEXT: usize = 2000;

#[derive(Deserialize)]
struct NewCamera {
    uri: String,
    name: Option<String>,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<LiveCameraRow>>, Refusal> {
    blocking(move || Ok(Json(app.live.rows(true)))).await
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    body: Body,
) -> Result<(StatusCode, Json<LiveCameraRow>), Refusal> {
    let new: NewCamera = body::json(body, app.settings.request_timeout).await?;
    let name = new.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let is_text = |text: &str| text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    if new.uri.trim().is_empty() || !is_text(&new.uri) || !name.as_deref().is_none_or(is_text) {
        return Err(Refusal::bad("the URI is empty, or the URI or the name is too long"));
    }
    let row = blocking(move || {
        let camera = app.sources.cameras.add(new.uri.trim(), name.as_deref())?;
        changed(&app, camera)
    });
    Ok((StatusCode::CREATED, Json(row.await?)))
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
) -> Result<StatusCode, Refusal> {
    blocking(move || {
        app.sources.cameras.remove(CameraId(camera))?;
        app.live.tell_removed(CameraId(camera));
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
) -> Result<Json<LiveCameraRow>, Refusal> {
    blocking(move || {
        app.sources.cameras.pause(CameraId(camera))?;
        changed(&app, CameraId(camera)).map(Json)
    })
    .await
}

pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
) -> Result<Json<LiveCameraRow>, Refusal> {
    blocking(move || {
        let camera = CameraId(camera);
        let now = app.sources.cameras.resume(camera)?;
        if now != camera {
            app.live.tell_removed(camera);
        }
        changed(&app, now).map(Json)
    })
    .await
}

/// Tells viewers of a camera, and returns its row.
fn changed(app: &App, camera: CameraId) -> Result<LiveCameraRow, Refusal> {
    let row = app.live.rows(true).into_iter().find(|row| row.camera == camera);
    let row = row.ok_or_else(|| Refusal::missing(format!("there is no {camera}")))?;
    app.live.tell_camera(&row);
    Ok(row)
}

/// Checks that a camera exists.
///
/// # Errors
/// It does not.
pub(super) fn find(app: &App, camera: u32) -> Result<CameraId, Refusal> {
    let camera = CameraId(camera);
    let exists = app.sources.cameras.cameras().iter().any(|listed| listed.camera == camera);
    exists.then_some(camera).ok_or_else(|| Refusal::missing(format!("there is no {camera}")))
}
