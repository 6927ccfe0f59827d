//! H.264 as it came, over a WebSocket.

use std::future::poll_fn;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use passerby_types::Codec;
use tokio::sync::OwnedSemaphorePermit;

use super::cameras::find;
use crate::app::App;
use crate::error::Refusal;
use crate::video::{VideoEnd, VideoFeed, VideoMessage};

/// A viewer has nothing to say, so its messages are short.
const MAX_MESSAGE: usize = 4096;

pub(super) async fn video(
    State(app): State<Arc<App>>,
    Path(camera): Path<u32>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|e| Refusal::new(StatusCode::UPGRADE_REQUIRED, e.body_text()))?;
    let camera = find(&app, camera)?;
    if app.settings.blur {
        return Err(Refusal::conflict("faces must be blurred, which coded video cannot be"));
    }
    let coded = app.sources.outputs.coded_streams();
    if coded.codec(camera) != Some(Codec::H264) {
        return Err(Refusal::conflict("the camera sends no H.264"));
    }
    let stream = coded.open(camera).ok_or_else(|| Refusal::missing("the camera has ended"))?;
    let permit = app.places.take()?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| play(socket, VideoFeed::new(stream), permit)))
}

/// Sends the video until the viewer or the camera ends. What the viewer says is read and dropped, so that its pings are answered.
async fn play(mut socket: WebSocket, mut feed: VideoFeed, _permit: OwnedSemaphorePermit) {
    loop {
        tokio::select! {
            message = poll_fn(|context| feed.poll_next(context)) => {
                let message = match message {
                    Ok(VideoMessage::Description(text)) => Message::Text(text.into()),
                    Ok(VideoMessage::Segment(data)) => Message::Binary(data.into()),
                    Err(end) => {
                        let reason = match end { VideoEnd::Camera => "the camera has ended", VideoEnd::Slow => "too slow" };
                        let close = CloseFrame { code: close_code::NORMAL, reason: reason.into() };
                        drop(socket.send(Message::Close(Some(close))).await);
                        return;
                    }
                };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}
