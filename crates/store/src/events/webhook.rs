//! Messages to a web server.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{CameraId, CameraLink, DeliveryCounts, MessageSink, Observation, Sink, SinkError};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::events::courier::Courier;
use crate::events::messages::FORMAT_VERSION;
use crate::events::outbox::{Message, Outbox};
use crate::events::settings::EventSettings;

/// The most messages of a request.
const BATCH: usize = 64;
/// The size from which a request takes no further message, in bytes.
const BATCH_BYTES: usize = 512 << 10;
/// The longest pause that a server may ask for.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(60);

/// The server of a [`Webhook`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The address, which begins with `http://` or `https://`. Errors show its host alone, because the rest may hold a secret.
    pub url: String,
    /// Sent as `Authorization: Bearer …`, or `None` to send no such header. No `Debug` output and no error shows it.
    pub token: Option<String>,
    /// The kinds of messages and their limits.
    pub events: EventSettings,
}

/// Leaves the token and the path of the address out.
impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings")
            .field("server", &server(&self.url))
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Sends messages to a web server: `POST` requests with up to 64 messages as JSON.
///
/// [`Sink::write`] puts messages into a queue and never waits for the network. A thread delivers them in their order, one request at a
/// time. An answer 2xx acknowledges the messages of a request. Every other outcome but these is tried again, after a pause that
/// doubles: the server gets each message at least once. An answer 4xx but 408, 425 and 429 refuses the messages: they are counted as
/// lost. Redirects are not followed. If the queue is full, the sink returns an error of the class `Reset`, and takes nothing.
///
/// ```no_run
/// use passerby_store::{Webhook, WebhookSettings};
/// use passerby_types::{FrameMeta, Observation, Sink};
///
/// let url = "https://example.org/hook".into();
/// let mut sink = Webhook::start(WebhookSettings { url, ..WebhookSettings::default() })?;
/// sink.write(&[Observation::new(FrameMeta::new(0, 12), 640, 360)])?;
/// sink.flush()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Webhook {
    courier: Courier,
}

impl Webhook {
    /// Starts the thread that sends to the server.
    ///
    /// # Errors
    /// `InvalidInput` if the address is not one of HTTP, and the system's error if it has no more threads or no certificates.
    pub fn start(settings: WebhookSettings) -> io::Result<Self> {
        let server = server(&settings.url).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a webhook needs an http or https address")
        })?;
        let agent = agent(&settings)?;
        let outbox = Arc::new(Outbox::new(&settings.events, || {}));
        let events = settings.events.clone();
        let sender = Sender { agent, settings };
        let courier =
            Courier::start(server, "passerby-webhook", &events, outbox, move |outbox| sender.run(outbox))?;
        Ok(Self { courier })
    }
}

impl Sink for Webhook {
    /// Takes the messages of a batch into the queue: all of it or nothing.
    ///
    /// # Errors
    /// `Reset` if the queue is full. `Fatal` if the thread has ended.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.courier.write(batch)
    }

    /// Waits until the server has acknowledged or refused every message, at most for [`EventSettings::flush_timeout`].
    ///
    /// # Errors
    /// `Reset` if messages still wait.
    fn flush(&mut self) -> Result<(), SinkError> {
        self.courier.flush()
    }
}

impl MessageSink for Webhook {
    /// Returns the scheme and host of the server.
    fn name(&self) -> &str {
        self.courier.name()
    }

    fn name_cameras(&mut self, names: &[(CameraId, &str)]) {
        self.courier.name_cameras(names);
    }

    fn camera_link(&mut self, camera: CameraId, link: CameraLink, error: Option<&str>) {
        self.courier.link(camera, link, error);
    }

    fn counts(&self) -> DeliveryCounts {
        self.courier.counts()
    }
}

/// Returns the scheme and host of an address, or `None` if it is not one of HTTP.
fn server(url: &str) -> Option<String> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = uri.host()?;
    Some(match uri.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn agent(settings: &WebhookSettings) -> io::Result<Agent> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(settings.events.answer_timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("passerby/", env!("CARGO_PKG_VERSION")));
    if settings.url.starts_with("https:") {
        let roots = rustls_native_certs::load_native_certs();
        if let (true, Some(error)) = (roots.certs.is_empty(), roots.errors.into_iter().next()) {
            return Err(io::Error::other(error));
        }
        let roots: Vec<_> =
            roots.certs.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        config = config.tls_config(tls);
    }
    Ok(config.build().new_agent())
}

