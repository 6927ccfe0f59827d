//! The thread that opens and reads a source, and the slot through which its pictures pass.
//!
//! Drivers hang: a call of a source may never return. A separate thread therefore opens and reads the source. If a call
//! hangs, the thread is left behind. When the call returns after all, the thread finds that the connection has a new number,
//! and ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use passerby_types::{
    CancelHandle, Clock, CodedDemand, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, Timestamp,
};

use crate::handover::RecvError;

/// Opens a source. If a call hangs, other threads call it at the same time.
pub(super) type OpenSource = dyn Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync;
/// The result of a call of [`FrameSource::next_picture`].
pub(super) type PictureResult = Result<Option<Picture>, SourceError>;

/// How often a wait checks the clock, which may be a simulated one.
const CLOCK_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The state of the running connection.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// No connection.
    Idle,
    /// The source has been opening since then.
    Opening(Timestamp),
    /// The source has been making a picture since then.
    Waiting(Timestamp),
    /// A result is in the slot.
    Handing,
}

/// An item of the [`FeedSlot`].
pub(super) enum FeedItem {
    /// The source is open and describes itself like this.
    Opened(SourceInfo),
    /// The source returned this at that time.
    Result(PictureResult, Timestamp),
}

/// The place between the thread that reads the source and the thread that takes the pictures. It holds at most one picture.
pub(super) struct FeedSlot {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

struct State {
    /// The number of the running connection. Threads of other connections end.
    connection: u64,
    phase: Phase,
    opened: Option<SourceInfo>,
    result: Option<(PictureResult, Timestamp)>,
    cancel_source: Option<CancelHandle>,
    cancelled: bool,
    /// The demand for the sources of all further connections.
    coded_demand: CodedDemand,
    /// The threads of all connections that haven't ended yet.
    threads: usize,
}

impl State {
    fn wants(&self, connection: u64) -> bool {
        self.connection == connection && !self.cancelled
    }
}

impl FeedSlot {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            connection: 0,
            phase: Phase::Idle,
            opened: None,
            result: None,
            cancel_source: None,
            cancelled: false,
            coded_demand: CodedDemand::default(),
            threads: 0,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), clock })
    }

    /// Ends the running connection and begins a new one on a new thread. Returns false if the system has no thread.
    pub(super) fn connect(self: &Arc<Self>, open: &Arc<OpenSource>) -> bool {
        self.disconnect();
        let connection = {
            let mut state = self.lock();
            state.connection += 1;
            state.phase = Phase::Opening(self.clock.now());
            state.threads += 1;
            state.connection
        };
        let slot = Arc::clone(self);
        let open = Arc::clone(open);
        let run = move || {
            slot.run(connection, &*open);
            slot.lock().threads -= 1;
            slot.changed.notify_all();
        };
        let started = thread::Builder::new().name("capture-feed".into()).spawn(run).is_ok();
        if !started {
            let mut state = self.lock();
            state.threads -= 1;
            state.phase = Phase::Idle;
        }
        started
    }

    /// Ends the running connection: cancels its source, and ignores the results that still come from it.
    pub(super) fn disconnect(&self) {
        let cancel_source = {
            let mut state = self.lock();
            state.connection += 1;
            state.phase = Phase::Idle;
            state.opened = None;
            state.result = None;
            state.cancel_source.take()
        };
        self.changed.notify_all();
        cancel_source.iter().for_each(CancelHandle::cancel);
    }

    /// Waits up to `timeout` until the threads of all connections have ended. Returns false if some haven't.
    pub(super) fn join(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while state.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Sets the demand for coded pictures for all further connections.
    pub(super) fn offer_coded(&self, demand: &CodedDemand) {
        self.lock().coded_demand = demand.clone();
    }

    /// Returns the state of the running connection.
    #[cfg(test)]
    pub(super) fn phase(&self) -> Phase {
        self.lock().phase.clone()
    }

    /// Returns true if the source of the running connection is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.lock().phase, Phase::Waiting(_) | Phase::Handing)
    }

    /// Returns the number of threads that haven't ended yet.
    pub(super) fn threads(&self) -> usize {
        self.lock().threads
    }

    /// Ends every wait, now and later.
    pub(super) fn cancel(&self) {
        let cancel_source = {
            let mut state = self.lock();
            state.cancelled = true;
            state.cancel_source.take()
        };
        self.changed.notify_all();
        cancel_source.iter().for_each(CancelHandle::cancel);
    }

    /// Waits until the time `until`, and then returns `TimedOut`. Returns `Closed` if the slot is cancelled before.
    pub(super) fn rest(&self, until: Timestamp) -> RecvError {
        let mut state = self.lock();
        while !state.cancelled {
            let left = until.since(self.clock.now());
            if left.is_zero() {
                return RecvError::TimedOut(Duration::ZERO);
            }
            state = self.wait(state, left);
        }
        RecvError::Closed(None)
    }

    /// Returns the next item of the running connection.
    ///
    /// Waits up to `open_timeout` until the source is open, and up to `stall_timeout` from one picture to the next.
    pub(super) fn recv(
        &self,
        open_timeout: Duration,
        stall_timeout: Duration,
    ) -> Result<FeedItem, RecvError> {
        let mut state = self.lock();
        loop {
            if state.cancelled {
                return Err(RecvError::Closed(None));
            }
            if let Some(info) = state.opened.take() {
                return Ok(FeedItem::Opened(info));
            }
            if let Some((result, at)) = state.result.take() {
                // The stall timeout starts now. The source's own next call begins when its thread wakes up.
                state.phase = Phase::Waiting(self.clock.now());
                self.changed.notify_all();
                return Ok(FeedItem::Result(result, at));
            }
            let (start, timeout) = match state.phase {
                Phase::Opening(start) => (start, open_timeout),
                Phase::Waiting(start) => (start, stall_timeout),
                Phase::Idle | Phase::Handing => return Err(RecvError::TimedOut(Duration::ZERO)),
            };
            let left = timeout.saturating_sub(self.clock.now().since(start));
            if left.is_zero() {
                return Err(RecvError::TimedOut(timeout));
            }
            state = self.wait(state, left);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        let left = left.min(CLOCK_POLL_INTERVAL);
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the source and reads it to its end. This is the body of a connection's thread.
    fn run(&self, connection: u64, open: &OpenSource) {
        let mut source = match catch_panic(open) {
            Ok(source) => source,
            Err(e) => {
                self.hand_over(connection, Err(e));
                return;
            }
        };
        {
            let mut state = self.lock();
            if !state.wants(connection) {
                return;
            }
            source.offer_coded(&state.coded_demand);
            state.cancel_source = source.cancel_handle();
            state.opened = Some(source.info().clone());
            state.phase = Phase::Waiting(self.clock.now());
        }
        self.changed.notify_all();
        loop {
            let result = catch_panic(|| source.next_picture());
            let ended = match &result {
                Ok(picture) => picture.is_none(),
                Err(e) => e.class() != ErrorClass::Skip,
            };
            if !self.hand_over(connection, result) || ended {
                return;
            }
        }
    }

    /// Puts a result into the slot and waits until the receiver takes it. Returns false if the connection has ended.
    fn hand_over(&self, connection: u64, result: PictureResult) -> bool {
        let at = self.clock.now();
        let mut state = self.lock();
        if !state.wants(connection) {
            return false;
        }
        state.result = Some((result, at));
        state.phase = Phase::Handing;
        self.changed.notify_all();
        while state.wants(connection) && state.result.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wants(connection)
    }
}

/// Converts a panic in a source to an error that ends the connection.
fn catch_panic<T>(call: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(SourceError::disconnected("source", format!("panicked: {text}")))
    })
}
