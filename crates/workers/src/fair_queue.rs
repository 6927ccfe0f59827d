//! A queue with one bounded lane a camera, and fair reception over all lanes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use passerby_types::Clock;

use crate::counts::{QueueStats, SendOutcome, WhenFull};
use crate::ring::Ring;
use crate::sync::{Condvar, Deadline, Mutex};

/// A queue of several lanes, for example one a camera, whose items wait for the same workers. Each lane has its own
/// capacity, so no camera can fill another's room. Reception is fair over all lanes.
///
/// A worker gets items from the lanes with the fewest items in work, and among those from the lane whose head has waited
/// longest. Items of one lane leave in the order in which they came. The worker must call [`FairQueue::done`] once for
/// each item, even if its work failed.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_types::SystemClock;
/// use passerby_workers::{FairQueue, WhenFull};
///
/// let queue = FairQueue::new("detect", Arc::new(SystemClock::new()));
/// for camera in [0, 1] {
///     queue.open(camera, 2, WhenFull::DropOldest);
/// }
/// for (camera, frame) in [(0, "a"), (0, "b"), (1, "c")] {
///     assert!(queue.send(camera, frame).is_queued());
/// }
/// let mut batch = Vec::new();
/// assert!(queue.recv_batch(2, &mut batch));
/// assert_eq!(batch, [(0, "a"), (1, "c")], "one of each camera, although both of camera 0 came first");
/// batch.iter().for_each(|(camera, _)| queue.done(*camera));
/// ```
pub struct FairQueue<T> {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    /// Notified if an item may be received or the queue was closed.
    filled: Condvar,
}

struct State<T> {
    lanes: BTreeMap<u32, Lane<T>>,
    closed: bool,
    /// Counts the items sent to all lanes. A smaller number has waited longer.
    order: u64,
}

struct Lane<T> {
    ring: Ring<T>,
    in_work: usize,
    held: bool,
    /// Notified if the lane has room or was closed.
    room: Arc<Condvar>,
}

impl<T> State<T> {
    /// Returns the lane that gives the next item, or `None` if no lane has one.
    fn next(&mut self) -> Option<(u32, &mut Lane<T>)> {
        self.lanes
            .iter_mut()
            .filter(|(_, lane)| !lane.held)
            .filter_map(|(id, lane)| Some(((lane.in_work, lane.ring.head()?), *id, lane)))
            .min_by_key(|(rank, ..)| *rank)
            .map(|(_, id, lane)| (id, lane))
    }
}

