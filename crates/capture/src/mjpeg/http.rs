//! The parts of HTTP/1.1 (RFC 9110, RFC 9112) that a camera's client needs.

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby_types::SourceError;

use super::chunks::ChunkDecoder;
use super::connection::Connection;
use super::settings::MjpegSettings;
use super::stop_signal::StopSignal;
use crate::live::address::Address;
use crate::live::certificates::AcceptedCertificates;
use crate::live::connect_error::{no_answer, no_connection, no_stream, unknown_host};
use crate::live::login::{Authenticator, LoginFailure};
use crate::live::redirect::{MAX_REDIRECTS, redirect};
#[cfg(feature = "tls")]
use crate::live::tls::certificate_fault;

/// The schemes of a camera's address.
pub(super) const SCHEMES: [&str; 2] = ["http", "https"];

/// The port of an address without one.
const HTTP_PORT: u16 = 80;
/// The most bytes of a response's header.
const MAX_HEADER_LEN: usize = 64 << 10;
/// The most lines of a response's header.
const MAX_HEADER_LINES: usize = 100;
/// The bytes to read from a connection at a time.
const READ_SIZE: usize = 64 << 10;

/// The client of one camera. It uses one connection for as long as the camera keeps it.
pub(super) struct Client {
    name: String,
    /// The address that was asked last, with the login for it.
    address: Address,
    any_redirect: bool,
    certificates: AcceptedCertificates,
    addresses: Vec<SocketAddr>,
    login: Option<Authenticator>,
    timeout: Duration,
    stop: Arc<StopSignal>,
    connection: Option<Connection>,
    /// True if the camera keeps the connection after this response.
    keep_alive: bool,
    /// The bytes that were read and not yet used.
    ahead: Vec<u8>,
    body: Body,
}

/// How the body of a response ends.
pub(super) enum Body {
    /// After this number of bytes.
    Length(u64),
    Chunked(ChunkDecoder),
    /// At the end of the connection.
    Close,
}

/// The header of a response.
pub(super) struct Head {
    status: u16,
    reason: String,
    /// The content type in lower case.
    pub(super) kind: Option<String>,
    /// The boundary as the header declares it.
    boundary: Option<String>,
    /// True if it declares the length of its body.
    pub(super) has_length: bool,
    location: Option<String>,
    challenges: Vec<String>,
    keep_alive: bool,
}

/// Why a response is missing.
enum Failure {
    /// The connection ended before the first byte of the response, for this reason.
    Closed(SourceError),
    Error(SourceError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Error(error)
    }
}

impl Client {
    /// Creates a client and looks up the camera's host. Doesn't connect yet. Connecting and the header of a response may take
    /// `timeout`.
    pub(super) fn new(
        address: &Address,
        settings: &MjpegSettings,
        stop: Arc<StopSignal>,
    ) -> Result<Self, SourceError> {
        let mut client = Self {
            name: address.to_string(),
            address: address.clone(),
            any_redirect: settings.any_redirect,
            certificates: settings.certificates.clone(),
            addresses: Vec::new(),
            login: address.login().cloned().map(Authenticator::new),
            timeout: settings.connect_timeout,
            stop,
            connection: None,
            keep_alive: false,
            ahead: Vec::new(),
            body: Body::Close,
        };
        client.look_up()?;
        Ok(client)
    }

    /// Requests the picture or the stream and returns the header of the response. [`read`](Client::read) returns its body.
    ///
    /// Follows redirections, and logs in if the camera asks for that.
    pub(super) fn get(&mut self) -> Result<Head, SourceError> {
        let deadline = Instant::now() + self.timeout;
        let mut redirects = 0;
        loop {
            let head = self.request(deadline)?;
            match head.status {
                200..=299 => {
                    self.login.iter_mut().for_each(Authenticator::succeed);
                    return Ok(head);
                }
                301..=303 | 307 | 308 => {
                    redirects += 1;
                    if redirects > MAX_REDIRECTS {
                        return Err(self.lost(format!("more than {MAX_REDIRECTS} redirections")));
                    }
                    self.redirect(head.location.as_deref())?;
                }
                401 => self.log_in(&head)?,
                403 | 407 => {
                    let what = format!(
                        "the camera responds with {}: check the rights of this user name",
                        head.status_line()
                    );
                    return Err(self.denied(&what).caused_by(head.status_line()));
                }
                404 | 410 => {
                    return Err(self.lost(no_stream(&self.address)).caused_by(head.status_line()));
                }
                _ => {
                    let error = self.lost(format!("the camera responds with {}", head.status_line()));
                    return Err(error.caused_by(head.status_line()));
                }
            }
            if !self.skip_body(deadline) {
                self.connection = None;
            }
        }
    }