/// The outcome of a request.
enum Answer {
    Taken,
    Refused(String),
    /// It must be sent again, after this pause or a longer one.
    Failed(String, Duration),
}

struct Sender {
    agent: Agent,
    settings: WebhookSettings,
}

impl Sender {
    fn run(&self, outbox: &Outbox) {
        while outbox.wait_for_messages() {
            let mut messages = outbox.oldest(BATCH);
            let mut bytes = 0;
            // The first message goes whatever its size is.
            messages.retain(|message| {
                let fits = bytes == 0 || bytes + message.payload.len() <= BATCH_BYTES;
                bytes += if fits { message.payload.len() } else { BATCH_BYTES };
                fits
            });
            match self.post(&messages) {
                Answer::Taken => outbox.delivered(messages.len()),
                Answer::Refused(why) => outbox.refused(messages.len(), &why),
                Answer::Failed(why, asked) => {
                    let pause = outbox.failed(&why).max(asked);
                    if !outbox.pause(pause) {
                        return;
                    }
                }
            }
        }
    }

    fn post(&self, messages: &[Arc<Message>]) -> Answer {
        let mut request = self.agent.post(&self.settings.url).header("Content-Type", "application/json");
        if let Some(token) = &self.settings.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        match request.send(&self.body(messages)[..]) {
            Ok(answer) => {
                let status = answer.status();
                let why = format!("the server answered {}", status.as_u16());
                match status.as_u16() {
                    200..=299 => Answer::Taken,
                    400..=407 | 409..=424 | 426..=428 | 430..=499 => Answer::Refused(why),
                    _ => {
                        let asked = answer.headers().get("Retry-After");
                        let asked = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
                        let asked = asked.map_or(Duration::ZERO, Duration::from_secs);
                        Answer::Failed(why, asked.min(MAX_ASKED_PAUSE))
                    }
                }
            }
            // The error itself may name the address, which may hold a secret.
            Err(ureq::Error::Timeout(_)) => Answer::Failed("no answer in time".into(), Duration::ZERO),
            Err(ureq::Error::Io(e)) => Answer::Failed(e.to_string(), Duration::ZERO),
            Err(ureq::Error::HostNotFound) => Answer::Failed("host not found".into(), Duration::ZERO),
            Err(_) => Answer::Failed("the exchange with the server failed".into(), Duration::ZERO),
        }
    }

    /// Returns `{"version":1,"node":"…","messages":[{"topic":"…","message":{…}}]}`.
    fn body(&self, messages: &[Arc<Message>]) -> Vec<u8> {
        let node = serde_json::Value::from(self.settings.events.node.as_str());
        let mut body = format!(r#"{{"version":{FORMAT_VERSION},"node":{node},"messages":["#).into_bytes();
        for (i, message) in messages.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let topic = serde_json::Value::from(message.topic.as_str());
            body.extend_from_slice(format!(r#"{comma}{{"topic":{topic},"message":"#).as_bytes());
            body.extend_from_slice(&message.payload);
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        body
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_secrets() {
        assert_eq!(server("https://user:pw@example.org/hook/secret").unwrap(), "https://example.org");
        assert_eq!(server("http://127.0.0.1:8123/x").unwrap(), "http://127.0.0.1:8123");
        assert!(server("ftp://example.org").is_none() && server("example.org").is_none());
        let settings = WebhookSettings {
            url: "https://example.org/hook/secret".into(),
            token: Some("hunter2".into()),
            ..WebhookSettings::default()
        };
        let text = format!("{settings:?}");
        assert!(!text.contains("secret") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn an_https_agent_uses_the_certificates_of_the_system() {
        let settings = WebhookSettings { url: "https://example.org/".into(), ..WebhookSettings::default() };
        // Fails only on a machine without certificates, and then says so.
        if let Err(e) = agent(&settings) {
            println!("SKIPPED: {e}");
        }
    }
}