impl<T> FairQueue<T> {
    /// Creates a queue without lanes. It uses `clock` only to measure how long items wait.
    pub fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            state: Mutex::new(State { lanes: BTreeMap::new(), closed: false, order: 0 }),
            filled: Condvar::new(),
        }
    }

    /// Returns the name that the queue was created with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a lane for `capacity` items; 0 counts as 1.
    ///
    /// If the lane exists already, open or closed, it keeps its items and counts and follows the new rule. After
    /// [`FairQueue::close`] the new lane is closed.
    pub fn open(&self, lane: u32, capacity: usize, when_full: WhenFull) {
        let mut state = self.state.lock();
        let closed = state.closed;
        let lane = state.lanes.entry(lane).or_insert_with(|| Lane {
            ring: Ring::new(capacity, when_full),
            in_work: 0,
            held: false,
            room: Arc::new(Condvar::new()),
        });
        lane.ring.reopen(capacity, when_full);
        if closed {
            lane.ring.close();
        }
        lane.room.notify_all();
    }

    /// Closes a lane: its senders get `Closed`, including those that wait for room. Its items can still be received. Does
    /// nothing for an unknown lane.
    pub fn close_lane(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.ring.close();
            lane.room.notify_all();
        }
    }

    /// Closes and removes a lane together with its counts. Returns the items in it, oldest first, or an empty list for
    /// an unknown lane. Items in work stay with their workers.
    pub fn remove(&self, lane: u32) -> Vec<T> {
        let removed = self.state.lock().lanes.remove(&lane);
        removed.map_or_else(Vec::new, |mut lane| {
            lane.room.notify_all();
            lane.ring.drain()
        })
    }

    /// Adds an item at the end of a lane. Under [`WhenFull::Block`] this waits until the lane has room or is closed.
    /// Otherwise it never waits. Returns `Closed` for an unknown lane. Never returns `TimedOut`.
    pub fn send(&self, lane: u32, mut item: T) -> SendOutcome<T> {
        let mut state = self.state.lock();
        let mut waited_for: Option<Arc<Condvar>> = None;
        loop {
            let order = state.order;
            let Some(found) = state.lanes.get_mut(&lane) else {
                return SendOutcome::Closed(item);
            };
            // If the lane was removed and opened again during the wait, it is another lane.
            if waited_for.as_ref().is_some_and(|room| !Arc::ptr_eq(room, &found.room)) {
                return SendOutcome::Closed(item);
            }
            match found.ring.offer(item, order, self.clock.now()) {
                Ok(outcome) => {
                    state.order += 1;
                    drop(state);
                    if outcome.is_queued() {
                        self.filled.notify_one();
                    }
                    return outcome;
                }
                Err(back) => item = back,
            }
            let room = waited_for.get_or_insert_with(|| Arc::clone(&found.room));
            Deadline::NEVER.wait(room, &mut state);
        }
    }

    /// Waits until an item may be received, then empties `out` and fills it with the next items, each with its lane: at
    /// least one, at most `max` (0 counts as 1).
    ///
    /// Returns false, with `out` empty, if the queue is closed and no item is left. Items of a held lane do not count
    /// then; [`FairQueue::remove`] returns them.
    pub fn recv_batch(&self, max: usize, out: &mut Vec<(u32, T)>) -> bool {
        out.clear();
        let mut state = self.state.lock();
        loop {
            while out.len() < max.max(1)
                && let Some((id, lane)) = state.next()
                && let Some(item) = lane.ring.take(self.clock.now())
            {
                lane.in_work += 1;
                lane.room.notify_one();
                out.push((id, item));
            }
            if !out.is_empty() || state.closed {
                return !out.is_empty();
            }
            Deadline::NEVER.wait(&self.filled, &mut state);
        }
    }

    /// Notes that the work on one item of the lane is over. Does nothing for an unknown lane, or if its items are all
    /// done.
    pub fn done(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.in_work = lane.in_work.saturating_sub(1);
        }
    }

    /// Holds a lane: no item is received from it until [`FairQueue::release`]. For example, the pipeline holds the lane
    /// of a camera whose detection is stuck. Senders are not affected. Does nothing for an unknown lane.
    pub fn hold(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.held = true;
        }
    }

    /// Ends [`FairQueue::hold`]. Does nothing for an unknown lane, or if the lane is not held.
    pub fn release(&self, lane: u32) {
        if let Some(lane) = self.state.lock().lanes.get_mut(&lane) {
            lane.held = false;
        }
        self.filled.notify_all();
    }

    /// Closes all lanes, including those that are opened later, and wakes every thread that waits in the queue. Items in
    /// the queue can still be received.
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

    /// Returns true if [`FairQueue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Returns the counts of a lane, or `None` for an unknown lane.
    pub fn stats(&self, lane: u32) -> Option<QueueStats> {
        self.state.lock().lanes.get(&lane).map(|lane| lane.ring.stats())
    }

    /// Returns how many items of a lane were received and are not done; 0 for an unknown lane.
    pub fn in_work(&self, lane: u32) -> usize {
        self.state.lock().lanes.get(&lane).map_or(0, |lane| lane.in_work)
    }

    /// Returns how full the lanes are, 0 to 1: the mean of depth over capacity. Returns 0 if there are no lanes. A lane
    /// that is closed and empty does not count.
    pub fn fill(&self) -> f32 {
        let state = self.state.lock();
        let mut sum = 0.0;
        let mut lanes = 0.0;
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

impl<T> fmt::Debug for FairQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let lanes: Vec<_> = state.lanes.iter().map(|(id, lane)| (*id, lane.ring.stats())).collect();
        drop(state);
        f.debug_struct("FairQueue").field("name", &self.name).field("lanes", &lanes).finish_non_exhaustive()
    }
}
