//! The thread on which a source is opened and read, and the desk over which its pictures go.
//!
//! Drivers hang: a call into a source may never come back. So it is made on a thread of its own, which is left behind
//! where that happens, and finds out by the number of its connection when it does come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use passerby_types::{
    CancelHandle, Clock, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, Timestamp,
};

/// Opens a source. Called by several threads at once where one of them hangs in it.
pub(super) type Open = dyn Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync;
/// What a call of a source gave.
pub(super) type Given = Result<Option<Picture>, SourceError>;

/// How often a clock that may be a simulated one is looked at while waiting.
const TICK: Duration = Duration::from_millis(25);

/// Where the running connection has got to.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// There is none.
    Idle,
    /// It has been opening since then.
    Opening(Timestamp),
    /// It has been waiting for a picture since then.
    Waiting(Timestamp),
    /// Something lies on the desk.
    Handing,
}

/// What the desk has for the one who waits.
pub(super) enum Found {
    /// The source is open, and says this of itself.
    Opened(SourceInfo),
    /// What a call gave, at that time.
    Given(Given, Timestamp),
    /// Nothing, although it was waited for so long.
    TimedOut(Duration),
    /// Somebody wants it all to end.
    Interrupted,
}

/// Where connection and taker meet. At most one picture lies on it.
pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

struct State {
    /// The number of the running connection. Threads of others quit.
    connection: u64,
    phase: Phase,
    opened: Option<SourceInfo>,
    given: Option<(Given, Timestamp)>,
    interrupt: Option<CancelHandle>,
    interrupted: bool,
    /// Threads that have not come to their end, of whatever connection.
    threads: usize,
}

impl Desk {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            connection: 0,
            phase: Phase::Idle,
            opened: None,
            given: None,
            interrupt: None,
            interrupted: false,
            threads: 0,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), clock })
    }

    /// Begins a connection on a new thread, the one before being ended. False where the system gives no thread.
    pub(super) fn connect(self: &Arc<Self>, open: &Arc<Open>) -> bool {
        self.hang_up();
        let connection = {
            let mut state = self.lock();
            state.connection += 1;
            state.phase = Phase::Opening(self.clock.now());
            state.threads += 1;
            state.connection
        };
        let (desk, open) = (Arc::clone(self), Arc::clone(open));
        let run = move || {
            desk.run(connection, &*open);
            desk.lock().threads -= 1;
            desk.changed.notify_all();
        };
        let started = thread::Builder::new().name("capture-feed".into()).spawn(run).is_ok();
        if !started {
            let mut state = self.lock();
            (state.threads, state.phase) = (state.threads - 1, Phase::Idle);
        }
        started
    }

    /// Ends the running connection: its thread is told, and what it still gives is not taken.
    pub(super) fn hang_up(&self) {
        let interrupt = {
            let mut state = self.lock();
            state.connection += 1;
            (state.phase, state.opened, state.given) = (Phase::Idle, None, None);
            state.interrupt.take()
        };
        self.changed.notify_all();
        interrupt.iter().for_each(CancelHandle::cancel);
    }

    /// Waits until the threads of all connections have ended, so long at most.
    pub(super) fn join(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        while state.threads > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Where the running connection has got to.
    #[cfg(test)]
    pub(super) fn phase(&self) -> Phase {
        self.lock().phase.clone()
    }

    /// Threads that have not come to their end.
    pub(super) fn threads(&self) -> usize {
        self.lock().threads
    }

    /// Ends every wait, now and later.
    pub(super) fn interrupt(&self) {
        let interrupt = {
            let mut state = self.lock();
            state.interrupted = true;
            state.interrupt.take()
        };
        self.changed.notify_all();
        interrupt.iter().for_each(CancelHandle::cancel);
    }

    /// Waits until that time.
    pub(super) fn rest(&self, until: Timestamp) -> Found {
        let mut state = self.lock();
        while !state.interrupted {
            let left = until.since(self.clock.now());
            if left.is_zero() {
                return Found::TimedOut(Duration::ZERO);
            }
            state = self.wait(state, left);
        }
        Found::Interrupted
    }

    /// Waits for what the running connection has to say: as long as `opening` until it is open, and as long as `stall`
    /// from picture to picture.
    pub(super) fn take(&self, opening: Duration, stall: Duration) -> Found {
        let mut state = self.lock();
        loop {
            if state.interrupted {
                return Found::Interrupted;
            }
            if let Some(info) = state.opened.take() {
                return Found::Opened(info);
            }
            if let Some((given, at)) = state.given.take() {
                // The next call of the source begins when its thread wakes; until then it is no fault of the source's.
                state.phase = Phase::Waiting(self.clock.now());
                self.changed.notify_all();
                return Found::Given(given, at);
            }
            let (since, limit) = match state.phase {
                Phase::Opening(since) => (since, opening),
                Phase::Waiting(since) => (since, stall),
                Phase::Idle | Phase::Handing => return Found::TimedOut(Duration::ZERO),
            };
            let left = limit.saturating_sub(self.clock.now().since(since));
            if left.is_zero() {
                return Found::TimedOut(limit);
            }
            state = self.wait(state, left);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, left.min(TICK)).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One connection, from its opening to its end: the body of its thread.
    fn run(&self, connection: u64, open: &Open) {
        let mut source = match quietly(open) {
            Ok(source) => source,
            Err(e) => {
                self.hand_over(connection, Err(e));
                return;
            }
        };
        {
            let mut state = self.lock();
            if state.connection != connection || state.interrupted {
                return;
            }
            state.interrupt = source.cancel_handle();
            state.opened = Some(source.info().clone());
            state.phase = Phase::Waiting(self.clock.now());
        }
        self.changed.notify_all();
        loop {
            let given = quietly(|| source.next_picture());
            let over = match &given {
                Ok(picture) => picture.is_none(),
                Err(e) => e.class() != ErrorClass::Skip,
            };
            if !self.hand_over(connection, given) || over {
                return;
            }
        }
    }

    /// Lays what a call gave on the desk and waits until it is taken. False where nobody will.
    fn hand_over(&self, connection: u64, given: Given) -> bool {
        let at = self.clock.now();
        let mut state = self.lock();
        let wanted = |state: &State| state.connection == connection && !state.interrupted;
        if !wanted(&state) {
            return false;
        }
        (state.given, state.phase) = (Some((given, at)), Phase::Handing);
        self.changed.notify_all();
        while wanted(&state) && state.given.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        wanted(&state)
    }
}

/// A panic in a source is the end of that connection.
fn quietly<T>(call: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(SourceError::Disconnected { input: "source".into(), what: format!("panicked: {text}") })
    })
}
