//! A bounded queue from the thread that receives coded frames to the one that decodes them. It drops frames that are too
//! old.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use passerby_types::{CancelHandle, Clock, DropReason, SourceError, Timestamp};

use crate::handover::RecvError;

/// How other frames depend on a coded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodedFrameKind {
    /// This frame and all later ones don't need any frame before it.
    Key,
    /// Later frames need it.
    #[allow(dead_code, reason = "sources of whole pictures don't have such frames")]
    Reference,
    /// No other frame needs it.
    #[allow(dead_code, reason = "sources of whole pictures don't have such frames")]
    Disposable,
}

/// A frame with the time of its arrival.
#[derive(Debug)]
pub(crate) struct Arrived<T> {
    pub(crate) item: T,
    /// The time at which the last byte of it arrived.
    pub(crate) at: Timestamp,
}

/// Frames that will never be returned, and why.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) frames: u64,
    pub(crate) reason: DropReason,
    /// A description of the cause.
    pub(crate) what: String,
}

impl Loss {
    /// Converts the loss to the error of the source `input`.
    pub(crate) fn into_error(self, input: &str) -> SourceError {
        let Self { frames, reason, what } = self;
        SourceError::Lost { input: input.to_owned(), frames, reason, what }
    }
}

/// An item of a [`FrameInbox`].
#[derive(Debug)]
pub(crate) enum FrameOrLoss<F> {
    Frame(F),
    Loss(Loss),
}

/// How much may wait in a [`FrameInbox`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxLimits {
    /// The most frames.
    pub(crate) frames: usize,
    /// The most bytes of all frames together. A single frame may be larger.
    pub(crate) bytes: usize,
    /// The greatest age at which a frame is still returned.
    pub(crate) max_age: Duration,
}

/// A bounded queue of coded frames between two threads.
///
/// If there are too many frames, or the oldest is too old, the inbox drops frames from the oldest one up to the newest key
/// frame in the queue. If no key frame is in the queue, it drops everything up to the next one that comes. At half the age,
/// it drops frames that no other frame needs. Each dropped frame counts as [`DropReason::Stale`].
pub(crate) struct FrameInbox<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limits: InboxLimits,
    clock: Arc<dyn Clock>,
}

struct Queued<T> {
    arrived: Arrived<T>,
    kind: CodedFrameKind,
    bytes: usize,
}

struct State<T> {
    queue: VecDeque<Queued<T>>,
    bytes: usize,
    /// Losses that the receiver learns of before the next frame.
    losses: VecDeque<Loss>,
    /// True if a frame that others need is lost. All frames up to the next key frame are then useless.
    broken: bool,
    /// Set when the sender has ended, with its error if it failed.
    ended: Option<Option<SourceError>>,
    /// True if the receiver doesn't want more.
    cancelled: bool,
}

