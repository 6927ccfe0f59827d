//! Events as they happen.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use passerby_types::CameraId;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::Refusal;
use crate::live::{EventChoice, EventKind, EventViewer};

/// A line that says nothing, sent when nothing happens, so that a dead connection is noticed.
const KEEP_ALIVE: &str = ": still here\n\n";
const KEEP_ALIVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

#[derive(Deserialize)]
pub(super) struct EventQuery {
    cameras: Option<String>,
    kinds: Option<String>,
}

/// A viewer with its place, which it leaves when the connection ends.
struct Seat {
    app: Arc<App>,
    viewer: Arc<EventViewer>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.app.live.leave(&self.viewer);
    }
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    Query(query): Query<EventQuery>,
) -> Result<Response, Refusal> {
    let choice = choice(&query)?;
    let permit = app.places.take()?;
    let viewer = app.live.join(choice);
    let seat = Seat { app, viewer, _permit: permit };
    let first = Ok::<_, std::convert::Infallible>(Bytes::from_static(b": passerby\n\n"));
    let rest = futures::stream::unfold(seat, async |seat| {
        let next = match tokio::time::timeout(KEEP_ALIVE_INTERVAL, seat.viewer.next()).await {
            Ok(next) => next?,
            Err(_) => Bytes::from_static(KEEP_ALIVE.as_bytes()),
        };
        Some((Ok(next), seat))
    });
    let stream = futures::StreamExt::chain(futures::stream::iter([first]), rest);
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response())
}

fn choice(query: &EventQuery) -> Result<EventChoice, Refusal> {
    let kinds = match &query.kinds {
        None => EventKind::ALL.into(),
        Some(names) => names
            .split(',')
            .map(|name| {
                let kind = EventKind::ALL.into_iter().find(|kind| kind.name() == name);
                kind.ok_or_else(|| {
                    Refusal::bad("kinds: observation, figures, camera, pipeline, person, zone")
                })
            })
            .collect::<Result<_, _>>()?,
    };
    // An empty list is no camera.
    let cameras = query.cameras.as_ref().map(|text| {
        let numbers = text.split(',').filter(|number| !number.is_empty());
        numbers
            .map(|number| number.parse().map(CameraId))
            .collect::<Result<_, _>>()
            .map_err(|_| Refusal::bad("cameras: numbers with commas between them"))
    });
    Ok(EventChoice { kinds, cameras: cameras.transpose()? })
}
