//! Memory for what every frame needs anew, used again and again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// Emptied lists, to be filled again. Any thread takes and gives back.
pub(crate) struct Spares<T> {
    idle: Mutex<Vec<Vec<T>>>,
    keep: usize,
}

impl<T> Spares<T> {
    /// Keeps at most so many lists; what is given back beyond that is freed.
    pub(crate) fn new(keep: usize) -> Self {
        Self { idle: Mutex::new(Vec::with_capacity(keep)), keep }
    }

    /// An empty list.
    pub(crate) fn take(&self) -> Vec<T> {
        self.idle.lock().pop().unwrap_or_default()
    }

    /// Empties a list that is done with, and keeps its memory.
    pub(crate) fn give_back(&self, mut list: Vec<T>) {
        list.clear();
        let mut idle = self.idle.lock();
        if list.capacity() > 0 && idle.len() < self.keep {
            idle.push(list);
        }
    }
}

/// How many there are, never what was in them.
impl<T> fmt::Debug for Spares<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spares({} of {})", self.idle.lock().len(), self.keep)
    }
}

/// How many of the copies handed out longest ago are looked at before another one is made.
const LOOKS: usize = 4;

/// Copies that others share, written over once nobody else has them.
///
/// It has a hand on each: one that is dropped everywhere else stays as it is until its turn comes. One that somebody
/// keeps costs a new one, and is forgotten when there are too many.
pub(crate) struct Copies<T> {
    /// The one handed out longest ago first.
    out: VecDeque<Arc<T>>,
    most: usize,
}

impl<T: Clone> Copies<T> {
    /// Has a hand on at most so many copies; 0 counts as 1.
    pub(crate) fn new(most: usize) -> Self {
        Self { out: VecDeque::new(), most: most.max(1) }
    }

    /// A copy of the value, to be shared.
    pub(crate) fn copy(&mut self, value: &T) -> Arc<T> {
        for _ in 0..self.out.len().min(LOOKS) {
            let Some(mut oldest) = self.out.pop_front() else { break };
            let free = Arc::get_mut(&mut oldest).map(|copy| copy.clone_from(value)).is_some();
            self.out.push_back(Arc::clone(&oldest));
            if free {
                return oldest;
            }
        }
        if self.out.len() >= self.most {
            self.out.pop_front();
        }
        let new = Arc::new(value.clone());
        self.out.push_back(Arc::clone(&new));
        new
    }

    /// Forgets all copies: there is no use for another one.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_given_back_is_empty_and_has_its_memory() {
        let spares = Spares::new(1);
        let mut list = spares.take();
        list.extend([1, 2, 3]);
        let place = list.as_ptr();
        spares.give_back(list);
        spares.give_back(vec![4]);
        spares.give_back(Vec::new());
        let again = spares.take();
        assert!(again.is_empty() && again.as_ptr() == place);
        assert_eq!((again.len(), spares.take().capacity()), (0, 0), "one is kept and no more");
    }

    #[test]
    fn a_copy_that_somebody_has_is_never_written_over() {
        let mut copies = Copies::new(3);
        let mut kept = Vec::new();
        let mut places = std::collections::BTreeSet::new();
        for round in 0..100 {
            let copy = copies.copy(&vec![round; 4]);
            places.insert(Arc::as_ptr(&copy));
            if round % 10 == 0 {
                kept.push((round, copy));
            }
            assert!(kept.iter().all(|(round, copy)| **copy == [*round; 4]));
            assert!(copies.out.len() <= 3);
        }
        assert!(
            places.len() <= 10 + 3,
            "{}: each one kept costs one, and the rest are the same few",
            places.len()
        );
        copies.clear();
        assert!(kept.iter().all(|(_, copy)| Arc::strong_count(copy) == 1));
    }
}
