//! The settings of `open_with`.

use std::fmt;
use std::sync::Arc;

use crate::context::SourceContext;
use crate::decoder_choice::Decoder;
use crate::reconnect::{ReconnectEvent, ReconnectSettings};

/// A callback for the events of cameras. It gets the camera's name and the event.
pub type ReconnectListener = Arc<dyn Fn(&str, &ReconnectEvent<'_>) + Send + Sync>;

/// Settings for all kinds of inputs. Options of an input take precedence.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct OpenSettings {
    /// The decoder for H.264.
    pub decoder: Decoder,
    /// The limits, buffers and clock. Regardless of the limits, a picture of an HTTP camera may have at most 16 MiB.
    pub context: SourceContext,
    /// How cameras are kept going. If this is `None`, a camera connects at once and only once, and ends with its connection.
    pub reconnect: Option<ReconnectSettings>,
    /// Called for the events of cameras that are kept going, on the thread that asks for their pictures. Does nothing by
    /// default.
    #[cfg_attr(feature = "serde", serde(skip, default = "ignore_events"))]
    pub on_reconnect: ReconnectListener,
}

fn ignore_events() -> ReconnectListener {
    Arc::new(|_, _| ())
}

impl Default for OpenSettings {
    fn default() -> Self {
        Self {
            decoder: Decoder::default(),
            context: SourceContext::default(),
            reconnect: Some(ReconnectSettings::default()),
            on_reconnect: ignore_events(),
        }
    }
}

impl fmt::Debug for OpenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSettings")
            .field("decoder", &self.decoder)
            .field("context", &self.context)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}
