//! What a thread that receives hands to the one that decodes: as much as may wait, and nothing that is too old.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use passerby_types::{CancelHandle, Clock, DropReason, SourceError, Timestamp};

/// What a coded frame is to those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It and those after it need nothing before it.
    Key,
    /// Others need it.
    #[allow(dead_code, reason = "sources of pictures know no such frames")]
    Reference,
    /// Nothing needs it.
    Disposable,
}

/// One coded frame that waited.
#[derive(Debug)]
pub(crate) struct Arrived<T> {
    pub(crate) item: T,
    /// When the last of it arrived.
    pub(crate) at: Timestamp,
}

/// What the one that decodes gets.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    Frame(Arrived<T>),
    /// Frames that will not come, why, and in words.
    Lost(u64, DropReason, String),
    /// Nothing came in time.
    Nothing,
    /// There will be no more: the stream has ended, or was interrupted (`None`), or failed.
    Over(Option<SourceError>),
}

/// What may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Frames.
    pub(crate) frames: usize,
    /// Bytes of them together. One frame may be larger and waits alone.
    pub(crate) bytes: usize,
    /// How old a frame may be when it is taken.
    pub(crate) age: Duration,
}

/// A bounded queue between two threads. What is too much or too old goes, from the oldest on to the newest key frame that
/// waits, or, where none does, everything up to the next one that comes; each frame that goes is counted as
/// [`DropReason::Stale`]. Before that, when half the age is reached, those that nothing needs go.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    room: Room,
    clock: Arc<dyn Clock>,
}

struct Waiting<T> {
    arrived: Arrived<T>,
    kind: Kind,
    bytes: usize,
}

struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
    /// Losses to be told before the next frame.
    lost: VecDeque<(u64, DropReason, String)>,
    /// A frame that others need is gone: everything until the next key frame is of no use.
    broken: bool,
    /// The sender is through.
    over: Option<Option<SourceError>>,
    /// The taker wants no more.
    interrupted: bool,
}

