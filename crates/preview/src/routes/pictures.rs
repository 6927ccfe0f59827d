//! Pictures of a camera: the newest one, and all of them as a stream.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use passerby_pipeline::CodedStream;
use passerby_types::Codec;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::cameras::find;
use crate::app::App;
use crate::error::Refusal;
use crate::pictures::{JpegPicture, turned};

/// How long a request waits for a picture.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
pub(super) struct PictureQuery {
    blur: Option<String>,
}

impl PictureQuery {
    fn wants_blur(&self) -> bool {
        self.blur.as_deref().is_some_and(|blur| blur != "0")
    }
}

/// Where a stream's pictures come from.
enum Feed {
    /// From the camera, as they came.
    Coded(CodedStream),
    /// From the encoder.
    Encoded(watch::Receiver<Option<JpegPicture>>),
}

impl Feed {
    fn open(app: &App, camera: u32, query: &PictureQuery) -> Result<Self, Refusal> {
        let camera = find(app, camera)?;
        let blur = app.settings.blur || query.wants_blur();
        let coded = app.sources.outputs.coded_streams();
        if !blur && coded.codec(camera) == Some(Codec::Jpeg) {
            let stream = coded.open(camera).ok_or_else(|| Refusal::missing("the camera has ended"))?;
            return Ok(Self::Coded(stream));
        }
        Ok(Self::Encoded(app.pictures.watch(camera, blur)))
    }

    /// Returns the next picture, or `None` at the end.
    async fn next(&mut self) -> Option<JpegPicture> {
        match self {
            Self::Coded(stream) => {
                let frame = std::future::poll_fn(|context| stream.poll_recv(context)).await?;
                let data = turned(&frame.coded.data, frame.coded.rotation);
                Some(JpegPicture { data, pts: Some(frame.pts), seq: frame.seq })
            }
            Self::Encoded(pictures) => {
                pictures.changed().await.ok()?;
                pictures.borrow_and_update().clone()
            }
        }
    }
}

pub(super) async fn newest(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
    Query(query): Query<PictureQuery>,
) -> Result<Response, Refusal> {
    let _permit = app.places.take()?;
    let mut feed = Feed::open(&app, camera, &query)?;
    match tokio::time::timeout(PICTURE_TIMEOUT, feed.next()).await {
        Ok(Some(picture)) => {
            let seq = picture.seq.to_string();
            let headers =
                [("content-type", "image/jpeg"), ("x-seq", seq.as_str()), ("x-pts", &pts(&picture))];
            Ok((headers, picture.data).into_response())
        }
        Ok(None) => Err(Refusal::missing("the camera has ended")),
        Err(_) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the camera gives no picture now")),
    }
}

pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
    Query(query): Query<PictureQuery>,
) -> Result<Response, Refusal> {
    let permit: OwnedSemaphorePermit = app.places.take()?;
    let feed = Feed::open(&app, camera, &query)?;
    let parts = futures::stream::unfold((feed, permit), async |(mut feed, permit)| {
        let picture = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(part(&picture)), (feed, permit)))
    });
    let kind = "multipart/x-mixed-replace; boundary=frame";
    Ok(([(CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

fn part(picture: &JpegPicture) -> Bytes {
    let head = format!(
        "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nX-Pts: {}\r\nX-Seq: {}\r\n\r\n",
        picture.data.len(),
        pts(picture),
        picture.seq,
    );
    [head.as_bytes(), &picture.data, b"\r\n"].concat().into()
}

fn pts(picture: &JpegPicture) -> String {
    picture.pts.map_or_else(String::new, |pts| format!("{:.6}", pts.as_secs_f64()))
}
