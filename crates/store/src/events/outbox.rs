//! The messages that wait for delivery.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use passerby_types::{DeliveryCounts, visible};

use crate::events::settings::EventSettings;

/// The memory of a message beside its topic and payload, in bytes.
const OVERHEAD_BYTES: usize = 128;
/// The shortest pause after a failure.
const MIN_PAUSE: Duration = Duration::from_millis(250);

/// A message for other programs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The topic below the node, for example `camera/door/person`.
    pub(super) topic: String,
    /// True if the broker must keep it for later subscribers.
    pub(super) retain: bool,
    /// JSON.
    pub(super) payload: Vec<u8>,
}

impl Message {
    fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + OVERHEAD_BYTES
    }
}

/// A bounded queue. A message stays in it until it is acknowledged.
pub(super) struct Outbox {
    state: Mutex<State>,
    /// Something was added or delivered, an attempt failed, or the end has come.
    changed: Condvar,
    max_bytes: usize,
    max_pause: Duration,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Message>>,
    bytes: usize,
    counts: DeliveryCounts,
    /// The newest message of each topic that a broker keeps.
    kept: BTreeMap<String, Arc<Message>>,
    /// When the sink gives up, or `None` if it goes on.
    ends: Option<Instant>,
    failure: Option<String>,
    pause: Duration,
}

impl Outbox {
    /// Creates an empty queue, which calls `wake` after each change that its thread must see.
    pub(super) fn new(settings: &EventSettings, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            max_bytes: settings.max_waiting_bytes,
            max_pause: settings.max_pause,
            wake: Box::new(wake),
        }
    }

    pub(super) fn counts(&self) -> DeliveryCounts {
        let state = self.lock();
        DeliveryCounts { waiting: state.waiting.len() as u64, ..state.counts }
    }

    /// Returns the reason why no batch is taken now, or `None` if there is room.
    pub(super) fn full(&self) -> Option<String> {
        let state = self.lock();
        (state.bytes >= self.max_bytes).then(|| {
            let why = state.failure.as_deref().unwrap_or("the other side is slow");
            format!("{} messages wait: {why}", state.waiting.len())
        })
    }

    /// Adds messages, in their order.
    pub(super) fn add(&self, messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        let mut state = self.lock();
        for message in messages {
            let message = Arc::new(message);
            if message.retain {
                state.kept.insert(message.topic.clone(), Arc::clone(&message));
            }
            state.counts.offered += 1;
            state.bytes += message.bytes();
            state.waiting.push_back(message);
        }
        drop(state);
        self.signal();
    }

    /// Counts messages that can never be sent.
    pub(super) fn lose(&self, messages: u64) {
        let mut state = self.lock();
        state.counts.offered += messages;
        state.counts.lost += messages;
    }

    /// Returns the oldest messages, at most `most`. They stay until [`Outbox::delivered`] or [`Outbox::refused`].
    pub(super) fn oldest(&self, most: usize) -> Vec<Arc<Message>> {
        self.lock().waiting.iter().take(most).cloned().collect()
    }

    /// Returns the newest message of each topic that a broker keeps, but for those that wait for delivery.
    #[cfg(feature = "mqtt")]
    pub(super) fn kept(&self) -> Vec<Arc<Message>> {
        let state = self.lock();
        let waits = |kept: &Arc<Message>| state.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, kept));
        state.kept.values().filter(|kept| !waits(kept)).cloned().collect()
    }

    /// Removes the oldest `n` messages, which were acknowledged.
    pub(super) fn delivered(&self, n: usize) {
        let mut state = self.lock();
        state.remove(n);
        state.counts.delivered += n as u64;
        state.failure = None;
        state.pause = Duration::ZERO;
        drop(state);
        self.changed.notify_all();
    }

    /// Removes the oldest `n` messages, which the other side will never take.
    #[cfg(feature = "webhook")]
    pub(super) fn refused(&self, n: usize, why: &str) {
        let mut state = self.lock();
        state.remove(n);
        state.counts.lost += n as u64;
        state.failure = Some(visible(why).into_owned());
        state.pause = Duration::ZERO;
        drop(state);
        self.changed.notify_all();
    }

    /// Counts an attempt that failed. Returns the pause until the next one.
    pub(super) fn failed(&self, why: &str) -> Duration {
        let mut state = self.lock();
        state.counts.failures += 1;
        state.failure = Some(visible(why).into_owned());
        let pause = (state.pause * 2).clamp(MIN_PAUSE.min(self.max_pause), self.max_pause);
        state.pause = pause;
        drop(state);
        self.changed.notify_all();
        pause
    }

    /// Waits until a message waits or the end has come. Returns false at the end if no message waits.
    #[cfg(feature = "webhook")]
    pub(super) fn wait_for_messages(&self) -> bool {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                return true;
            }
            if state.ends.is_some() {
                return false;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the pause. Returns false if the sink must give up.
    #[cfg(feature = "webhook")]
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.ends.is_some_and(|ends| now >= ends) {
                return false;
            }
            if now >= until {
                return true;
            }
            let until = state.ends.map_or(until, |ends| ends.min(until));
            let woken = self.changed.wait_timeout(state, until.saturating_duration_since(now));
            state = woken.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    /// Returns the time until the sink gives up, or `None` if it goes on.
    #[cfg(feature = "mqtt")]
    pub(super) fn ends_in(&self) -> Option<Duration> {
        self.lock().ends.map(|ends| ends.saturating_duration_since(Instant::now()))
    }

    /// Waits until no message waits.
    ///
    /// # Errors
    /// Messages still wait after `timeout`: their number and the last fault.
    pub(super) fn wait_until_empty(&self, timeout: Duration) -> Result<(), String> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        while !state.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let why = state.failure.as_deref().unwrap_or("no answer yet");
                return Err(format!("{} messages are not delivered: {why}", state.waiting.len()));
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
        Ok(())
    }

    /// Begins the end, which comes when no message waits, or after `timeout`.
    pub(super) fn end(&self, timeout: Duration) {
        self.lock().ends = Some(Instant::now() + timeout);
        self.signal();
    }

    /// Counts everything that still waits as lost.
    pub(super) fn give_up(&self) {
        let mut state = self.lock();
        let rest = state.waiting.len();
        state.remove(rest);
        state.counts.lost += rest as u64;
    }

    fn signal(&self) {
        self.changed.notify_all();
        (self.wake)();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves a valid queue behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, n: usize) {
        for message in self.waiting.drain(..n.min(self.waiting.len())) {
            self.bytes -= message.bytes();
        }
    }
}
