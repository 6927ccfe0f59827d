//! Numbers of which nothing will come.

use parking_lot::Mutex;

/// Numbers of which nothing will come, as runs `from..to` that do not touch, by rising number. Told by any thread, and
/// taken out by the one that counts past them.
///
/// Takes little memory however many are gone: between two runs lies a number of which something may still come.
#[derive(Default)]
pub(crate) struct SkippedSeqs(Mutex<Vec<(u64, u64)>>);

impl SkippedSeqs {
    /// Nothing will come of this number.
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

    /// The first number from this one on that is not gone. What is gone before it is forgotten.
    pub(crate) fn past(&self, number: u64) -> u64 {
        let mut runs = self.0.lock();
        let done = runs.partition_point(|(from, _)| *from <= number);
        runs.drain(..done).map(|(_, to)| to).next_back().unwrap_or(0).max(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_as_a_set(gone in Just((0..30u64).collect::<Vec<_>>()).prop_shuffle(), n in 0..30usize, from in 0..31u64) {
            let runs = SkippedSeqs::default();
            gone[..n].iter().for_each(|number| runs.add(*number));
            let set: std::collections::BTreeSet<u64> = gone[..n].iter().copied().collect();
            let first = |from: u64| (from..).find(|number| !set.contains(number)).unwrap();
            let held = (0..30).filter(|i| set.contains(i) && !(*i > 0 && set.contains(&(i - 1)))).count();
            prop_assert_eq!(runs.0.lock().len(), held);
            prop_assert_eq!(runs.past(from), first(from));
            prop_assert_eq!(runs.past(first(from)), first(from));
        }
    }
}
