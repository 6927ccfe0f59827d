//! Puts items back in order.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use passerby_types::Timestamp;

use crate::ring::preallocated;

/// Takes numbered items in any order and gives them in the order of their numbers, the first of which is 0.
///
/// A number that does not come is gone past after a while: when any later item has waited `wait`, or more than
/// `window` of them wait. With `wait` [`Duration::MAX`] nothing is ever gone past, however many wait. Who knows that a
/// number will not come inserts an item that says so and saves the wait.
pub struct Reorder<T> {
    window: usize,
    wait: Duration,
    next: u64,
    skipped: u64,
    /// Rising numbers.
    waiting: VecDeque<Waiting<T>>,
}

struct Waiting<T> {
    seq: u64,
    since: Timestamp,
    item: T,
}

/// An item that came after its place was gone past or taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Late<T>(pub T);

impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Late")
    }
}

impl<T> fmt::Display for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its place was gone past or taken")
    }
}

impl<T> std::error::Error for Late<T> {}

impl<T> Reorder<T> {
    /// Empty. `window` items can wait for one before them; beyond that memory grows only under a `wait` without end,
    /// or where nobody pops.
    #[must_use]
    pub fn new(window: usize, wait: Duration) -> Self {
        let waiting = preallocated(window.saturating_add(1));
        Self { window, wait, next: 0, skipped: 0, waiting }
    }

    /// Takes an item in. Any number that is neither gone past nor there is fine, however far ahead.
    ///
    /// # Errors
    /// The item, where its number was given or gone past, or one with that number waits.
    pub fn insert(&mut self, seq: u64, item: T, now: Timestamp) -> Result<(), Late<T>> {
        let place = self.waiting.partition_point(|waiting| waiting.seq < seq);
        if seq < self.next || self.waiting.get(place).is_some_and(|waiting| waiting.seq == seq) {
            return Err(Late(item));
        }
        self.waiting.insert(place, Waiting { seq, since: now, item });
        Ok(())
    }

    /// The next item in order with its number, where it is there or its predecessors are not waited for any longer.
    /// Call it until it gives none.
    pub fn pop(&mut self, now: Timestamp) -> Option<(u64, T)> {
        let next = self.waiting.front()?.seq;
        if next != self.next && self.due().is_none_or(|due| now < due) {
            return None;
        }
        self.waiting.pop_front().map(|first| self.give(first))
    }

