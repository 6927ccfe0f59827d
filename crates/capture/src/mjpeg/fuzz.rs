//! A camera's bytes, without a connection around them.

use super::http::{Body, parse};
use super::parts::{Part, Parts};

/// The parts of a multipart body that comes in pieces of this size (0 counts as 1): pictures of up to `limit` bytes, and
/// `None` for each part that gives none.
pub fn multipart(boundary: Option<&str>, body: &[u8], piece: usize, limit: usize) -> Vec<Option<Vec<u8>>> {
    pictures(Parts::new(boundary, limit), body.chunks(piece.max(1)))
}

/// The parts of what a camera answers, header and all; `None` where the header is none, or not all there.
pub fn answer(bytes: &[u8], piece: usize, limit: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let (head, body, used) = parse(bytes).ok()??;
    let (rest, mut out) = (bytes.get(used..)?, Vec::new());
    match body {
        Body::Length(len) => out.extend_from_slice(&rest[..rest.len().min(usize::try_from(len).ok()?)]),
        Body::Chunked(mut chunks) => {
            for mut piece in rest.chunks(piece.max(1)) {
                if chunks.push(&mut piece, &mut out).is_err() || chunks.is_over() {
                    break;
                }
            }
        }
        Body::Close => out.extend_from_slice(rest),
    }
    let multipart = head.kind.as_deref().is_some_and(|kind| kind.starts_with("multipart/"));
    let parts = if multipart { Parts::new(head.boundary(), limit) } else { Parts::bare(limit) };
    Some(pictures(parts, out.chunks(piece.max(1))))
}

fn pictures<'a>(mut parts: Parts, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut out = Vec::new();
    pieces.for_each(|piece| parts.push(piece, &mut out));
    let picture = |part| match part {
        Part::Picture(bytes) => Some(bytes),
        Part::Lost(_) => None,
    };
    out.into_iter().map(picture).collect()
}
