//! Sends messages to other programs, if the configuration asks for it.

use std::sync::Arc;

use passerby::types::BoxError;
use passerby_config::EventsConfig;
#[cfg(any(feature = "mqtt", feature = "webhook"))]
use passerby_config::Secret;

use super::camera_set::CameraSet;
#[cfg(any(feature = "mqtt", feature = "webhook"))]
use super::messenger::{Messenger, settings};
use super::secrets::Secrets;
use crate::output::Database;

/// The threads that send messages.
#[derive(Default)]
pub(super) struct Messages {
    #[cfg(any(feature = "mqtt", feature = "webhook"))]
    messengers: Vec<Messenger>,
}

/// Checks that this build can send the messages of the tables.
///
/// # Errors
/// The table that needs a feature.
pub(super) fn check(config: &EventsConfig) -> Result<(), BoxError> {
    let needs = |table: &str, feature: &str| -> BoxError {
        format!("{table}: this build has no {feature}: build the program with --features {feature}").into()
    };
    if config.mqtt.is_some() && cfg!(not(feature = "mqtt")) {
        return Err(needs("[events.mqtt]", "mqtt"));
    }
    if !config.webhook.is_empty() && cfg!(not(feature = "webhook")) {
        return Err(needs("[[events.webhook]]", "webhook"));
    }
    Ok(())
}

impl Messages {
    /// Starts a sink and a thread for each receiver. The cameras must not have begun yet.
    ///
    /// # Errors
    /// The system has no more threads, or no certificates for a webhook.
    pub(super) fn start(
        config: &EventsConfig,
        secrets: &Secrets,
        cameras: &Arc<CameraSet>,
        database: Option<&Database>,
    ) -> Result<Self, BoxError> {
        #[cfg(not(any(feature = "mqtt", feature = "webhook")))]
        let (started, _) = (Self::default(), (config, secrets, cameras, database));
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
                password: secrets.mqtt.as_ref().map(Secret::expose).map(str::to_owned),
                client_id: mqtt.client_id.clone(),
                topic_prefix: mqtt.topic_prefix.clone(),
                discovery_prefix: Some(mqtt.discovery_prefix.clone()).filter(|prefix| !prefix.is_empty()),
                events: settings(&config.node, &mqtt.kinds, known),
            };
            started.messengers.extend(Messenger::start(passerby::store::Mqtt::start(settings)?, cameras)?);
        }
        #[cfg(feature = "webhook")]
        for (webhook, token) in config.webhook.iter().zip(&secrets.webhooks) {
            let settings = passerby::store::WebhookSettings {
                url: webhook.url.clone(),
                token: token.as_ref().map(Secret::expose).map(str::to_owned),
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
