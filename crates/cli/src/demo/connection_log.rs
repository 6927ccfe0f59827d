//! Collects messages about the cameras' connections.

use std::sync::{Arc, Mutex, PoisonError};

use passerby::capture::{ReconnectEvent, ReconnectListener};

/// The number of unread messages that are kept. Later ones are discarded.
const MAX_MESSAGES: usize = 100;

/// Messages that have not been printed yet.
#[derive(Clone, Default)]
pub(super) struct ConnectionLog(Arc<Mutex<Vec<String>>>);

impl ConnectionLog {
    /// Returns the function that a source calls for each event of its connection.
    pub(super) fn watch(&self) -> ReconnectListener {
        let log = self.clone();
        Arc::new(move |camera, event| {
            let line = match event {
                ReconnectEvent::Lost { error } => error.to_string(),
                ReconnectEvent::Recovered { outage } => format!("{camera}: pictures after {outage:.1?}"),
                _ => return,
            };
            let mut lines = log.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < MAX_MESSAGES {
                lines.push(line);
            }
        })
    }

    /// Removes and returns the messages that have not been printed yet.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
