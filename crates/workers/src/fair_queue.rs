//! One bounded lane a camera, and one take over all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use passerby_types::Clock;

use crate::bounded_queue::{Pushed, QueueStats, WhenFull};
use crate::ring::Ring;
use crate::sync::{Condvar, Deadline, Mutex};

/// Items of many cameras that wait for the same workers: each camera pushes into a lane of its own, so none can fill
/// another's room, and a take is fair over all lanes.
///
/// A take prefers the lanes with the fewest items being worked on, and among those the one whose head has waited
/// longest. Items of one lane leave in the order they came. Who takes an item says [`FairQueue::done`] when it is
/// finished, whatever became of it.
pub struct FairQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    /// Something may be taken, or all is closed.
    filled: Condvar,
}

struct State<T> {
    lanes: BTreeMap<u32, Lane<T>>,
    closed: bool,
    /// Counts pushes over all lanes: the smaller the number, the longer an item has waited.
    order: u64,
}

struct Lane<T> {
    ring: Ring<T>,
    working: usize,
    held: bool,
    /// There is room in this lane, or it is closed.
    room: Arc<Condvar>,
}

impl<T> State<T> {
    /// The lane that the next item is taken from.
    fn next(&mut self) -> Option<(u32, &mut Lane<T>)> {
        self.lanes
            .iter_mut()
            .filter(|(_, lane)| !lane.held)
            .filter_map(|(id, lane)| Some(((lane.working, lane.ring.head()?), *id, lane)))
            .min_by_key(|(rank, ..)| *rank)
            .map(|(_, id, lane)| (id, lane))
    }
}

impl<T> FairQueue<T> {
    /// No lanes. `clock` is only for measuring how long items wait.
    pub fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            state: Mutex::new(State { lanes: BTreeMap::new(), closed: false, order: 0 }),
            filled: Condvar::new(),
        }
    }

    /// What they were called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a lane for `capacity` items; 0 counts as 1. One that is there already, closed or not, keeps what waits
    /// and its counts, and goes by the new rule from now on. After [`FairQueue::close`] the lane is closed at once.
    pub fn open(&self, lane: u32, capacity: usize, when_full: WhenFull) {
        let mut state = self.state.lock();
        let closed = state.closed;
        let lane = state.lanes.entry(lane).or_insert_with(|| Lane {
            ring: Ring::new(capacity, when_full),
            working: 0,
            held: false,
            room: Arc::new(Condvar::new()),
        });
        lane.ring.reopen(capacity, when_full);
        if closed {
            lane.ring.close();
        }
        lane.room.notify_all();
    }

    /// Closes a lane: pushes to it give `Closed`, those that wait for room too. What waits can still be taken. One
    /// that is not there stays so.
    pub fn close_lane(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.ring.close();
            lane.room.notify_all();
        }
    }

    /// Closes a lane and takes it away with its counts. Returns what waited in it, oldest first; nothing for a lane
    /// that is not there. Items being worked on stay with their takers.
    pub fn remove(&self, lane: u32) -> Vec<T> {
        let removed = self.state.lock().lanes.remove(&lane);
        removed.map_or_else(Vec::new, |mut lane| {
            lane.room.notify_all();
            lane.ring.drain()
        })
    }

    /// Puts an item at the end of a lane. Under [`WhenFull::Block`] this waits until the lane has room or is closed;
    /// otherwise it never waits. A lane that is not there is a closed one. Never `TimedOut`.
    pub fn push(&self, lane: u32, mut item: T) -> Pushed<T> {
        let mut state = self.state.lock();
        let mut waited_for: Option<Arc<Condvar>> = None;
        loop {
            let order = state.order;
            let Some(found) = state.lanes.get_mut(&lane) else {
                return Pushed::Closed(item);
            };
            // A lane that was removed and opened again while this waited is another one.
            if waited_for.as_ref().is_some_and(|room| !Arc::ptr_eq(room, &found.room)) {
                return Pushed::Closed(item);
            }
            match found.ring.offer(item, order, self.clock.now()) {
                Ok(pushed) => {
                    state.order += 1;
                    drop(state);
                    if matches!(pushed, Pushed::Queued | Pushed::Displaced(_)) {
                        self.filled.notify_one();
                    }
                    return pushed;
                }
                Err(back) => item = back,
            }
            let room = waited_for.get_or_insert_with(|| Arc::clone(&found.room));
            Deadline::NEVER.wait(room, &mut state);
        }
    }

    /// Empties `out` and fills it with the items to work on next, each with its lane: at least one, at most `max` (0
    /// counts as 1). Waits until something may be taken.
    ///
    /// False, with `out` empty, once all is closed and nothing is left to take. What waits in a held lane is not
    /// waited for then; [`FairQueue::remove`] gives it.
    pub fn take(&self, max: usize, out: &mut Vec<(u32, T)>) -> bool {
        out.clear();
        let mut state = self.state.lock();
        loop {
            while out.len() < max.max(1)
                && let Some((id, lane)) = state.next()
                && let Some(item) = lane.ring.take(self.clock.now())
            {
                lane.working += 1;
                lane.room.notify_one();
                out.push((id, item));
            }
            if !out.is_empty() || state.closed {
                return !out.is_empty();
            }
            Deadline::NEVER.wait(&self.filled, &mut state);
        }
    }

    /// One item taken from this lane is finished. Nothing happens where the lane is gone, or none is being worked on.
    pub fn done(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.working = lane.working.saturating_sub(1);
        }
    }

    /// Says whether a lane is held: nothing is taken from it then, because its camera has a call that is stuck, say.
    /// Pushes go on as they would. A lane that is not there is left alone.
    pub fn hold(&self, lane: u32, held: bool) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.held = held;
        }
        self.filled.notify_all();
    }

    /// Closes all lanes and those to come, and wakes everybody who waits. What waits can still be taken.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for lane in state.lanes.values_mut() {
            lane.ring.close();
            lane.room.notify_all();
        }
        drop(state);
        self.filled.notify_all();
    }

    /// True once [`FairQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// What became of a lane's items so far; `None` for a lane that is not there.
    pub fn stats(&self, lane: u32) -> Option<QueueStats> {
        self.state.lock().lanes.get(&lane).map(|lane| lane.ring.stats())
    }

    /// How many items of a lane were taken and are not done; 0 for a lane that is not there.
    pub fn working(&self, lane: u32) -> usize {
        self.state.lock().lanes.get(&lane).map_or(0, |lane| lane.working)
    }

    /// How full the lanes are: the mean over them of what waits to what can wait, 0 to 1; 0 where there are none. A
    /// lane that is closed and empty does not count.
    pub fn fill(&self) -> f32 {
        let state = self.state.lock();
        let (mut sum, mut lanes) = (0.0, 0.0);
        for lane in state.lanes.values() {
            if !(lane.ring.is_closed() && lane.ring.is_empty()) {
                let stats = lane.ring.stats();
                sum += (stats.depth as f32 / stats.capacity as f32).min(1.0);
                lanes += 1.0;
            }
        }
        if lanes > 0.0 { sum / lanes } else { 0.0 }
    }
}