    /// When [`Reorder::pop`] would go past the numbers that are missing; a moment in the past where it would now.
    /// `None` where nothing waits, the next item is there, or nothing is ever gone past.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.wait == Duration::MAX || self.waiting.front()?.seq == self.next {
            return None;
        }
        let oldest = self.waiting.iter().map(|waiting| waiting.since).min()?;
        if self.waiting.len() > self.window {
            return Some(oldest);
        }
        Some(Timestamp(oldest.0.saturating_add(self.wait)))
    }

    /// How many numbers were gone past.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True where nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Nothing comes before this number any more, unless it waits already.
    pub fn go_past(&mut self, number: u64) {
        let first = self.waiting.front().map_or(number, |waiting| waiting.seq.min(number));
        self.next = self.next.max(first);
    }

    /// All that waits, in order, with its numbers; what is missing in between is gone past. What the caller leaves in
    /// the iterator stays here.
    pub fn flush(&mut self) -> impl Iterator<Item = (u64, T)> + '_ {
        std::iter::from_fn(|| self.waiting.pop_front().map(|first| self.give(first)))
    }

    fn give(&mut self, first: Waiting<T>) -> (u64, T) {
        self.skipped += first.seq - self.next;
        self.next = first.seq.saturating_add(1);
        (first.seq, first.item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Timestamp {
        Timestamp(Duration::from_millis(ms))
    }

    fn all<T>(reorder: &mut Reorder<T>, now: Timestamp) -> Vec<u64> {
        std::iter::from_fn(|| reorder.pop(now)).map(|(seq, _)| seq).collect()
    }

    #[test]
    fn a_gap_is_waited_for_and_then_gone_past() {
        let mut reorder = Reorder::new(4, Duration::from_millis(50));
        reorder.insert(1, "b", ms(0)).unwrap();
        reorder.insert(4, "e", ms(10)).unwrap();
        assert_eq!((reorder.due(), reorder.pop(ms(49))), (Some(ms(50)), None));
        reorder.insert(0, "a", ms(49)).unwrap();
        assert_eq!((reorder.due(), all(&mut reorder, ms(49))), (None, vec![0, 1]));
        assert_eq!((reorder.due(), reorder.skipped()), (Some(ms(60)), 0));
        reorder.insert(3, "d", ms(55)).unwrap();
        assert_eq!(all(&mut reorder, ms(59)), [0; 0]);
        assert_eq!(all(&mut reorder, ms(60)), [3, 4], "the one that waits longest decides");
        assert_eq!((reorder.skipped(), reorder.due(), reorder.is_empty()), (1, None, true));
        assert_eq!(reorder.insert(2, "c", ms(61)), Err(Late("c")));
        assert_eq!(reorder.insert(4, "e", ms(61)), Err(Late("e")));
    }

    #[test]
    fn more_than_the_window_is_not_waited_for() {
        let mut reorder = Reorder::new(2, Duration::from_secs(9));
        for seq in [9, 7, 8] {
            assert_eq!(all(&mut reorder, ms(0)), [0; 0]);
            reorder.insert(seq, (), ms(0)).unwrap();
        }
        assert_eq!(reorder.insert(8, (), ms(0)), Err(Late(())), "it waits already");
        assert_eq!(all(&mut reorder, ms(0)), [7, 8, 9]);
        assert_eq!(reorder.skipped(), 7);
        reorder.insert(u64::MAX, (), ms(0)).unwrap();
        reorder.insert(u64::MAX - 1, (), ms(0)).unwrap();
        assert_eq!((reorder.len(), reorder.pop(ms(1))), (2, None), "however far ahead");
        assert_eq!(reorder.flush().map(|(seq, ())| seq).collect::<Vec<_>>(), [u64::MAX - 1, u64::MAX]);
        assert_eq!(reorder.skipped(), u64::MAX - 4);
    }

    proptest! {
        /// Any order with anything missing: with time without end all comes in order, and nothing is lost.
        #[test]
        fn it_is_as_if_sorted(
            seqs in Just((0..60u64).collect::<Vec<_>>()).prop_shuffle(),
            missing in prop::collection::btree_set(0..60u64, 0..20),
        ) {
            let mut reorder = Reorder::new(4, Duration::MAX);
            let mut given = Vec::new();
            let mut there = std::collections::BTreeSet::new();
            for seq in seqs.into_iter().filter(|seq| !missing.contains(seq)) {
                reorder.insert(seq, seq * 7, ms(seq)).unwrap();
                there.insert(seq);
                while let Some((seq, item)) = reorder.pop(Timestamp(Duration::MAX)) {
                    prop_assert_eq!(item, seq * 7);
                    given.push(seq);
                }
                let run = (0..).take_while(|seq| there.contains(seq)).count() as u64;
                prop_assert_eq!(&given, &(0..run).collect::<Vec<_>>());
                prop_assert_eq!((reorder.due(), reorder.skipped()), (None, 0));
            }
            given.extend(reorder.flush().map(|(seq, _)| seq));
            prop_assert_eq!(given, there.iter().copied().collect::<Vec<_>>());
            let last = there.last().map_or(0, |last| last + 1);
            prop_assert_eq!(reorder.skipped(), last - there.len() as u64);
        }

        /// With an end to the wait: rising numbers, each item given once or told to be late, none kept beyond the
        /// wait or the window.
        #[test]
        fn nothing_waits_too_long_and_nothing_is_lost(
            window in 0..6usize,
            wait in 0..40u64,
            arrivals in prop::collection::vec((0..50u64, 0..10u64), 0..80),
        ) {
            let mut reorder = Reorder::new(window, Duration::from_millis(wait));
            let (mut now, mut next) = (0, 0);
            let (mut given, mut waiting) = (0, std::collections::BTreeMap::new());
            for (seq, later) in arrivals {
                now += later;
                let late = seq < next || waiting.contains_key(&seq);
                prop_assert_eq!(reorder.insert(seq, (), ms(now)).is_err(), late);
                if !late {
                    waiting.insert(seq, now);
                }
                while let Some((seq, ())) = reorder.pop(ms(now)) {
                    prop_assert!(seq >= next, "rising");
                    prop_assert_eq!(waiting.pop_first().map(|(seq, _)| seq), Some(seq), "the first that waits");
                    next = seq + 1;
                    given += 1;
                }
                prop_assert_eq!(reorder.len(), waiting.len());
                prop_assert!(waiting.len() <= window);
                prop_assert!(waiting.values().all(|since| now - since < wait));
                prop_assert_eq!(reorder.due(), waiting.values().min().map(|since| ms(since + wait)));
                prop_assert_eq!(reorder.skipped(), next - given);
            }
        }
    }
}
