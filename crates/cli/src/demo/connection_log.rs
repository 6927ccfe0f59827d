//! Collects messages about the cameras' connections.

use std::sync::{Arc, Mutex, PoisonError};

use passerby::capture::{ReconnectEvent, ReconnectListener};

/// The number of unread messages that are kept. Later ones are discarded.
const MAX_MESSAGES: usize = 100;

/// Messages that have not been printed yet.
#[derive(Clone, Default)]
pub(super) struct ConnectionLog(Arc<Mutex<Vec<ConnectionMessage>>>);

/// A message about a camera's connection.
pub(super) struct ConnectionMessage {
    /// The line to print.
    pub(super) line: String,
    /// The text of the error, with which a note in the camera's report begins.
    pub(super) error: Option<String>,
}

impl ConnectionLog {
    /// Returns the function that a source calls for each event of its connection.
    pub(super) fn watch(&self) -> ReconnectListener {
        let log = self.clone();
        Arc::new(move |camera, event| {
            let message = match event {
                ReconnectEvent::Lost { error } => {
                    let error = error.to_string();
                    ConnectionMessage { line: format!("{error}; trying again"), error: Some(error) }
                }
                ReconnectEvent::Recovered { outage } => {
                    let line = format!("{camera}: pictures came after {outage:.1?}");
                    ConnectionMessage { line, error: None }
                }
                _ => return,
            };
            let mut lines = log.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < MAX_MESSAGES {
                lines.push(message);
            }
        })
    }

    /// Removes and returns the messages that have not been printed yet.
    pub(super) fn take(&self) -> Vec<ConnectionMessage> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
