//! The settings and events of a reconnecting source.

use std::time::Duration;

use passerby_types::{SourceError, SourceInfo};

/// When a [`Reconnect`](crate::Reconnect) gives up a connection, and how long it waits before the next one.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ReconnectSettings {
    /// How long opening may take. 10 s by default. The sources of this crate give up earlier themselves.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub open_timeout: Duration,
    /// How long no picture may come. 5 s by default. A camera that is slower by nature gets more time
    /// ([`Reconnect`](crate::Reconnect)).
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub stall_timeout: Duration,
    /// How long pictures may come that are equal in every byte. 30 s by default, which is longer than most cameras take from
    /// one key frame to the next. `None`: for ever, for example for a slide show.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text::or_never"))]
    pub freeze_timeout: Option<Duration>,
    /// The wait after the second failure in a row. 100 ms by default. After a connection that lasted, the first try follows
    /// at once.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub first_wait: Duration,
    /// The longest wait. 1 s by default. Each wait is twice the one before, up to this one. It varies by up to a fifth at
    /// random, so that many cameras don't reconnect at the same time.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub longest_wait: Duration,
    /// The wait after a refused login. 30 s by default. It doubles with each further refusal, up to 10 minutes.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub login_wait: Duration,
    /// The number of failures in a row after which the source ends with the last error. `None`, the default: no limit.
    pub max_attempts: Option<u32>,
}

impl Default for ReconnectSettings {
    fn default() -> Self {
        Self {
            open_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(5),
            freeze_timeout: Some(Duration::from_secs(30)),
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(1),
            login_wait: Duration::from_secs(30),
            max_attempts: None,
        }
    }
}

/// An event in the life of a [`Reconnect`](crate::Reconnect)'s connections.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent<'a> {
    /// The source is open. Its first picture hasn't come yet.
    Opened(&'a SourceInfo),
    /// The first picture of a connection came.
    Recovered {
        /// The time since the last picture of the connection before, or since the start.
        outage: Duration,
    },
    /// An outage began: opening failed, or a connection broke. It comes once an outage, just before the first
    /// [`ReconnectEvent::Failed`], and [`ReconnectEvent::Recovered`] ends it. A program for people should show these two.
    Lost {
        /// The cause.
        error: &'a SourceError,
    },
    /// Opening failed, or a connection broke. It comes for every try.
    Failed {
        /// The cause.
        error: &'a SourceError,
        /// The number of failures in a row. 0 if the connection had lasted.
        failures: u32,
        /// The time until the next try.
        retry_in: Duration,
    },
}
