//! The messages that a sink sends, and the limits of their delivery.

use std::time::Duration;

use passerby_types::EventKind;

/// The settings that all sinks of messages share.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSettings {
    /// The name of this machine or site in topics and messages. `passerby` by default.
    pub node: String,
    /// The kinds that are sent. All but `Faces` and `Observation` by default.
    pub kinds: Vec<EventKind>,
    /// The highest number of a person that was known before the start. Persons with a higher number are new when they first appear. 0
    /// by default.
    pub known_persons: u64,
    /// How long a person must be away from a camera to be seen anew there. 60 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub person_gap: Duration,
    /// The size of the messages that may wait, in bytes, beyond which the sink takes no batch. 16 MiB by default.
    pub max_waiting_bytes: usize,
    /// The longest pause between two attempts to deliver. The first pause is 250 ms, and each one is twice as long as the one before.
    /// 30 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_pause: Duration,
    /// How long an answer of the other side may take. 10 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub answer_timeout: Duration,
    /// How long [`Sink::flush`](passerby_types::Sink::flush) and the end wait for messages that are not delivered yet. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub flush_timeout: Duration,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            node: "passerby".into(),
            kinds: EventKind::DEFAULT.into(),
            known_persons: 0,
            person_gap: Duration::from_secs(60),
            max_waiting_bytes: 16 << 20,
            max_pause: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(5),
        }
    }
}
