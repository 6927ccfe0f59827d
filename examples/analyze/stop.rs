//! When a run ends before its inputs do: on Ctrl-C, or when its time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use passerby::types::BoxError;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// The exit code of what Ctrl-C ended: 128 and the signal's number, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// How long cameras that are told to end may take: a source or a stage that hangs is left behind then.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Says when to stop.
pub(crate) struct Stop {
    interrupted: Arc<AtomicBool>,
    end: Option<Instant>,
}

impl Stop {
    /// From now on Ctrl-C asks to stop, and a second one ends the process.
    pub(crate) fn new(time: Option<Duration>) -> Result<Self, BoxError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        // In this order: the first one sets the flag that arms the end for the second.
        flag::register_conditional_shutdown(SIGINT, i32::from(INTERRUPTED), Arc::clone(&interrupted))?;
        flag::register(SIGINT, Arc::clone(&interrupted))?;
        Ok(Self { interrupted, end: time.and_then(|time| Instant::now().checked_add(time)) })
    }

    /// True where the run is to end.
    pub(crate) fn asked(&self) -> bool {
        self.interrupted() || self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// True where the user pressed Ctrl-C.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
