//! The numbers that were skipped.

use parking_lot::Mutex;

/// The numbers of which no item will come. Any thread adds to them; the thread that counts past them takes them out.
///
/// They are kept as runs `from..to` that do not touch, by rising number, so memory stays small however many are skipped:
/// between two runs lies a number of which an item may still come.
#[derive(Default)]
pub(crate) struct SkippedSeqs(Mutex<Vec<(u64, u64)>>);

impl SkippedSeqs {
    /// Adds a number.
    pub(crate) fn add(&self, number: u64) {
        let mut runs = self.0.lock();
        let place = runs.partition_point(|(from, _)| *from <= number);
        let joins_next = runs.get(place).is_some_and(|(from, _)| *from == number + 1);
        let before = place.checked_sub(1).filter(|before| runs[*before].1 >= number);
        match (before, joins_next) {
            (Some(before), true) => runs[before].1 = runs.remove(place).1,
            (Some(before), false) => runs[before].1 = runs[before].1.max(number + 1),
            (None, true) => runs[place].0 = number,
            (None, false) => runs.insert(place, (number, number + 1)),
        }
    }

    /// Returns the first number from `number` on that was not skipped, and forgets the skipped ones before it.
    pub(crate) fn first_from(&self, number: u64) -> u64 {
        let mut runs = self.0.lock();
        let done = runs.partition_point(|(from, _)| *from <= number);
        runs.drain(..done).map(|(_, to)| to).next_back().unwrap_or(0).max(number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_runs_hold_the_same_numbers_as_a_set(
            numbers in Just((0..30u64).collect::<Vec<_>>()).prop_shuffle(),
            n in 0..30usize,
            from in 0..31u64,
        ) {
            let runs = SkippedSeqs::default();
            numbers[..n].iter().for_each(|number| runs.add(*number));
            let set: BTreeSet<u64> = numbers[..n].iter().copied().collect();
            let first = |from: u64| (from..).find(|number| !set.contains(number)).unwrap();
            let held = (0..30).filter(|i| set.contains(i) && !(*i > 0 && set.contains(&(i - 1)))).count();
            prop_assert_eq!(runs.0.lock().len(), held);
            prop_assert_eq!(runs.first_from(from), first(from));
            prop_assert_eq!(runs.first_from(first(from)), first(from));
        }
    }
}
