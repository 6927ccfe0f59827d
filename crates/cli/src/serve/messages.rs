//! Sends messages to other programs, if the configuration asks for it.

use std::sync::Arc;

use passerby::types::BoxError;
use passerby_config::EventsConfig;

use super::camera_set::CameraSet;
#[cfg(any(feature = "mqtt", feature = "webhook"))]
use super::messenger::{Messenger, settings};
use crate::output::Database;

/// The threads that send messages.
#[derive(Default)]
pub(super) struct Messages {
    #[cfg(any(feature = "mqtt", feature = "webhook"))]
    messengers: Vec<Messenger>,
}

/// Checks that this build can send the messages of the tables, and that the secrets can be read.
///
/// # Errors
/// The table that needs a feature, or the secret that cannot be read.
pub(super) fn check(config: &EventsConfig) -> Result<(), BoxError> {
    let needs = |table: &str, feature: &str| -> BoxError {
        format!("{table}: this build has no {feature}: build the program with --features {feature}").into()
    };
    if let Some(mqtt) = &config.mqtt {
        if cfg!(not(feature = "mqtt")) {
            return Err(needs("[events.mqtt]", "mqtt"));
        }
        mqtt.password().map_err(|e| format!("the password of [events.mqtt]: {e}"))?;
    }
    for webhook in &config.webhook {
        if cfg!(not(feature = "webhook")) {
            return Err(needs("[[events.webhook]]", "webhook"));
        }
        webhook.token().map_err(|e| format!("the token of [[events.webhook]]: {e}"))?;
    }
    Ok(())
}

impl Messages {
    /// Starts a sink and a thread for each receiver. The cameras must not have begun yet.
    ///
    /// # Errors
    /// As for [`check`], or the system has no more threads.
    pub(super) fn start(
        config: &EventsConfig,
        cameras: &Arc<CameraSet>,
        database: Option<&Database>,
    ) -> Result<Self, BoxError> {
        check(config)?;
        #[cfg(not(any(feature = "mqtt", feature = "webhook")))]
        let (started, _) = (Self::default(), (cameras, database));
        #[cfg(any(feature = "mqtt", feature = "webhook"))]
        let mut started = Self::default();
        #[cfg(any(feature = "mqtt", feature = "webhook"))]
        let known = known_persons(database);
        #[cfg(feature = "mqtt")]
        if let Some(mqtt) = &config.mqtt {
            let settings = passerby::store::MqttSettings {
                host: mqtt.host.clone(),
                port: mqtt.port,
                username: mqtt.username.clone(),
                password: mqtt.password()?.map(|password| password.expose().to_owned()),
                client_id: mqtt.client_id.clone(),
                topic_prefix: mqtt.topic_prefix.clone(),
                discovery_prefix: Some(mqtt.discovery_prefix.clone()).filter(|prefix| !prefix.is_empty()),
                events: settings(&config.node, &mqtt.kinds, known),
            };
            started.messengers.extend(Messenger::start(passerby::store::Mqtt::start(settings)?, cameras)?);
        }
        #[cfg(feature = "webhook")]
        for webhook in &config.webhook {
            let settings = passerby::store::WebhookSettings {
                url: webhook.url.clone(),
                token: webhook.token()?.map(|token| token.expose().to_owned()),
                events: settings(&config.node, &webhook.kinds, known),
            };
            let sink = passerby::store::Webhook::start(settings)?;
            started.messengers.extend(Messenger::start(sink, cameras)?);
        }
        Ok(started)
    }

    /// Waits for the last messages, after the end of the pipeline, and prints the counts of delivered and lost messages. Returns
    /// false if something was lost.
    pub(super) fn finish(self) -> bool {
        #[cfg(any(feature = "mqtt", feature = "webhook"))]
        let ok = self.messengers.into_iter().fold(true, |ok, messenger| messenger.finish() & ok);
        #[cfg(not(any(feature = "mqtt", feature = "webhook")))]
        let ok = true;
        ok
    }
}

/// Returns the highest number of a person that the gallery knows.
#[cfg(any(feature = "mqtt", feature = "webhook"))]
fn known_persons(database: Option<&Database>) -> u64 {
    let gallery = database.and_then(Database::gallery);
    gallery.and_then(|gallery| gallery.handle().persons().last().map(|person| person.id.0)).unwrap_or(0)
}
