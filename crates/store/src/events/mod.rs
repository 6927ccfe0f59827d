//! Sinks that send messages to other programs.

mod camera_link;
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

pub use camera_link::CameraLink;
#[cfg(feature = "mqtt")]
pub use mqtt::{Mqtt, MqttSettings};
pub use outbox::DeliveryCounts;
pub use settings::EventSettings;
#[cfg(feature = "webhook")]
pub use webhook::{Webhook, WebhookSettings};
