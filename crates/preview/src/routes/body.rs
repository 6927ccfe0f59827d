//! Bodies of requests, which are bounded in size and time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::error::Refusal;

/// The most bytes of a JSON body.
const JSON_BYTES: usize = 64 << 10;

/// Reads a whole body.
///
/// # Errors
/// It is larger than `limit`, or has not come in time.
pub(super) async fn read(body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Refusal> {
    let refuse = |status, text: &str| Err(Refusal::new(status, text));
    match tokio::time::timeout(timeout, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("the body is broken, or larger than {limit} bytes"),
        ),
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    }
}

/// Reads a JSON body.
///
/// # Errors
/// As for [`read`], and the text is not of the shape.
pub(super) async fn json<T: DeserializeOwned>(body: Body, timeout: Duration) -> Result<T, Refusal> {
    let bytes = read(body, JSON_BYTES, timeout).await?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Refusal::bad(format!("the body is not the expected JSON: {e}")))
}
