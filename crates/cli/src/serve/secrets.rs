//! The passwords and tokens of a configuration, but for those of cameras, which are read at each connection.

use passerby::types::BoxError;
use passerby_config::{MqttConfig, Secret, ServeConfig, WebhookConfig};

/// Passwords and tokens, each read once.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The password of `[events.mqtt]`.
    #[cfg_attr(not(feature = "mqtt"), allow(dead_code, reason = "a check reads it in every build"))]
    pub(super) mqtt: Option<Secret>,
    /// The tokens of `[[events.webhook]]`, one for each table.
    #[cfg_attr(not(feature = "webhook"), allow(dead_code, reason = "a check reads them in every build"))]
    pub(super) webhooks: Vec<Option<Secret>>,
    /// The token of `[preview]`.
    pub(super) page: Option<Secret>,
}

impl Secrets {
    /// Reads the secrets that the configuration names.
    ///
    /// # Errors
    /// The table whose secret cannot be read, and why.
    pub(super) fn read(config: &ServeConfig) -> Result<Self, BoxError> {
        let mqtt = config.events.mqtt.as_ref().map(MqttConfig::password).transpose();
        let webhooks: Result<Vec<_>, _> = config.events.webhook.iter().map(WebhookConfig::token).collect();
        Ok(Self {
            mqtt: mqtt.map_err(|e| format!("the password of [events.mqtt]: {e}"))?.flatten(),
            webhooks: webhooks.map_err(|e| format!("the token of [[events.webhook]]: {e}"))?,
            page: config.preview.token().map_err(|e| format!("the token of [preview]: {e}"))?,
        })
    }
}
