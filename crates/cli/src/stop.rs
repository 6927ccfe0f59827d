//! Ends a run before its inputs end: on Ctrl-C, SIGTERM or SIGHUP, or when its time is up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use passerby::types::BoxError;

use crate::outcome::Outcome;

/// How long cameras and outputs may take to end. After that a source, stage or output that hangs is left behind.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A signal that follows the first one within this time is the same wish: a terminal that closes and the program `timeout` send
/// their signal twice.
#[cfg(unix)]
const REPEAT_TIME: Duration = Duration::from_millis(500);

/// The first signal that asked the process to end, and when it came.
static FIRST_SIGNAL: OnceLock<(i32, Instant)> = OnceLock::new();

/// The number of hangups that asked for the configuration.
static HANGUPS: AtomicU64 = AtomicU64::new(0);

/// Tells a run when to stop. A clone has the same signals and the same time.
#[derive(Clone)]
pub(crate) struct Stop {
    time: Option<Duration>,
    end: Arc<OnceLock<Instant>>,
}

impl Stop {
    /// Makes Ctrl-C, SIGTERM and SIGHUP ask for a stop, and a second signal end the process. `time` is the longest run from
    /// [`Stop::begin`] on. A process that was started with SIGHUP ignored, as by `nohup`, goes on ignoring it.
    ///
    /// # Errors
    /// The system cannot install the handlers.
    pub(crate) fn new(time: Option<Duration>) -> Result<Self, BoxError> {
        signals::watch()?;
        Ok(Self { time, end: Arc::default() })
    }

    /// Does the same for a program that runs until it is stopped, and returns the requests to read the configuration again. SIGHUP
    /// is such a request.
    ///
    /// # Errors
    /// The system cannot install the handlers.
    pub(crate) fn serving() -> Result<(Self, Reload), BoxError> {
        signals::reload_on_hangup();
        Ok((Self::new(None)?, Reload { taken: 0 }))
    }

    /// Begins the time of the run. Must be called when everything is ready, so that loading takes nothing of it. A second
    /// call changes nothing.
    pub(crate) fn begin(&self) {
        if let Some(end) = self.time.and_then(|time| Instant::now().checked_add(time)) {
            self.end.get_or_init(|| end);
        }
    }

    /// Returns true if the run should end.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested_at().is_some()
    }

    /// Returns true if the run should have ended by now: `END_TIMEOUT` has passed since the request.
    pub(crate) fn is_overdue(&self) -> bool {
        self.requested_at().is_some_and(|at| at.elapsed() > END_TIMEOUT)
    }

    /// Returns how a command ended that did all its work up to the stop.
    pub(crate) fn outcome(&self) -> Outcome {
        signals::first().map_or(Outcome::Done, |(signal, _)| Outcome::Interrupted(signal))
    }

    /// Returns true if a signal asked for the stop.
    pub(crate) fn was_interrupted(&self) -> bool {
        signals::first().is_some()
    }

    fn requested_at(&self) -> Option<Instant> {
        let signal = signals::first().map(|(_, at)| at);
        let end = self.end.get().copied().filter(|end| Instant::now() >= *end);
        signal.into_iter().chain(end).min()
    }
}

/// The requests to read the configuration again.
pub(crate) struct Reload {
    taken: u64,
}

impl Reload {
    /// Returns true if there was a request since the last call.
    pub(crate) fn take(&mut self) -> bool {
        let requests = HANGUPS.load(Ordering::Relaxed);
        std::mem::replace(&mut self.taken, requests) != requests
    }
}

/// Returns true if a signal asked the process to end, and `END_TIMEOUT` has passed since.
pub(crate) fn is_signal_overdue() -> bool {
    signals::first().is_some_and(|(_, at)| at.elapsed() > END_TIMEOUT)
}

/// Makes a file that reaches the size limit of the process an error instead of its end.
pub(crate) fn survive_size_limit() {
    signals::survive_size_limit();
}

#[cfg(unix)]
mod signals {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Instant;

    use passerby::types::BoxError;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};

    use super::{FIRST_SIGNAL, HANGUPS, REPEAT_TIME};
    use crate::outcome::signal_exit_code;

    /// True if a hangup asks for the configuration.
    static RELOADS: AtomicBool = AtomicBool::new(false);

    pub(super) fn reload_on_hangup() {
        RELOADS.store(true, Ordering::Relaxed);
    }

    pub(super) fn watch() -> Result<(), BoxError> {
        let wanted =
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
        let mut signals = Signals::new(wanted)?;
        let watch = move || signals.forever().for_each(received);
        thread::Builder::new().name("passerby-signals".into()).spawn(watch)?;
        Ok(())
    }

    pub(super) fn first() -> Option<(i32, Instant)> {
        FIRST_SIGNAL.get().copied()
    }

    pub(super) fn survive_size_limit() {
        // The handler does nothing. Without one the signal would end the process; with one the write fails.
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }

    fn received(signal: i32) {
        if signal == SIGHUP && RELOADS.load(Ordering::Relaxed) {
            HANGUPS.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (_, first) = FIRST_SIGNAL.get_or_init(|| (signal, Instant::now()));
        if first.elapsed() >= REPEAT_TIME {
            low_level::exit(i32::from(signal_exit_code(signal)));
        }
    }

    /// Returns true if the process ignores the signal, as far as the system tells.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask >> (signal - 1) & 1 == 1
    }
}

#[cfg(not(unix))]
mod signals {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::time::Instant;

    use passerby::types::BoxError;
    use signal_hook::consts::SIGINT;
    use signal_hook::flag;

    use super::FIRST_SIGNAL;
    use crate::outcome::signal_exit_code;

    static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

    pub(super) fn watch() -> Result<(), BoxError> {
        let interrupted = INTERRUPTED.get_or_init(Arc::default);
        // The order matters: the first call arms the second Ctrl-C with the flag that the second call sets.
        flag::register_conditional_shutdown(
            SIGINT,
            i32::from(signal_exit_code(SIGINT)),
            Arc::clone(interrupted),
        )?;
        flag::register(SIGINT, Arc::clone(interrupted))?;
        Ok(())
    }

    pub(super) fn first() -> Option<(i32, Instant)> {
        let interrupted = INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed));
        interrupted.then(|| *FIRST_SIGNAL.get_or_init(|| (SIGINT, Instant::now())))
    }

    pub(super) fn reload_on_hangup() {}

    pub(super) fn survive_size_limit() {}
}
