//! The tables of messages to other programs.

use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::EventKind;
use serde::Deserialize;

use crate::secret::{Secret, SecretError, SecretPlace};

/// The messages to other programs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// The name of this machine or site in topics and messages.
    pub node: String,
    /// The MQTT broker, if there is one.
    pub mqtt: Option<MqttConfig>,
    /// The web servers.
    pub webhook: Vec<WebhookConfig>,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self { node: "passerby".into(), mqtt: None, webhook: Vec::new() }
    }
}

/// An MQTT broker.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// The name or address of the broker.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user.
    pub username: Option<String>,
    /// The environment variable that has the password.
    pub password_env: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// The name of this client, or `None` for `passerby-` and the node.
    pub client_id: Option<String>,
    /// The first level of all topics.
    pub topic_prefix: String,
    /// The prefix of Home Assistant's discovery. Empty for no discovery.
    pub discovery_prefix: String,
    /// The kinds that are sent.
    pub kinds: Vec<EventKind>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 1883,
            username: None,
            password_env: None,
            password_file: None,
            client_id: None,
            topic_prefix: "passerby".into(),
            discovery_prefix: "homeassistant".into(),
            kinds: EventKind::DEFAULT.into_iter().chain([EventKind::Faces]).collect(),
        }
    }
}

impl MqttConfig {
    /// Reads the password, if there is one.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or it is empty.
    pub fn password(&self) -> Result<Option<Secret>, SecretError> {
        SecretPlace::read_optional(self.password_env.as_deref(), self.password_file.as_deref())
    }
}

/// A web server that gets messages.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The address. Always set. Its path may be a secret, so it must not be shown.
    pub url: String,
    /// The environment variable that has the bearer token.
    pub token_env: Option<String>,
    /// The file whose first line is the bearer token.
    pub token_file: Option<PathBuf>,
    /// The kinds that are sent.
    pub kinds: Vec<EventKind>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { url: String::new(), token_env: None, token_file: None, kinds: EventKind::DEFAULT.into() }
    }
}

impl WebhookConfig {
    /// Reads the bearer token, if there is one.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or it is empty.
    pub fn token(&self) -> Result<Option<Secret>, SecretError> {
        SecretPlace::read_optional(self.token_env.as_deref(), self.token_file.as_deref())
    }
}

/// Leaves the address out.
impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl EventsConfig {
    /// Checks the rules that the types alone do not enforce.
    ///
    /// # Errors
    /// The fault, with its key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.node.trim().is_empty() || self.node.chars().any(char::is_control) {
            return Err("events.node: must be a text without control characters".into());
        }
        if let Some(mqtt) = &self.mqtt {
            if mqtt.password_env.is_some() && mqtt.password_file.is_some() {
                return Err("events.mqtt: has password_env and password_file; one of them is enough".into());
            }
            let mut parts = [&mqtt.topic_prefix, &mqtt.discovery_prefix].into_iter();
            if let Some(wrong) = parts.find(|part| part.contains(['+', '#', '\0'])) {
                return Err(format!("events.mqtt: {wrong:?} has a character that topics must not have"));
            }
            if mqtt.host.is_empty() || mqtt.topic_prefix.is_empty() {
                return Err("events.mqtt: host and topic_prefix must not be empty".into());
            }
        }
        for webhook in &self.webhook {
            if !webhook.url.starts_with("http://") && !webhook.url.starts_with("https://") {
                return Err("events.webhook.url: must begin with http:// or https://".into());
            }
            if webhook.token_env.is_some() && webhook.token_file.is_some() {
                return Err("events.webhook: has token_env and token_file; one of them is enough".into());
            }
        }
        Ok(())
    }

    /// Makes paths relative to this folder.
    pub(crate) fn rebase(&mut self, folder: &Path) {
        let passwords = self.mqtt.iter_mut().map(|mqtt| &mut mqtt.password_file);
        let tokens = self.webhook.iter_mut().map(|webhook| &mut webhook.token_file);
        for file in passwords.chain(tokens).flatten() {
            *file = folder.join(&*file);
        }
    }
}
