//! Decides which requests are answered, and sets the headers that protect a browser.

mod hosts;
mod rate;
mod token;

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::Refusal;
use crate::settings::PreviewSettings;
use hosts::{Hosts, is_same_origin};
use rate::RateLimit;
use token::{Access, COOKIE_NAME, access, is_token};

pub(crate) use token::is_plain;

/// The most wrong tokens of one client a second.
const WRONG_TOKENS_PER_S: u32 = 5;
/// The path that changes nothing although its method says so: the picture to search for is its body.
pub(crate) const SEARCH: &str = "/api/persons/search";

const HEADERS: [(HeaderName, &str); 8] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; \
        media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// The rules for requests.
pub(crate) struct Guard {
    hosts: Hosts,
    token: Option<String>,
    editable: bool,
    requests: RateLimit,
    wrong_tokens: RateLimit,
}

impl Guard {
    pub(crate) fn new(settings: &PreviewSettings, address: std::net::SocketAddr) -> Self {
        Self {
            hosts: Hosts::new(address, &settings.hosts),
            token: settings.token.clone(),
            editable: settings.editable,
            requests: RateLimit::new(settings.max_requests_per_s),
            wrong_tokens: RateLimit::new(WRONG_TOKENS_PER_S),
        }
    }

    /// Returns the answer to a request of `client` that must not reach a route, or `None`.
    pub(crate) fn refusal(&self, request: &Request, client: IpAddr) -> Option<Response> {
        let now = Instant::now();
        let refuse = |status, text: &str| Some(Refusal::new(status, text).into_response());
        if !self.requests.allows(client, now) {
            return refuse(StatusCode::TOO_MANY_REQUESTS, "too many requests");
        }
        let (headers, path) = (request.headers(), request.uri().path());
        let Some(host) = single(headers, &HOST).filter(|host| self.hosts.allows(host)) else {
            return refuse(StatusCode::FORBIDDEN, "the server is not known by this name");
        };
        let origin = headers.contains_key(ORIGIN).then(|| single(headers, &ORIGIN).unwrap_or_default());
        if origin.is_some_and(|origin| !is_same_origin(origin, host)) {
            return refuse(StatusCode::FORBIDDEN, "requests of other sites are refused");
        }
        if path == "/health" {
            return None;
        }
        if path == "/"
            && let Some(given) = token_of_query(request.uri().query())
        {
            return self.sign_in(given, client, now);
        }
        if path == "/" || path.starts_with("/assets/") {
            return None;
        }
        if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            return refuse(StatusCode::FORBIDDEN, "requests of other sites are refused");
        }
        let Some(access) = access(headers, self.token.as_deref()) else {
            // The right token is never held up: a guess is hopeless anyway, and others must not lock its owner out.
            if !self.wrong_tokens.allows(client, now) {
                return refuse(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens");
            }
            return refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
        };
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        if changes && origin.is_none() && access != Access::Bearer {
            let text = "a change needs the header Origin of this server, or Authorization with the token";
            return refuse(StatusCode::FORBIDDEN, text);
        }
        if changes && !self.editable && path != SEARCH {
            return refuse(StatusCode::FORBIDDEN, "this server changes nothing");
        }
        None
    }

    /// Answers `/?token=…`: with the right token a cookie, and the page without the token in its address.
    fn sign_in(&self, given: &str, client: IpAddr, now: Instant) -> Option<Response> {
        let Some(token) = &self.token else { return Some(to_page(None)) };
        if !is_token(given, token) {
            if !self.wrong_tokens.allows(client, now) {
                return Some(
                    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens").into_response(),
                );
            }
            // The page asks for the token again.
            return Some(to_page(None));
        }
        Some(to_page(Some(&format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict"))))
    }
}

fn to_page(cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    if let Some(Ok(cookie)) = cookie.map(HeaderValue::from_str) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Returns a header's text, or `None` if it is missing, not text, or there twice.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Returns the value of `token`. A token has no character that a query must escape but these, which forms of browsers do.
fn token_of_query(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

/// Sets the headers that every answer has.
pub(crate) fn protect(response: &mut Response) {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
