//! As much of HTTP/1.1 (RFC 9110, RFC 9112) as asking a camera for pictures takes.

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_auth::{PasswordClient, PasswordParams};
use passerby_types::SourceError;
use url::Url;

use super::chunks::Chunks;
use super::stop::Stop;
use super::wire::Wire;
use crate::address::{Address, Login};

/// Bytes that an answer's header may have.
const HEADER: usize = 64 << 10;
/// Lines that it may have.
const LINES: usize = 100;
/// Other addresses that a camera may send us to, one after another.
const REDIRECTS: usize = 5;
/// Bytes taken from a connection at a time.
const PIECE: usize = 64 << 10;

/// Asks one camera, over one connection for as long as the camera keeps it.
pub(super) struct Client {
    name: String,
    url: Url,
    addresses: Vec<SocketAddr>,
    /// For this host alone.
    login: Option<Login>,
    answer: Option<PasswordClient>,
    limit: Duration,
    stop: Arc<Stop>,
    wire: Option<Wire>,
    /// The camera means to keep the connection after this answer.
    keep: bool,
    /// Read and not yet used.
    ahead: Vec<u8>,
    body: Body,
}

/// How the body of an answer ends.
pub(super) enum Body {
    /// After so many bytes.
    Length(u64),
    Chunked(Chunks),
    /// With the connection.
    Close,
}

/// The header of an answer.
pub(super) struct Head {
    status: u16,
    reason: String,
    /// In lower case.
    pub(super) kind: Option<String>,
    /// As it was given.
    boundary: Option<String>,
    /// True where it says how long its body is.
    pub(super) bounded: bool,
    location: Option<String>,
    challenges: Vec<String>,
    keep: bool,
}

/// Why there is no answer.
enum Failure {
    /// The connection was of no use before any of it, with what was seen.
    Closed(String),
    Error(SourceError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Error(error)
    }
}

impl Client {
    /// Looks the camera's host up. Does not connect yet. `limit` is how long a connection and an answer may take.
    pub(super) fn new(address: &Address, limit: Duration, stop: Arc<Stop>) -> Result<Self, SourceError> {
        let mut client = Self {
            name: address.to_string(),
            url: address.url().clone(),
            addresses: Vec::new(),
            login: address.login().cloned(),
            answer: None,
            limit,
            stop,
            wire: None,
            keep: false,
            ahead: Vec::new(),
            body: Body::Close,
        };
        client.look_up()?;
        Ok(client)
    }

    /// Asks for the picture or the stream, and gives the header of the answer; [`read`](Client::read) gives its body.
    /// Follows the camera to other addresses, and logs in where it asks for that.
    pub(super) fn get(&mut self) -> Result<Head, SourceError> {
        let end = Instant::now() + self.limit;
        let (mut redirects, mut logins) = (0, 0);
        loop {
            let head = self.ask(end)?;
            match head.status {
                200..=299 => return Ok(head),
                301..=303 | 307 | 308 => {
                    redirects += 1;
                    if redirects > REDIRECTS {
                        return Err(self.malformed(format!("more than {REDIRECTS} redirections")));
                    }
                    self.redirect(head.location.as_deref())?;
                    logins = 0;
                }
                401 => {
                    logins += 1;
                    let stale = head.challenges.iter().any(|c| c.to_ascii_lowercase().contains("stale=true"));
                    // A nonce that is too old is no wrong password.
                    if logins > if stale { 3 } else { 1 } && self.answer.is_some() {
                        return Err(self.denied("the camera does not take this name and password"));
                    }
                    self.log_in(&head.challenges)?;
                }
                403 | 407 => return Err(self.denied(&format!("the camera answers {}", head.says()))),
                408 | 429 | 500..=599 => {
                    return Err(self.lost(format!("the camera answers {}", head.says())));
                }
                _ => return Err(self.malformed(format!("the camera answers {}", head.says()))),
            }
            if !self.finish(end) {
                self.wire = None;
            }
        }
    }

    /// Adds the next bytes of the body to `out`, waiting for them until `end`, or for as long as it takes. False where the
    /// body has ended.
    pub(super) fn read(&mut self, out: &mut Vec<u8>, end: Option<Instant>) -> Result<bool, SourceError> {
        if matches!(self.body, Body::Length(0)) || matches!(&self.body, Body::Chunked(c) if c.is_over()) {
            return Ok(false);
        }
        if self.ahead.is_empty() && self.fill(end)? == 0 {
            self.wire = None;
            return match self.body {
                Body::Close => Ok(false),
                _ => Err(self.lost("the camera closed the connection".into())),
            };
        }
        match &mut self.body {
            Body::Close => out.append(&mut self.ahead),
            Body::Length(left) => {
                let take = self.ahead.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= take as u64;
                out.extend(self.ahead.drain(..take));
            }
            Body::Chunked(chunks) => {
                let mut rest = self.ahead.as_slice();
                let result = chunks.push(&mut rest, out);
                let used = self.ahead.len() - rest.len();
                self.ahead.drain(..used);
                result.map_err(|what| self.lost(what.into()))?;
            }
        }
        Ok(true)
    }

