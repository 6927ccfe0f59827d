//! Parses the bytes of a camera, without a connection.

use super::http::{Body, parse};
use crate::jpeg::multipart::{MultipartParser, Part};

/// Returns the parts of a multipart body: pictures of up to `limit` bytes, and `None` for each part without a picture.
///
/// The parser gets the body in pieces of `piece` bytes (0 counts as 1).
pub fn multipart(boundary: Option<&str>, body: &[u8], piece: usize, limit: usize) -> Vec<Option<Vec<u8>>> {
    pictures(MultipartParser::new(boundary, limit), body.chunks(piece.max(1)))
}

/// Returns the parts of a camera's whole response, or `None` if its header is invalid or incomplete.
pub fn answer(bytes: &[u8], piece: usize, limit: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let (head, body, used) = parse(bytes).ok()??;
    let rest = bytes.get(used..)?;
    let mut out = Vec::new();
    match body {
        Body::Length(len) => out.extend_from_slice(&rest[..rest.len().min(usize::try_from(len).ok()?)]),
        Body::Chunked(mut chunks) => {
            for mut piece in rest.chunks(piece.max(1)) {
                if chunks.push(&mut piece, &mut out).is_err() || chunks.has_ended() {
                    break;
                }
            }
        }
        Body::Close => out.extend_from_slice(rest),
    }
    let multipart = head.kind.as_deref().is_some_and(|kind| kind.starts_with("multipart/"));
    let parser =
        if multipart { MultipartParser::new(head.boundary(), limit) } else { MultipartParser::bare(limit) };
    Some(pictures(parser, out.chunks(piece.max(1))))
}

fn pictures<'a>(mut parser: MultipartParser, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut out = Vec::new();
    pieces.for_each(|piece| parser.push(piece, &mut out));
    let picture = |part| match part {
        Part::Picture(bytes) => Some(bytes),
        Part::Lost(_) => None,
    };
    out.into_iter().map(picture).collect()
}
