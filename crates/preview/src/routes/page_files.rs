//! The files of the page.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::error::Refusal;
use crate::page::page_file;

pub(super) async fn index() -> Result<Response, Refusal> {
    asset(Path("index.html".into())).await
}

/// Answers with a file of the binary. No file of the disk can be reached.
pub(super) async fn asset(Path(path): Path<String>) -> Result<Response, Refusal> {
    let file = page_file(&path).ok_or_else(|| Refusal::missing("there is no such file"))?;
    Ok(([(CONTENT_TYPE, file.media_type)], file.contents).into_response())
}
