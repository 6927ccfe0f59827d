//! What all sinks of messages share: they fill a queue that a thread empties.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use passerby_types::{CameraId, CameraLink, DeliveryCounts, ErrorClass, Observation, SinkError};

use crate::events::messages::{Made, MessageMaker};
#[cfg(feature = "mqtt")]
use crate::events::outbox::Message;
use crate::events::outbox::Outbox;
use crate::events::settings::EventSettings;

/// The time in which the thread must notice the end, beyond the time for messages.
const END_MARGIN: Duration = Duration::from_secs(1);

/// The part of a sink that its thread does not run.
pub(super) struct Courier {
    /// The name in errors, without passwords.
    name: String,
    outbox: Arc<Outbox>,
    maker: MessageMaker,
    flush_timeout: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    /// Starts the thread that runs `deliver`.
    ///
    /// # Errors
    /// The system's error if it has no more threads.
    pub(super) fn start(
        name: String,
        thread_name: &str,
        settings: &EventSettings,
        outbox: Arc<Outbox>,
        deliver: impl FnOnce(&Outbox) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::clone(&outbox);
        let work = move || {
            deliver(&queue);
            queue.give_up();
        };
        let thread = thread::Builder::new().name(thread_name.into()).spawn(work)?;
        Ok(Self {
            name,
            outbox,
            maker: MessageMaker::new(settings, SystemTime::now()),
            flush_timeout: settings.flush_timeout,
            thread: Some(thread),
        })
    }

    pub(super) fn counts(&self) -> DeliveryCounts {
        self.outbox.counts()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Names cameras. Returns those that had another name or none.
    pub(super) fn name_cameras(&mut self, names: &[(CameraId, &str)]) -> Vec<CameraId> {
        names
            .iter()
            .filter(|(camera, name)| self.maker.name(*camera, name))
            .map(|(camera, _)| *camera)
            .collect()
    }

    /// Returns the camera's name.
    #[cfg(feature = "mqtt")]
    pub(super) fn name_of(&self, camera: CameraId) -> String {
        self.maker.name_of(camera)
    }

    /// Adds messages that are not about observations.
    #[cfg(feature = "mqtt")]
    pub(super) fn add(&self, messages: Vec<Message>) {
        self.outbox.add(messages);
    }

    /// Adds the message about a camera's connection, also if the queue is full: a camera has few of them.
    pub(super) fn link(&mut self, camera: CameraId, link: CameraLink, error: Option<&str>) {
        let mut made = Made::default();
        self.maker.link(camera, link, error, &mut made);
        self.outbox.add(made.messages);
    }

    /// Takes a batch into the queue: all of it or nothing.
    ///
    /// # Errors
    /// `Reset` if the queue is full, and `Fatal` if the thread has ended.
    pub(super) fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(self.error(ErrorClass::Fatal, "the thread that delivers has ended".into()));
        }
        if let Some(why) = self.outbox.full() {
            return Err(self.error(ErrorClass::Reset, why));
        }
        let mut made = Made::default();
        batch.iter().for_each(|observation| self.maker.observe(observation, &mut made));
        self.outbox.lose(made.too_large);
        self.outbox.add(made.messages);
        Ok(())
    }

    /// Waits until every message is delivered or refused.
    ///
    /// # Errors
    /// `Reset` if messages still wait after the time for it. They stay in the queue.
    pub(super) fn flush(&self) -> Result<(), SinkError> {
        let done = self.outbox.wait_until_empty(self.flush_timeout);
        done.map_err(|why| self.error(ErrorClass::Reset, why))
    }

    fn error(&self, class: ErrorClass, why: String) -> SinkError {
        SinkError::new(class, self.name.clone(), why)
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.outbox.end(self.flush_timeout + END_MARGIN);
        // A thread that panicked has said so itself.
        self.thread.take().map(JoinHandle::join);
    }
}

/// Prints the counts, never the messages.
impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier")
            .field("name", &self.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
