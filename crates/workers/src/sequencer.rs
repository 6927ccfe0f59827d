//! Lets threads work in one order, whichever of them is faster.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Gives members their turns by rising number, and by rising key among equal numbers. For example, the pipeline's lossless
/// cameras update the gallery by (frame, camera), so that its contents do not depend on thread timing.
///
/// Each member must call [`wait_turn`](Sequencer::wait_turn) and then [`end_turn`](Sequencer::end_turn) with its own
/// rising numbers from 0, and [`leave`](Sequencer::leave) at its end. A member may leave out numbers. A
/// member that joins later starts at the number at which the others are.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use passerby_workers::Sequencer;
///
/// let turns = Sequencer::new();
/// turns.join("a");
/// turns.join("b");
/// let start = Instant::now();
/// let wait = |member, timeout| turns.wait_turn(member, 0, timeout, || Some(start));
/// assert!(wait("a", Duration::MAX));
/// turns.end_turn("a", 0);
/// assert!(wait("b", Duration::MAX), "a is past its turn 0");
/// ```
pub struct Sequencer<K> {
    members: Mutex<BTreeMap<K, Place>>,
    changed: Condvar,
}

#[derive(Clone, Copy)]
struct Place {
    /// The number at which the others were when the member joined.
    first: u64,
    at: u64,
    /// True if another member's wait for this one timed out. No member waits for it until it comes.
    absent: bool,
}

impl Place {
    fn move_to(&mut self, number: u64) {
        self.at = self.first.saturating_add(number);
        self.absent = false;
    }
}

impl<K: Ord + Copy> Sequencer<K> {
    /// Creates a sequencer without members.
    #[must_use]
    pub fn new() -> Self {
        Self { members: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a member, which starts at the smallest number at which the present members are.
    pub fn join(&self, key: K) {
        let mut members = self.members.lock();
        let first = members.values().filter(|p| !p.absent).map(|p| p.at).min().unwrap_or(0);
        members.insert(key, Place { first, at: first, absent: false });
    }

    /// Waits until no other member can have an earlier turn. Returns true if so, or at once if `key` is unknown.
    ///
    /// Returns false after `timeout`: the caller takes its turn anyway, and no member waits again for those that are
    /// behind until they come. `resumed` returns the moment from which the timeout counts if that is later than the
    /// call, or `None` while the time must not count, for example while a pipeline is paused.
    pub fn wait_turn(
        &self,
        key: K,
        number: u64,
        timeout: Duration,
        resumed: impl Fn() -> Option<Instant>,
    ) -> bool {
        let mut members = self.members.lock();
        let Some(place) = members.get_mut(&key) else { return true };
        place.move_to(number);
        let mine = (place.at, key);
        self.changed.notify_all();
        let mut end = Instant::now().checked_add(timeout);
        let earlier = |(id, place): (&K, &Place)| (place.at, *id) < mine && !place.absent;
        while members.contains_key(&key) && members.iter().any(earlier) {
            match end {
                Some(time) => {
                    if self.changed.wait_until(&mut members, time).timed_out() {
                        let later = resumed().unwrap_or_else(Instant::now).checked_add(timeout);
                        if later.is_none_or(|later| later > time) {
                            end = later;
                            continue;
                        }
                        let late = members.iter_mut().filter(|(id, place)| (place.at, **id) < mine);
                        late.for_each(|(_, place)| place.absent = true);
                        self.changed.notify_all();
                        return false;
                    }
                }
                None => self.changed.wait(&mut members),
            }
        }
        true
    }

    /// Ends the member's turn. Does nothing if `key` is unknown.
    pub fn end_turn(&self, key: K, number: u64) {
        if let Some(place) = self.members.lock().get_mut(&key) {
            place.move_to(number.saturating_add(1));
            self.changed.notify_all();
        }
    }

    /// Removes a member. The others do not wait for it any more. Does nothing if `key` is unknown.
    pub fn leave(&self, key: K) {
        self.members.lock().remove(&key);
        self.changed.notify_all();
    }
}

impl<K: Ord + Copy> Default for Sequencer<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug> fmt::Debug for Sequencer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.lock();
        f.debug_map().entries(members.iter().map(|(key, place)| (key, place.at))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const SHORT_TIMEOUT: Duration = Duration::from_millis(1);

    #[test]
    fn turns_come_by_number_then_key() {
        let turns = Arc::new(Sequencer::new());
        let start = Some(Instant::now());
        let order = Arc::new(Mutex::new(Vec::new()));
        // Member 1 leaves out turn 3, and member 2 ends early.
        let numbers = [vec![0, 1, 2, 3, 4, 5], vec![0, 1, 2, 4, 5], vec![0, 1]];
        (0..3).for_each(|key| turns.join(key));
        let threads: Vec<_> = (0..3)
            .zip(numbers)
            .map(|(key, numbers)| {
                let turns = Arc::clone(&turns);
                let order = Arc::clone(&order);
                let take = move || {
                    for number in numbers {
                        assert!(turns.wait_turn(key, number, Duration::MAX, || start));
                        order.lock().push((number, key));
                        turns.end_turn(key, number);
                    }
                    turns.leave(key);
                };
                thread::Builder::new().spawn(take).unwrap()
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        let order = Arc::into_inner(order).unwrap().into_inner();
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order.len(), 13);
    }

    #[test]
    fn an_absent_member_is_waited_for_once() {
        let turns = Sequencer::new();
        let start = Some(Instant::now());
        turns.join(0);
        turns.join(1);
        assert!(!turns.wait_turn(1, 0, SHORT_TIMEOUT, || start));
        assert!(turns.wait_turn(1, 1, Duration::MAX, || start), "not a second time");
        assert!(turns.wait_turn(0, 0, Duration::MAX, || start));
        assert!(!turns.wait_turn(1, 2, SHORT_TIMEOUT, || start), "it came, so it is waited for again");
    }

    #[test]
    fn a_key_that_did_not_join_has_its_turn_at_once() {
        let turns = Sequencer::new();
        turns.join(0);
        assert!(turns.wait_turn(7, 0, Duration::MAX, || None));
    }

    #[test]
    fn a_late_member_starts_where_the_others_are() {
        let turns = Sequencer::new();
        let start = Some(Instant::now());
        turns.join(0);
        turns.join(1);
        turns.end_turn(0, 9);
        turns.end_turn(1, 1);
        turns.join(2);
        assert!(turns.wait_turn(1, 2, Duration::MAX, || start));
    }
}
