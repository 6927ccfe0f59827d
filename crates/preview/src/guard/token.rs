//! The token of requests.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use subtle::ConstantTimeEq;

/// The name of the cookie.
pub(crate) const COOKIE_NAME: &str = "passerby_token";

/// How a request proved that it may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// By the header `Authorization`, which no other site can send.
    Bearer,
    /// By the cookie, which a browser sends by itself, or because no token is needed.
    Ambient,
}

/// Compares in a time that does not depend on the texts.
pub(crate) fn is_token(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

/// Returns how the request may be answered, or `None` if it must be refused.
pub(crate) fn access(headers: &HeaderMap, token: Option<&str>) -> Option<Access> {
    let Some(token) = token else { return Some(Access::Ambient) };
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(given) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        return is_token(given, token).then_some(Access::Bearer);
    }
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(name, given)| name == COOKIE_NAME && is_token(given, token)).then_some(Access::Ambient)
}

/// Returns true if the token can stand in a header and a cookie as it is.
pub(crate) fn is_plain(token: &str) -> bool {
    token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b))
}