    /// Appends the next bytes of the body to `out`. Waits for them until `deadline`, or for ever without one. Returns
    /// false if the body has ended.
    pub(super) fn read(&mut self, out: &mut Vec<u8>, deadline: Option<Instant>) -> Result<bool, SourceError> {
        if matches!(self.body, Body::Length(0)) || matches!(&self.body, Body::Chunked(c) if c.has_ended()) {
            return Ok(false);
        }
        if self.ahead.is_empty() && self.fill(deadline)? == 0 {
            self.connection = None;
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

    /// Ignores the declared length of the body. It then ends with its connection, or its last chunk.
    pub(super) fn ignore_length(&mut self) {
        if matches!(self.body, Body::Length(_)) {
            self.body = Body::Close;
        }
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        self.connection = None;
        self.ahead.clear();
    }

    /// Sends one request and reads the header of its response. If the camera has closed the kept connection meanwhile, opens
    /// a new one.
    fn request(&mut self, deadline: Instant) -> Result<Head, SourceError> {
        if self.keep_alive && self.connection.is_some() {
            match self.exchange(deadline) {
                Ok(head) => return Ok(head),
                Err(Failure::Closed(_)) => {}
                Err(Failure::Error(error)) => return Err(error),
            }
        }
        self.ahead.clear();
        let url = self.address.url();
        let host = url.host_str().unwrap_or_default();
        let encrypted = (url.scheme() == "https").then_some(&self.certificates);
        let connection = Connection::open(&self.addresses, host, encrypted, &self.stop, deadline);
        let port = url.port_or_known_default().unwrap_or(HTTP_PORT);
        self.connection = Some(connection.map_err(|cause| no_connection(&self.name, port, cause))?);
        self.exchange(deadline).map_err(|failure| match failure {
            Failure::Closed(error) | Failure::Error(error) => error,
        })
    }

    fn exchange(&mut self, deadline: Instant) -> Result<Head, Failure> {
        let request = self.request_text()?;
        if let Some(Err(e)) = self.connection.as_mut().map(|connection| connection.send(request.as_bytes())) {
            let what = format!("the connection failed: {e}");
            #[cfg(feature = "tls")]
            let what = certificate_fault(&e).unwrap_or(what);
            return Err(Failure::Closed(self.lost(what).caused_by(e)));
        }
        loop {
            if let Some((head, body, used)) = parse(&self.ahead).map_err(|what| self.lost(what.into()))? {
                self.ahead.drain(..used);
                // An interim response, which comes before the real one (RFC 9110 section 15.2).
                if (100..200).contains(&head.status) {
                    continue;
                }
                self.body = body;
                self.keep_alive = head.keep_alive;
                return Ok(head);
            }
            if self.ahead.len() >= MAX_HEADER_LEN {
                return Err(self.lost("the camera's response has an endless header".into()).into());
            }
            let is_empty = self.ahead.is_empty();
            match self.fill(Some(deadline)) {
                Ok(0) if is_empty => {
                    let what = "the camera closed the connection without a response";
                    return Err(Failure::Closed(self.lost(what.into())));
                }
                Ok(0) => return Err(self.lost("the camera closed the connection".into()).into()),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn request_text(&mut self) -> Result<String, SourceError> {
        let url = self.address.url();
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: passerby/{}\r\nAccept: */*\r\n",
            env!("CARGO_PKG_VERSION")
        );
        match self.login.as_mut().and_then(|login| login.authorization("GET", path)) {
            Some(Ok(value)) => request.extend(["Authorization: ", &value, "\r\n"]),
            Some(Err(what)) => return Err(self.denied(&format!("the login cannot be made: {what}"))),
            None => {}
        }
        request.push_str("\r\n");
        Ok(request)
    }

    /// Reads once from the connection. Returns 0 if it was closed.
    fn fill(&mut self, deadline: Option<Instant>) -> Result<usize, SourceError> {
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let had = self.ahead.len();
        self.ahead.resize(had + READ_SIZE, 0);
        let result = connection.read(&mut self.ahead[had..], deadline);
        self.ahead.truncate(had + *result.as_ref().unwrap_or(&0));
        match result {
            // The camera, or the stop signal, ended the connection.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => Ok(0),
            Err(e) if e.kind() == ErrorKind::TimedOut && deadline.is_some() => {
                Err(no_answer(&self.name, self.timeout))
            }
            result => result.map_err(|e| self.lost(e.to_string()).caused_by(e)),
        }
    }

    /// Reads and drops the rest of the body. Returns false if it is too long for that.
    fn skip_body(&mut self, deadline: Instant) -> bool {
        let mut rest = Vec::new();
        while !matches!(self.body, Body::Close) && rest.len() <= READ_SIZE {
            match self.read(&mut rest, Some(deadline)) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    fn redirect(&mut self, location: Option<&str>) -> Result<(), SourceError> {
        let to = redirect(&self.address, location, &SCHEMES, self.any_redirect);
        let to = to.map_err(|what| self.lost(what))?;
        if to.url().origin() != self.address.url().origin() {
            self.login = to.login().cloned().map(Authenticator::new);
            self.close();
        }
        self.address = to;
        self.look_up()
    }

    fn look_up(&mut self) -> Result<(), SourceError> {
        let url = self.address.url();
        if url.scheme() == "https" && cfg!(not(feature = "tls")) {
            let what = "https://: passerby was built without the feature `tls`";
            return Err(SourceError::unsupported(&self.name, what).needs_feature("tls"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(HTTP_PORT);
        let found = (host, port).to_socket_addrs();
        self.addresses = found.map_err(|cause| unknown_host(&self.name, host, cause))?.collect();
        Ok(())
    }

    fn log_in(&mut self, head: &Head) -> Result<(), SourceError> {
        let challenged = self.login.as_mut().map(|login| login.challenge(&head.challenges));
        let error = match challenged {
            Some(Ok(())) => return Ok(()),
            Some(Err(LoginFailure::Wrong)) => self.denied("wrong name or password"),
            // The text may quote the camera, but never the user's credentials.
            Some(Err(LoginFailure::Unknown(what))) => {
                self.denied(&format!("an unknown kind of login: {what}"))
            }
            None => self.denied("the camera asks for a name and a password (http://name:password@camera/)"),
        };
        Err(error.caused_by(head.status_line()))
    }

    pub(super) fn lost(&self, what: String) -> SourceError {
        SourceError::disconnected(self.name.clone(), what)
    }

    fn denied(&self, what: &str) -> SourceError {
        SourceError::denied(self.name.clone(), what)
    }
}

impl Head {
    fn status_line(&self) -> String {
        format!("{} {}", self.status, self.reason).trim_end().to_owned()
    }

    /// Returns the boundary, if the response is a multipart one and declares it.
    pub(super) fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }
}

/// Parses the header of a response. Returns it, the kind of its body, and its length in bytes. `None` if the header is
/// incomplete.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, Body, usize)>, &'static str> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADER_LINES];
    let mut response = httparse::Response::new(&mut lines);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    let used = match config.parse_response(&mut response, bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err("the camera's response has too many lines in its header");
        }
        Err(_) if bytes.starts_with(b"RTSP/") => {
            return Err(
                "the camera speaks RTSP at this port: check the port, or begin the address with rtsp://",
            );
        }
        Err(_) => return Err("the camera's response is not HTTP"),
    };
    let mut head = Head {
        status: response.code.unwrap_or(0),
        reason: response.reason.unwrap_or("").chars().take(80).collect(),
        kind: None,
        boundary: None,
        has_length: false,
        location: None,
        challenges: Vec::new(),
        keep_alive: response.version == Some(1),
    };
    let mut body = Body::Close;
    for line in response.headers.iter() {
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
                body = Body::Chunked(ChunkDecoder::default());
            }
            "location" => head.location = Some(value),
            "www-authenticate" => head.challenges.push(value),
            "connection" => {
                let value = value.to_ascii_lowercase();
                head.keep_alive = value.contains("keep-alive") || head.keep_alive && !value.contains("close");
            }
            _ => {}
        }
    }
    if matches!(head.status, 100..=199 | 204 | 304) {
        body = Body::Length(0);
    }
    head.has_length = matches!(body, Body::Length(_));
    Ok(Some((head, body, used)))
}

/// Returns the boundary that a content type declares, in quotes or not.
fn boundary(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("boundary")?;
    let value = kind.get(at + "boundary".len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([';', ' ', ',']).next(),
    };
    value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}
