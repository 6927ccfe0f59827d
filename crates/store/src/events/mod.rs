//! Sinks that send messages to other programs.

mod courier;
#[cfg(feature = "mqtt")]
mod discovery;
mod messages;
#[cfg(feature = "mqtt")]
mod mqtt;
mod names;
mod outbox;
mod settings;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(feature = "mqtt")]
pub use mqtt::{Mqtt, MqttSettings};
pub use settings::EventSettings;
#[cfg(feature = "webhook")]
pub use webhook::{Webhook, WebhookSettings};
