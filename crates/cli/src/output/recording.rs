//! A thread that takes the frames of a pipeline.

use std::thread::{self, JoinHandle};

use passerby::types::BoxError;

use crate::terminal;

/// A pipeline whose frames are being taken.
pub(crate) struct Recording(JoinHandle<()>);

impl Recording {
    /// Takes the frames by `take` on a thread of this name, until the pipeline has ended.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(name: &str, take: impl FnOnce() + Send + 'static) -> Result<Self, BoxError> {
        Ok(Self(thread::Builder::new().name(name.into()).spawn(take)?))
    }

    /// Waits until the last frame is taken. The pipeline must have ended.
    pub(crate) fn join(self) {
        let name = self.0.thread().name().unwrap_or_default().to_owned();
        if self.0.join().is_err() {
            terminal::warning(format_args!("the thread {name} has failed"));
        }
    }
}