    /// The body is a stream, whatever length it was given: it ends with its connection, or its last chunk.
    pub(super) fn endless(&mut self) {
        if matches!(self.body, Body::Length(_)) {
            self.body = Body::Close;
        }
    }

    /// The connection is not used again.
    pub(super) fn close(&mut self) {
        self.wire = None;
        self.ahead.clear();
    }

    /// Sends one request and reads the header of its answer. A connection that was kept may have been closed meanwhile:
    /// then with a new one.
    fn ask(&mut self, end: Instant) -> Result<Head, SourceError> {
        if self.keep && self.wire.is_some() {
            match self.exchange(end) {
                Ok(head) => return Ok(head),
                Err(Failure::Closed(_)) => {}
                Err(Failure::Error(error)) => return Err(error),
            }
        }
        self.ahead.clear();
        let host = self.url.host_str().unwrap_or_default();
        let secret = self.url.scheme() == "https";
        let wire = Wire::open(&self.addresses, host, secret, &self.stop, end);
        self.wire = Some(wire.map_err(|e| self.lost(format!("no connection: {e}")))?);
        self.exchange(end).map_err(|failure| match failure {
            Failure::Closed(what) => self.lost(what),
            Failure::Error(error) => error,
        })
    }

    fn exchange(&mut self, end: Instant) -> Result<Head, Failure> {
        let request = self.request()?;
        if let Some(Err(e)) = self.wire.as_mut().map(|wire| wire.send(request.as_bytes())) {
            return Err(Failure::Closed(format!("the connection failed: {e}")));
        }
        loop {
            if let Some((head, body, used)) =
                parse(&self.ahead).map_err(|what| self.malformed(what.into()))?
            {
                self.ahead.drain(..used);
                // What comes before the answer proper (RFC 9110 section 15.2).
                if (100..200).contains(&head.status) {
                    continue;
                }
                self.body = body;
                self.keep = head.keep;
                return Ok(head);
            }
            if self.ahead.len() >= HEADER {
                return Err(self.malformed("the camera's answer has an endless header".into()).into());
            }
            let none = self.ahead.is_empty();
            match self.fill(Some(end)) {
                Ok(0) if none => {
                    return Err(Failure::Closed("the camera closed the connection without an answer".into()));
                }
                Ok(0) => return Err(self.lost("the camera closed the connection".into()).into()),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn request(&mut self) -> Result<String, SourceError> {
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: passerby/{}\r\nAccept: */*\r\n",
            env!("CARGO_PKG_VERSION")
        );
        if let (Some(answer), Some(login)) = (&mut self.answer, &self.login) {
            let params = PasswordParams {
                username: &login.user,
                password: &login.password,
                uri: path,
                method: "GET",
                body: Some(&[]),
            };
            match answer.respond(&params) {
                Ok(value) => request.extend(["Authorization: ", &value, "\r\n"]),
                Err(what) => return Err(self.denied(&format!("the login cannot be made: {what}"))),
            }
        }
        request.push_str("\r\n");
        Ok(request)
    }

    /// Reads once more from the connection. 0: it was closed.
    fn fill(&mut self, end: Option<Instant>) -> Result<usize, SourceError> {
        let Some(wire) = &mut self.wire else { return Ok(0) };
        let had = self.ahead.len();
        self.ahead.resize(had + PIECE, 0);
        let result = wire.read(&mut self.ahead[had..], end);
        self.ahead.truncate(had + *result.as_ref().unwrap_or(&0));
        match result {
            // How a connection ends that the camera, or we, gave up.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => Ok(0),
            Err(e) if e.kind() == ErrorKind::TimedOut && end.is_some() => {
                Err(self.lost(format!("the camera says nothing for {:.1?}", self.limit)))
            }
            result => result.map_err(|e| self.lost(e.to_string())),
        }
    }

    /// Reads the rest of a body that nobody wants. False where it has too much for that.
    fn finish(&mut self, end: Instant) -> bool {
        let mut rest = Vec::new();
        while !matches!(self.body, Body::Close) && rest.len() <= PIECE {
            match self.read(&mut rest, Some(end)) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    fn redirect(&mut self, location: Option<&str>) -> Result<(), SourceError> {
        let wrong = || self.malformed("a redirection to no address".into());
        let to = self.url.join(location.ok_or_else(wrong)?).map_err(|_| wrong())?;
        // Credentials that the camera gives are not the user's.
        let to = Address::parse(to.as_str(), &super::SCHEMES).map_err(|_| wrong())?.url().clone();
        if to.origin() != self.url.origin() {
            self.login = None;
            self.answer = None;
            self.close();
        }
        self.url = to;
        self.look_up()
    }

    fn look_up(&mut self) -> Result<(), SourceError> {
        if self.url.scheme() == "https" && cfg!(not(feature = "tls")) {
            let what = "https://: passerby was built without the feature `tls`".into();
            return Err(SourceError::Unsupported { input: self.name.clone(), what });
        }
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(80);
        let found = (host, port).to_socket_addrs();
        self.addresses = found.map_err(|e| self.lost(format!("the host is not found: {e}")))?.collect();
        Ok(())
    }

    fn log_in(&mut self, challenges: &[String]) -> Result<(), SourceError> {
        if self.login.is_none() {
            return Err(self.denied("the camera asks for a name and a password"));
        }
        let builder = challenges.iter().fold(PasswordClient::builder(), |b, c| b.challenges(c));
        let answer = builder.build();
        // Its words may hold what the camera sent, and nothing of ours.
        self.answer =
            Some(answer.map_err(|what| self.denied(&format!("a login that is not known: {what}")))?);
        Ok(())
    }

    pub(super) fn lost(&self, what: String) -> SourceError {
        SourceError::Disconnected { input: self.name.clone(), what }
    }

    fn malformed(&self, what: String) -> SourceError {
        SourceError::Malformed { input: self.name.clone(), what }
    }

    pub(super) fn unrecognised(&self, found: Option<&'static str>) -> SourceError {
        SourceError::Unrecognised { input: self.name.clone(), found }
    }

    fn denied(&self, what: &str) -> SourceError {
        SourceError::Denied { input: self.name.clone(), what: what.into() }
    }
}

impl Head {
    fn says(&self) -> String {
        format!("{} {}", self.status, self.reason).trim_end().to_owned()
    }

    /// The boundary, where the answer is a multipart one and names it.
    pub(super) fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }
}

/// The header, how the body ends, and the bytes that the header takes; `None` where it is not all there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, Body, usize)>, &'static str> {
    let mut lines = [httparse::EMPTY_HEADER; LINES];
    let mut answer = httparse::Response::new(&mut lines);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    let used = match config.parse_response(&mut answer, bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err("the camera's answer has too many lines in its header");
        }
        Err(_) => return Err("the camera's answer is not HTTP"),
    };
    let mut head = Head {
        status: answer.code.unwrap_or(0),
        reason: answer.reason.unwrap_or("").chars().take(80).collect(),
        kind: None,
        boundary: None,
        bounded: false,
        location: None,
        challenges: Vec::new(),
        keep: answer.version == Some(1),
    };
    let mut body = Body::Close;
    for line in answer.headers.iter() {
        let value = String::from_utf8_lossy(line.value).trim().to_owned();
        match line.name.to_ascii_lowercase().as_str() {
            "content-type" => {
                head.boundary = boundary(&value);
                let kind = value.split(';').next().unwrap_or("").trim();
                head.kind = Some(kind.to_ascii_lowercase()).filter(|kind| !kind.is_empty());
            }
            "content-length" if matches!(body, Body::Close) => {
                body = value.parse().map_or(Body::Close, Body::Length);
            }
            "transfer-encoding" if value.to_ascii_lowercase().contains("chunked") => {
                body = Body::Chunked(Chunks::default());
            }
            "location" => head.location = Some(value),
            "www-authenticate" => head.challenges.push(value),
            "connection" => {
                let value = value.to_ascii_lowercase();
                head.keep = value.contains("keep-alive") || head.keep && !value.contains("close");
            }
            _ => {}
        }
    }
    if matches!(head.status, 100..=199 | 204 | 304) {
        body = Body::Length(0);
    }
    head.bounded = matches!(body, Body::Length(_));
    Ok(Some((head, body, used)))
}

/// The boundary that a content type names, in quotes or not.
fn boundary(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("boundary")?;
    let value = kind.get(at + "boundary".len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([';', ' ', ',']).next(),
    };
    value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}
