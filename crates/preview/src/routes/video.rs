//! H.264 as it came, over a WebSocket.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use passerby_types::Codec;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::cameras::find;
use crate::app::App;
use crate::connection::Client;
use crate::error::Refusal;
use crate::video::{VideoEnd, VideoFeed, VideoMessage};

/// The largest message of a viewer, in bytes. It is the largest message that the socket would answer: a ping.
const MAX_MESSAGE_BYTES: usize = 125;
/// The most bytes that a viewer may send between two allowances. Browsers send none.
const MAX_SENT_BYTES: u64 = 4096;
/// The interval between two allowances.
const ALLOWANCE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the server waits until a viewer has answered the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) async fn video(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
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
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let reason = play(&mut socket, VideoFeed::new(stream), &client).await;
        drop(permit);
        close(socket, reason).await;
    }))
}

/// Sends the video until it ends, the viewer leaves, or the viewer breaks a rule. Returns the code and the reason of the end, or `None`
/// if the viewer is gone.
async fn play(socket: &mut WebSocket, mut feed: VideoFeed, client: &Client) -> Option<(u16, &'static str)> {
    let mut allowances = interval(ALLOWANCE_INTERVAL);
    allowances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = poll_fn(|context| feed.poll_next(context)) => {
                let message = match message {
                    Ok(VideoMessage::Description(text)) => Message::Text(text.into()),
                    Ok(VideoMessage::Segment(data)) => Message::Binary(data.into()),
                    Err(VideoEnd::Camera) => return Some((close_code::NORMAL, "the camera has ended")),
                    Err(VideoEnd::Slow) => return Some((close_code::NORMAL, "too slow")),
                };
                socket.send(message).await.ok()?;
            }
            said = socket.recv() => match said? {
                // The socket itself has answered pings and the end.
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) => {
                    // The answer to it goes out with the next call.
                    drop(timeout(CLOSE_TIMEOUT, socket.recv()).await);
                    return None;
                }
                Ok(Message::Text(_) | Message::Binary(_)) => {
                    return Some((close_code::UNSUPPORTED, "a viewer sends no messages"));
                }
                Err(_) => return Some((close_code::PROTOCOL, "broken or too large messages")),
            },
            // Fragments without an end are no message, and pings have answers, so neither would end by itself.
            _ = allowances.tick() => {
                if client.has_sent_too_much() {
                    return Some((close_code::POLICY, "a viewer sends no messages"));
                }
                client.allow_bytes(MAX_SENT_BYTES);
            }
        }
    }
}

/// Says why the video ends, and gives the viewer time to take it: a connection with unread bytes is reset when it is closed.
async fn close(mut socket: WebSocket, reason: Option<(u16, &'static str)>) {
    let Some((code, reason)) = reason else { return };
    let farewell = async {
        let frame = CloseFrame { code, reason: reason.into() };
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        loop {
            match socket.recv().await {
                Some(Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => std::future::pending().await,
            }
        }
    };
    // The connection is closed either way.
    drop(timeout(CLOSE_TIMEOUT, farewell).await);
}
