//! Ends a run before its inputs end: on Ctrl-C, or when its time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use passerby::types::BoxError;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::outcome::{INTERRUPTED_EXIT_CODE, Outcome};

/// How long cameras may take to end. After that a source or stage that hangs is left behind.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells a run when to stop.
pub(crate) struct Stop {
    interrupted: Arc<AtomicBool>,
    end: Option<Instant>,
}

impl Stop {
    /// Makes Ctrl-C ask for a stop, and a second Ctrl-C end the process.
    pub(crate) fn new(time: Option<Duration>) -> Result<Self, BoxError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        // The order matters: the first call arms the second Ctrl-C with the flag that the second call sets.
        flag::register_conditional_shutdown(
            SIGINT,
            i32::from(INTERRUPTED_EXIT_CODE),
            Arc::clone(&interrupted),
        )?;
        flag::register(SIGINT, Arc::clone(&interrupted))?;
        Ok(Self { interrupted, end: time.and_then(|time| Instant::now().checked_add(time)) })
    }

    /// Returns true if the run should end.
    pub(crate) fn is_requested(&self) -> bool {
        self.was_interrupted() || self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Returns how a command ended that did all its work up to the stop.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.was_interrupted() { Outcome::Interrupted } else { Outcome::Done }
    }

    /// Returns true if the user pressed Ctrl-C.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
