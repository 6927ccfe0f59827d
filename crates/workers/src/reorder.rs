//! Puts numbered items back in order.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use passerby_types::Timestamp;

use crate::ring::preallocated;

/// A buffer that accepts numbered items in any order and returns them by rising number, from 0.
///
/// It skips a missing number if any later item has waited for the timeout, or if more than `window` items wait. If the
/// timeout is [`Duration::MAX`], it never skips a number, however many items wait. A caller that knows that a number will
/// not come should insert an item that says so, or call [`ReorderBuffer::skip_to`]: then nothing waits for it.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_types::Timestamp;
/// use passerby_workers::ReorderBuffer;
///
/// let now = Timestamp(Duration::ZERO);
/// let mut buffer = ReorderBuffer::new(8, Duration::from_millis(50));
/// buffer.insert(1, "second", now)?;
/// assert_eq!(buffer.pop(now), None, "the first is missing");
/// buffer.insert(0, "first", now)?;
/// assert_eq!(buffer.pop(now), Some((0, "first")));
/// assert_eq!(buffer.pop(now), Some((1, "second")));
/// # Ok::<(), passerby_workers::LateItem<&str>>(())
/// ```
pub struct ReorderBuffer<T> {
    window: usize,
    timeout: Duration,
    next: u64,
    skipped: u64,
    /// By rising number.
    waiting: VecDeque<Waiting<T>>,
}

struct Waiting<T> {
    seq: u64,
    inserted_at: Timestamp,
    item: T,
}

/// The error of [`ReorderBuffer::insert`]: the item came after its number was returned or skipped, or twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LateItem<T>(pub T);

impl<T> fmt::Debug for LateItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateItem")
    }
}

impl<T> fmt::Display for LateItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the item's number was returned, skipped or inserted before")
    }
}

impl<T> std::error::Error for LateItem<T> {}

impl<T> ReorderBuffer<T> {
    /// Creates an empty buffer in which `window` items can wait for an earlier one. It needs more memory only if `timeout`
    /// is [`Duration::MAX`] or the caller does not call [`ReorderBuffer::pop`].
    #[must_use]
    pub fn new(window: usize, timeout: Duration) -> Self {
        let waiting = preallocated(window.saturating_add(1));
        Self { window, timeout, next: 0, skipped: 0, waiting }
    }

    /// Adds an item. Any number is accepted that was not returned, skipped or inserted before, however far ahead.
    ///
    /// # Errors
    /// [`LateItem`] with the item otherwise. The caller should count it as lost.
    pub fn insert(&mut self, seq: u64, item: T, now: Timestamp) -> Result<(), LateItem<T>> {
        let place = self.waiting.partition_point(|waiting| waiting.seq < seq);
        if seq < self.next || self.waiting.get(place).is_some_and(|waiting| waiting.seq == seq) {
            return Err(LateItem(item));
        }
        self.waiting.insert(place, Waiting { seq, inserted_at: now, item });
        Ok(())
    }

    /// Removes and returns the next item and its number. Returns `None` if no item waits, or if an earlier one is missing
    /// and need not be skipped yet. Call it until it returns `None`.
    pub fn pop(&mut self, now: Timestamp) -> Option<(u64, T)> {
        let next = self.waiting.front()?.seq;
        if next != self.next && self.due().is_none_or(|due| now < due) {
            return None;
        }
        self.waiting.pop_front().map(|first| self.release(first))
    }

    /// Returns when [`ReorderBuffer::pop`] will skip the missing numbers, which may be in the past. Returns `None` if no
    /// item waits, if the next item is there, or if the timeout is [`Duration::MAX`].
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.timeout == Duration::MAX || self.waiting.front()?.seq == self.next {
            return None;
        }
        let oldest = self.waiting.iter().map(|waiting| waiting.inserted_at).min()?;
        if self.waiting.len() > self.window {
            return Some(oldest);
        }
        Some(Timestamp(oldest.0.saturating_add(self.timeout)))
    }

    /// Returns how many numbers were skipped because they did not come. Those of [`ReorderBuffer::skip_to`] do not count.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns how many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns true if no item waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns the number of the item that comes next.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Skips all numbers below `seq` that are missing before the first item that waits.
    pub fn skip_to(&mut self, seq: u64) {
        let first = self.waiting.front().map_or(seq, |waiting| waiting.seq.min(seq));
        self.next = self.next.max(first);
    }

    /// Returns an iterator that removes all items by rising number and skips the missing numbers. Items that the caller
    /// does not take from the iterator stay in the buffer.
    pub fn flush(&mut self) -> impl Iterator<Item = (u64, T)> + '_ {
        std::iter::from_fn(|| self.waiting.pop_front().map(|first| self.release(first)))
    }

    fn release(&mut self, first: Waiting<T>) -> (u64, T) {
        self.skipped += first.seq - self.next;
        self.next = first.seq.saturating_add(1);
        (first.seq, first.item)
    }
}