impl<T: Send + 'static> Inbox<T> {
    pub(crate) fn new(room: Room, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            lost: VecDeque::new(),
            broken: false,
            over: None,
            interrupted: false,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), room, clock })
    }

    /// Hands over a frame of so many bytes that has just arrived. Never waits. `Break`: nobody wants any more.
    pub(crate) fn push(&self, item: T, kind: Kind, bytes: usize) -> ControlFlow<()> {
        let mut state = self.lock();
        if state.interrupted {
            return ControlFlow::Break(());
        }
        state.broken &= kind != Kind::Key;
        if state.broken {
            state.stale(1);
        } else {
            let arrived = Arrived { item, at: self.clock.now() };
            state.waiting.push_back(Waiting { arrived, kind, bytes });
            state.bytes += bytes;
            while state.waiting.len() > self.room.frames.max(1)
                || state.bytes > self.room.bytes && state.waiting.len() > 1
            {
                state.give_up();
            }
        }
        self.changed.notify_all();
        ControlFlow::Continue(())
    }

    /// So many frames never arrived whole. Where others need them, what comes until the next key frame is of no use
    /// (`breaks`).
    pub(crate) fn lose(&self, frames: u64, reason: DropReason, what: impl Into<String>, breaks: bool) {
        let mut state = self.lock();
        state.lose(frames, reason, what.into());
        state.broken |= breaks;
        self.changed.notify_all();
    }

    /// There will be no more. What waits is still taken. Only the first call counts.
    pub(crate) fn end(&self, error: Option<SourceError>) {
        let mut state = self.lock();
        state.over.get_or_insert(error);
        self.changed.notify_all();
    }

    /// True where nobody wants any more.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.lock().interrupted
    }

    /// The next frame, waiting so long for it at most.
    pub(crate) fn take(&self, patience: Duration) -> Taken<T> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if state.interrupted {
                return Taken::Over(None);
            }
            let now = self.clock.now();
            state.age(now, self.room.age);
            if let Some((frames, reason, what)) = state.lost.pop_front() {
                return Taken::Lost(frames, reason, what);
            }
            if let Some(frame) = state.waiting.pop_front() {
                state.bytes -= frame.bytes;
                return Taken::Frame(frame.arrived);
            }
            if let Some(error) = &mut state.over {
                return Taken::Over(error.take());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How old a frame that arrived then is now.
    pub(crate) fn age_of(&self, at: Timestamp) -> Duration {
        self.clock.now().since(at)
    }

    /// Nobody wants any more: what waits goes, and the sender is told at its next push.
    pub(crate) fn interrupt(&self) {
        let mut state = self.lock();
        state.interrupted = true;
        state.waiting.clear();
        state.bytes = 0;
        self.changed.notify_all();
    }

    /// What interrupts it from another thread; `also` is what else has to be done to wake the sender.
    pub(crate) fn cancel_handle(self: &Arc<Self>, also: impl Fn() + Send + Sync + 'static) -> CancelHandle {
        let inbox = Arc::downgrade(self);
        CancelHandle::new(move || {
            if let Some(inbox) = inbox.upgrade() {
                inbox.interrupt();
            }
            also();
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Gives up what is too old.
    fn age(&mut self, now: Timestamp, limit: Duration) {
        let old = |w: &Waiting<T>, limit| now.since(w.arrived.at) > limit;
        while self.waiting.front().is_some_and(|w| old(w, limit)) {
            self.give_up();
        }
        while self.waiting.front().is_some_and(|w| w.kind == Kind::Disposable && old(w, limit / 2)) {
            self.drop_first(1);
        }
    }

    /// Gives up the oldest frame and those that need it.
    fn give_up(&mut self) {
        let Some(first) = self.waiting.front() else { return };
        if first.kind == Kind::Disposable {
            return self.drop_first(1);
        }
        // Where several key frames wait, only the oldest group goes.
        match self.waiting.iter().skip(1).position(|w| w.kind == Kind::Key) {
            Some(next) => self.drop_first(next + 1),
            None => {
                self.drop_first(self.waiting.len());
                self.broken = true;
            }
        }
    }

    fn drop_first(&mut self, count: usize) {
        let bytes: usize = self.waiting.drain(..count).map(|w| w.bytes).sum();
        self.bytes -= bytes;
        self.stale(count as u64);
    }

    fn stale(&mut self, frames: u64) {
        self.lose(frames, DropReason::Stale, "too old when their turn came".into());
    }

    /// Losses of one kind in a row are one.
    fn lose(&mut self, frames: u64, reason: DropReason, what: String) {
        match self.lost.iter_mut().find(|lost| lost.1 == reason) {
            Some(lost) => lost.0 += frames,
            None => self.lost.push_back((frames, reason, what)),
        }
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::SimulatedClock;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn inbox(frames: usize, bytes: usize) -> (Arc<Inbox<u32>>, SimulatedClock) {
        let clock = SimulatedClock::new();
        (Inbox::new(Room { frames, bytes, age: 100 * MS }, Arc::new(clock.clone())), clock)
    }

    /// Everything that is there, losses as minus their number.
    fn drain(inbox: &Inbox<u32>) -> Vec<i64> {
        std::iter::from_fn(|| match inbox.take(Duration::ZERO) {
            Taken::Frame(frame) => Some(i64::from(frame.item)),
            Taken::Lost(frames, ..) => Some(-(frames as i64)),
            Taken::Nothing | Taken::Over(_) => None,
        })
        .collect()
    }

    #[test]
    fn too_much_gives_up_whole_groups_and_counts_every_frame() {
        let (inbox, _) = inbox(4, 1000);
        let kinds = [Kind::Key, Kind::Reference, Kind::Key, Kind::Reference];
        for (i, kind) in kinds.into_iter().enumerate() {
            assert!(inbox.push(i as u32, kind, 10).is_continue());
        }
        assert!(inbox.push(4, Kind::Reference, 10).is_continue());
        assert_eq!(drain(&inbox), [-2, 2, 3, 4]);
        for i in 5..10 {
            assert!(inbox.push(i, Kind::Reference, 10).is_continue());
        }
        assert_eq!(drain(&inbox), [-5], "without a key frame nothing can be decoded any more");
        assert!(inbox.push(10, Kind::Reference, 10).is_continue());
        assert!(inbox.push(11, Kind::Key, 10).is_continue());
        assert_eq!(drain(&inbox), [-1, 11]);
        assert!(inbox.push(12, Kind::Reference, 990).is_continue());
        assert!(inbox.push(13, Kind::Key, 2000).is_continue());
        assert_eq!(drain(&inbox), [-1, 13], "one alone may be larger than the room");
    }

    #[test]
    fn what_is_too_old_goes_and_what_nothing_needs_goes_first() {
        let (inbox, clock) = inbox(10, 1000);
        for (i, kind) in
            [Kind::Disposable, Kind::Reference, Kind::Disposable, Kind::Key].into_iter().enumerate()
        {
            assert!(inbox.push(i as u32, kind, 1).is_continue());
            clock.advance(10 * MS);
        }
        clock.advance(21 * MS);
        let Taken::Lost(1, DropReason::Stale, _) = inbox.take(Duration::ZERO) else {
            panic!("the first goes")
        };
        let Taken::Frame(frame) = inbox.take(Duration::ZERO) else { panic!("the second is needed") };
        assert_eq!((frame.item, inbox.age_of(frame.at)), (1, 51 * MS));
        clock.advance(70 * MS);
        assert_eq!(drain(&inbox), [-2], "also a key frame");
        assert!(inbox.push(9, Kind::Reference, 1).is_continue());
        assert_eq!(drain(&inbox), [-1]);
    }

    #[test]
    fn the_end_comes_after_what_waits_and_an_interruption_at_once() {
        let (inbox, _) = inbox(10, 1000);
        assert!(inbox.push(1, Kind::Key, 1).is_continue());
        inbox.lose(3, DropReason::Network, "gone", true);
        assert!(inbox.push(2, Kind::Reference, 1).is_continue());
        inbox.end(Some(SourceError::Disconnected { input: "camera".into(), what: "closed".into() }));
        inbox.end(None);
        let mut network = 0;
        while let Taken::Lost(frames, reason, _) = inbox.take(Duration::ZERO) {
            network += if reason == DropReason::Network { frames } else { 10 * frames };
        }
        assert_eq!(network, 13, "three lost, and one that needs them");
        assert!(matches!(inbox.take(Duration::ZERO), Taken::Over(Some(_))));
        assert!(matches!(inbox.take(Duration::ZERO), Taken::Over(None)));

        let waiting =
            Inbox::<u32>::new(Room { frames: 1, bytes: 1, age: MS }, Arc::new(SimulatedClock::new()));
        let cancel = waiting.cancel_handle(|| ());
        let taker = Arc::clone(&waiting);
        let take = move || matches!(taker.take(Duration::from_secs(60)), Taken::Over(None));
        let taker = std::thread::Builder::new().name("taker".into()).spawn(take).unwrap();
        cancel.cancel();
        assert!(taker.join().unwrap());
        assert!(waiting.push(1, Kind::Key, 1).is_break());
        assert!(waiting.is_interrupted());
    }
}
