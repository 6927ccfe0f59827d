//! The passwords, tokens and the key of a configuration, but for those of cameras, which are read at each connection.

use passerby::store::TemplateKey;
use passerby::types::BoxError;
use passerby_config::{MqttConfig, Secret, ServeConfig, WebhookConfig};

/// Passwords, tokens and the key of the templates, each read once: a pipe gives its bytes once.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The password of `[events.mqtt]`.
    #[cfg_attr(not(feature = "mqtt"), allow(dead_code, reason = "a check reads it in every build"))]
    pub(super) mqtt: Option<Secret>,
    /// The tokens of `[[events.webhook]]`, one for each table.
    #[cfg_attr(not(feature = "webhook"), allow(dead_code, reason = "a check reads them in every build"))]
    pub(super) webhooks: Vec<Option<Secret>>,
    /// The key of the templates: `key_file` of `[store]`.
    pub(super) key: Option<TemplateKey>,
    /// The token of `[preview]`.
    pub(super) page: Option<Secret>,
}

impl Secrets {
    /// Returns the secrets of a run without a configuration: it has at most a key.
    pub(crate) fn with_key(key: Option<TemplateKey>) -> Self {
        Self { key, ..Self::default() }
    }

    /// Reads the secrets that the configuration names.
    ///
    /// # Errors
    /// The table whose secret cannot be read, and why.
    pub(super) fn read(config: &ServeConfig) -> Result<Self, BoxError> {
        let mqtt = config.events.mqtt.as_ref().map(MqttConfig::password).transpose();
        let webhooks: Result<Vec<_>, _> = config.events.webhook.iter().map(WebhookConfig::token).collect();
        let key_file = config.store.key_file.as_deref().filter(|_| config.store.gallery);
        let key = key_file.map(TemplateKey::read_file).transpose();
        Ok(Self {
            key: key.map_err(|e| format!("store.key_file: {e}"))?,
            mqtt: mqtt.map_err(|e| format!("the password of [events.mqtt]: {e}"))?.flatten(),
            webhooks: webhooks.map_err(|e| format!("the token of [[events.webhook]]: {e}"))?,
            page: config.preview.token().map_err(|e| format!("the token of [preview]: {e}"))?,
        })
    }
}