impl<T> fmt::Debug for ReorderBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u64> = self.waiting.iter().map(|waiting| waiting.seq).collect();
        f.debug_struct("ReorderBuffer")
            .field("next", &self.next)
            .field("waiting", &numbers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Timestamp {
        Timestamp(Duration::from_millis(ms))
    }

    fn all<T>(reorder: &mut ReorderBuffer<T>, now: Timestamp) -> Vec<u64> {
        std::iter::from_fn(|| reorder.pop(now)).map(|(seq, _)| seq).collect()
    }

    #[test]
    fn a_gap_is_skipped_after_the_timeout() {
        let mut reorder = ReorderBuffer::new(4, Duration::from_millis(50));
        reorder.insert(1, "b", ms(0)).unwrap();
        reorder.insert(4, "e", ms(10)).unwrap();
        assert_eq!((reorder.due(), reorder.pop(ms(49))), (Some(ms(50)), None));
        reorder.insert(0, "a", ms(49)).unwrap();
        assert_eq!((reorder.due(), all(&mut reorder, ms(49))), (None, vec![0, 1]));
        assert_eq!((reorder.due(), reorder.skipped()), (Some(ms(60)), 0));
        reorder.insert(3, "d", ms(55)).unwrap();
        assert_eq!(all(&mut reorder, ms(59)), [0; 0]);
        assert_eq!(all(&mut reorder, ms(60)), [3, 4], "the item that has waited longest decides");
        assert_eq!((reorder.skipped(), reorder.due(), reorder.is_empty()), (1, None, true));
        assert_eq!(reorder.insert(2, "c", ms(61)), Err(LateItem("c")));
        assert_eq!(reorder.insert(4, "e", ms(61)), Err(LateItem("e")));
    }

    #[test]
    fn a_gap_is_skipped_when_the_window_is_full() {
        let mut reorder = ReorderBuffer::new(2, Duration::from_secs(9));
        for seq in [9, 7, 8] {
            assert_eq!(all(&mut reorder, ms(0)), [0; 0]);
            reorder.insert(seq, (), ms(0)).unwrap();
        }
        assert_eq!(reorder.insert(8, (), ms(0)), Err(LateItem(())), "it waits already");
        assert_eq!(all(&mut reorder, ms(0)), [7, 8, 9]);
        assert_eq!(reorder.skipped(), 7);
    }

    #[test]
    fn any_number_ahead_is_accepted() {
        let mut reorder = ReorderBuffer::new(2, Duration::from_secs(9));
        reorder.insert(u64::MAX, (), ms(0)).unwrap();
        reorder.insert(u64::MAX - 1, (), ms(0)).unwrap();
        assert_eq!((reorder.len(), reorder.pop(ms(1))), (2, None));
        assert_eq!(reorder.flush().map(|(seq, ())| seq).collect::<Vec<_>>(), [u64::MAX - 1, u64::MAX]);
        assert_eq!(reorder.skipped(), u64::MAX - 1);
    }

    proptest! {
        /// Without a timeout, any order with any gaps comes out sorted, and no item is lost.
        #[test]
        fn without_a_timeout_it_sorts(
            seqs in Just((0..60u64).collect::<Vec<_>>()).prop_shuffle(),
            missing in prop::collection::btree_set(0..60u64, 0..20),
        ) {
            let mut reorder = ReorderBuffer::new(4, Duration::MAX);
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

        /// With a timeout, numbers rise, each item is returned once or is late, and none is kept beyond the timeout or the
        /// window.
        #[test]
        fn each_item_is_returned_in_time_or_late(
            window in 0..6usize,
            wait in 0..40u64,
            arrivals in prop::collection::vec((0..50u64, 0..10u64), 0..80),
        ) {
            let mut reorder = ReorderBuffer::new(window, Duration::from_millis(wait));
            let mut now = 0;
            let mut next = 0;
            let mut given = 0;
            let mut waiting = std::collections::BTreeMap::new();
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