impl<T: Send + 'static> FrameInbox<T> {
    pub(crate) fn new(limits: InboxLimits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            losses: VecDeque::new(),
            broken: false,
            ended: None,
            cancelled: false,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), limits, clock })
    }

    /// Appends a frame of `bytes` bytes that has just arrived. Never waits.
    ///
    /// Returns `Break` if the inbox was cancelled. The sender should then end.
    pub(crate) fn push(&self, item: T, kind: CodedFrameKind, bytes: usize) -> ControlFlow<()> {
        let mut state = self.lock();
        if state.cancelled {
            return ControlFlow::Break(());
        }
        state.broken &= kind != CodedFrameKind::Key;
        if state.broken {
            state.lose_stale(1);
        } else {
            let arrived = Arrived { item, at: self.clock.now() };
            state.queue.push_back(Queued { arrived, kind, bytes });
            state.bytes += bytes;
            while state.queue.len() > self.limits.frames.max(1)
                || state.bytes > self.limits.bytes && state.queue.len() > 1
            {
                state.drop_oldest();
            }
        }
        self.changed.notify_all();
        ControlFlow::Continue(())
    }

    /// Records frames that were lost before they arrived. If `breaks_references` is true, other frames need them, and the
    /// inbox drops everything up to the next key frame.
    pub(crate) fn lose(
        &self,
        frames: u64,
        reason: DropReason,
        what: impl Into<String>,
        breaks_references: bool,
    ) {
        let mut state = self.lock();
        state.lose(frames, reason, what.into());
        state.broken |= breaks_references;
        self.changed.notify_all();
    }

    /// Ends the stream. The receiver still gets the frames in the queue. Calls after the first one have no effect.
    pub(crate) fn end(&self, error: Option<SourceError>) {
        let mut state = self.lock();
        state.ended.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Returns true if the receiver doesn't want more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Returns the next frame or loss, and waits for it up to `timeout`.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<FrameOrLoss<Arrived<T>>, RecvError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if state.cancelled {
                return Err(RecvError::Closed(None));
            }
            state.drop_old(self.clock.now(), self.limits.max_age);
            if let Some(loss) = state.losses.pop_front() {
                return Ok(FrameOrLoss::Loss(loss));
            }
            if let Some(frame) = state.queue.pop_front() {
                state.bytes -= frame.bytes;
                return Ok(FrameOrLoss::Frame(frame.arrived));
            }
            if let Some(error) = &mut state.ended {
                return Err(RecvError::Closed(error.take()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(RecvError::TimedOut(timeout));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the present age of a frame that arrived at `at`.
    pub(crate) fn age_of(&self, at: Timestamp) -> Duration {
        self.clock.now().since(at)
    }

    /// Ends the stream for the receiver: drops the queue, and lets the sender's next push fail.
    pub(crate) fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        state.queue.clear();
        state.bytes = 0;
        self.changed.notify_all();
    }

    /// Returns a handle that cancels the inbox from another thread. The handle also calls `wake_sender`.
    pub(crate) fn cancel_handle(
        self: &Arc<Self>,
        wake_sender: impl Fn() + Send + Sync + 'static,
    ) -> CancelHandle {
        let inbox = Arc::downgrade(self);
        CancelHandle::new(move || {
            if let Some(inbox) = inbox.upgrade() {
                inbox.cancel();
            }
            wake_sender();
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Drops the frames that are too old.
    fn drop_old(&mut self, now: Timestamp, max_age: Duration) {
        let is_older = |queued: &Queued<T>, age| now.since(queued.arrived.at) > age;
        while self.queue.front().is_some_and(|first| is_older(first, max_age)) {
            self.drop_oldest();
        }
        let is_old_disposable =
            |first: &Queued<T>| first.kind == CodedFrameKind::Disposable && is_older(first, max_age / 2);
        while self.queue.front().is_some_and(is_old_disposable) {
            self.drop_first(1);
        }
    }

    /// Drops the oldest frame and those that need it.
    fn drop_oldest(&mut self) {
        let Some(first) = self.queue.front() else { return };
        if first.kind == CodedFrameKind::Disposable {
            return self.drop_first(1);
        }
        // If several key frames are in the queue, only the oldest group goes.
        match self.queue.iter().skip(1).position(|queued| queued.kind == CodedFrameKind::Key) {
            Some(next) => self.drop_first(next + 1),
            None => {
                self.drop_first(self.queue.len());
                self.broken = true;
            }
        }
    }

    fn drop_first(&mut self, count: usize) {
        let bytes: usize = self.queue.drain(..count).map(|queued| queued.bytes).sum();
        self.bytes -= bytes;
        self.lose_stale(count as u64);
    }

    fn lose_stale(&mut self, frames: u64) {
        self.lose(frames, DropReason::Stale, "too old to be decoded".into());
    }

    /// Records a loss, together with the losses for the same reason that the receiver hasn't taken yet.
    fn lose(&mut self, frames: u64, reason: DropReason, what: String) {
        match self.losses.iter_mut().find(|loss| loss.reason == reason) {
            Some(loss) => loss.frames += frames,
            None => self.losses.push_back(Loss { frames, reason, what }),
        }
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::SimulatedClock;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn inbox(frames: usize, bytes: usize) -> (Arc<FrameInbox<u32>>, SimulatedClock) {
        let clock = SimulatedClock::new();
        (FrameInbox::new(InboxLimits { frames, bytes, max_age: 100 * MS }, Arc::new(clock.clone())), clock)
    }

    fn push(inbox: &FrameInbox<u32>, item: u32, kind: CodedFrameKind, bytes: usize) {
        assert!(inbox.push(item, kind, bytes).is_continue());
    }

    /// Returns all items of the inbox, with losses as negative numbers.
    fn drain(inbox: &FrameInbox<u32>) -> Vec<i64> {
        std::iter::from_fn(|| match inbox.recv_timeout(Duration::ZERO) {
            Ok(FrameOrLoss::Frame(frame)) => Some(i64::from(frame.item)),
            Ok(FrameOrLoss::Loss(loss)) => Some(-(loss.frames as i64)),
            Err(_) => None,
        })
        .collect()
    }

    #[test]
    fn a_full_inbox_drops_whole_groups() {
        let (inbox, _) = inbox(4, 1000);
        let kinds =
            [CodedFrameKind::Key, CodedFrameKind::Reference, CodedFrameKind::Key, CodedFrameKind::Reference];
        for (i, kind) in kinds.into_iter().enumerate() {
            push(&inbox, i as u32, kind, 10);
        }
        push(&inbox, 4, CodedFrameKind::Reference, 10);
        assert_eq!(drain(&inbox), [-2, 2, 3, 4]);
    }

    #[test]
    fn without_a_key_frame_everything_goes_up_to_the_next_one() {
        let (inbox, _) = inbox(4, 1000);
        for i in 5..10 {
            push(&inbox, i, CodedFrameKind::Reference, 10);
        }
        assert_eq!(drain(&inbox), [-5], "without a key frame nothing can be decoded any more");
        push(&inbox, 10, CodedFrameKind::Reference, 10);
        push(&inbox, 11, CodedFrameKind::Key, 10);
        assert_eq!(drain(&inbox), [-1, 11]);
    }

    #[test]
    fn a_single_frame_may_exceed_the_bytes() {
        let (inbox, _) = inbox(4, 1000);
        push(&inbox, 12, CodedFrameKind::Reference, 990);
        push(&inbox, 13, CodedFrameKind::Key, 2000);
        assert_eq!(drain(&inbox), [-1, 13]);
    }

    #[test]
    fn disposable_frames_go_at_half_the_age() {
        let (inbox, clock) = inbox(10, 1000);
        for (i, kind) in [
            CodedFrameKind::Disposable,
            CodedFrameKind::Reference,
            CodedFrameKind::Disposable,
            CodedFrameKind::Key,
        ]
        .into_iter()
        .enumerate()
        {
            push(&inbox, i as u32, kind, 1);
            clock.advance(10 * MS);
        }
        clock.advance(21 * MS);
        let Ok(FrameOrLoss::Loss(Loss { frames: 1, reason: DropReason::Stale, .. })) =
            inbox.recv_timeout(Duration::ZERO)
        else {
            panic!("the first goes")
        };
        let Ok(FrameOrLoss::Frame(frame)) = inbox.recv_timeout(Duration::ZERO) else {
            panic!("the second is needed")
        };
        assert_eq!((frame.item, inbox.age_of(frame.at)), (1, 51 * MS));
        clock.advance(70 * MS);
        assert_eq!(drain(&inbox), [-2], "also a key frame");
        push(&inbox, 9, CodedFrameKind::Reference, 1);
        assert_eq!(drain(&inbox), [-1]);
    }

    #[test]
    fn the_end_comes_after_the_queue() {
        let (inbox, _) = inbox(10, 1000);
        push(&inbox, 1, CodedFrameKind::Key, 1);
        inbox.lose(3, DropReason::Network, "gone", true);
        push(&inbox, 2, CodedFrameKind::Reference, 1);
        inbox.end(Some(SourceError::disconnected("camera", "closed")));
        inbox.end(None);
        let mut weighted = 0;
        while let Ok(FrameOrLoss::Loss(loss)) = inbox.recv_timeout(Duration::ZERO) {
            let weight = if loss.reason == DropReason::Network { 1 } else { 10 };
            weighted += weight * loss.frames;
        }
        assert_eq!(weighted, 13, "three lost frames, and one that needs them");
        assert!(matches!(inbox.recv_timeout(Duration::ZERO), Err(RecvError::Closed(Some(_)))));
        assert!(matches!(inbox.recv_timeout(Duration::ZERO), Err(RecvError::Closed(None))));
    }

    #[test]
    fn cancelling_ends_a_wait_at_once() {
        let limits = InboxLimits { frames: 1, bytes: 1, max_age: MS };
        let inbox = FrameInbox::<u32>::new(limits, Arc::new(SimulatedClock::new()));
        let cancel = inbox.cancel_handle(|| ());
        let waiting = Arc::clone(&inbox);
        let recv =
            move || matches!(waiting.recv_timeout(Duration::from_secs(60)), Err(RecvError::Closed(None)));
        let receiver = std::thread::Builder::new().name("receiver".into()).spawn(recv).unwrap();
        cancel.cancel();
        assert!(receiver.join().unwrap());
        assert!(inbox.push(1, CodedFrameKind::Key, 1).is_break());
        assert!(inbox.is_cancelled());
    }
}
