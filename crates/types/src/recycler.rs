//! A bounded store of idle values, so that a steady stream of frames allocates nothing.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded store of idle values that are handed out and given back. Any thread may do either.
///
/// A value keeps its memory while it is idle, so the next user does not allocate it again. The recycler never makes a
/// value by itself: if it is empty, [`Recycler::take`] returns `None`, and the other methods start with a new value.
///
/// There are two further uses with methods of their own: lists (`Recycler<Vec<T>>`) and shared values
/// (`Recycler<Arc<T>>`).
///
/// ```
/// use passerby_types::Recycler;
///
/// let lists = Recycler::new(8);
/// let mut list = lists.take_list();
/// list.extend([1, 2, 3]);
/// let memory = list.as_ptr();
/// lists.give_back_list(list);
///
/// let again = lists.take_list();
/// assert!(again.is_empty());
/// assert_eq!(again.as_ptr(), memory);
/// ```
pub struct Recycler<T> {
    idle: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> Recycler<T> {
    /// Creates an empty recycler that keeps at most `capacity` idle values. With 0 it keeps none.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { idle: Mutex::new(VecDeque::with_capacity(capacity)), capacity }
    }

    /// Returns the value that was given back last, as it was then, or `None` if no value is idle.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.lock().pop_back()
    }

    /// Keeps the value for the next [`Recycler::take`]. Drops it if the recycler is full.
    pub fn give_back(&self, value: T) {
        let mut idle = self.lock();
        if idle.len() < self.capacity {
            idle.push_back(value);
        }
    }

    /// Returns the number of values in the store.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().len()
    }

    /// Drops every value in the store.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // A panic while the lock is held leaves a valid list of values behind.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Recycler<Vec<T>> {
    /// Returns an empty list, with the memory of an earlier one if a list is idle.
    #[must_use]
    pub fn take_list(&self) -> Vec<T> {
        self.take().unwrap_or_default()
    }

    /// Empties the list and keeps its memory. Drops a list that never had any memory.
    pub fn give_back_list(&self, mut list: Vec<T>) {
        list.clear();
        if list.capacity() > 0 {
            self.give_back(list);
        }
    }
}

/// How many of its oldest copies [`Recycler::share_copy`] examines before it makes another one.
const COPIES_EXAMINED: usize = 4;

impl<T> Recycler<Arc<T>> {
    /// Puts the value into an idle `Arc`, or into a new one if none is idle.
    #[must_use]
    pub fn share(&self, value: T) -> Arc<T> {
        let Some(mut shared) = self.take() else { return Arc::new(value) };
        match Arc::get_mut(&mut shared) {
            Some(place) => *place = value,
            None => shared = Arc::new(value),
        }
        shared
    }

    /// Empties the value with `empty` and keeps its `Arc` for [`Recycler::share`]. If another handle to the value
    /// exists, this only drops `shared`.
    pub fn give_back_shared(&self, mut shared: Arc<T>, empty: impl FnOnce(&mut T)) {
        if let Some(value) = Arc::get_mut(&mut shared) {
            empty(value);
            self.give_back(shared);
        }
    }

    /// Returns a shared copy of the value. If an earlier copy has no other holder any more, the new copy is written
    /// over it with [`Clone::clone_from`].
    ///
    /// Callers never give a copy back: the recycler keeps a handle to each of its latest copies, and examines the
    /// oldest of them. A copy that a caller keeps costs a new one, and the recycler forgets it when it is full. Do not
    /// mix this with [`Recycler::share`] in one recycler.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use passerby_types::Recycler;
    ///
    /// let copies = Recycler::new(8);
    /// let first = copies.share_copy(&vec![1, 2]);
    /// let second = copies.share_copy(&vec![3, 4]);
    /// assert_eq!((*first).clone(), [1, 2]);
    ///
    /// let memory = Arc::as_ptr(&first);
    /// drop(first);
    /// let third = copies.share_copy(&vec![5, 6]);
    /// assert_eq!(Arc::as_ptr(&third), memory);
    /// assert_eq!(*second, [3, 4]);
    /// ```
    #[must_use]
    pub fn share_copy(&self, value: &T) -> Arc<T>
    where
        T: Clone,
    {
        let mut copies = self.lock();
        for _ in 0..copies.len().min(COPIES_EXAMINED) {
            let Some(mut oldest) = copies.pop_front() else { break };
            let unused = Arc::get_mut(&mut oldest).map(|copy| copy.clone_from(value)).is_some();
            copies.push_back(Arc::clone(&oldest));
            if unused {
                return oldest;
            }
        }
        if copies.len() >= self.capacity {
            copies.pop_front();
        }
        let new = Arc::new(value.clone());
        if self.capacity > 0 {
            copies.push_back(Arc::clone(&new));
        }
        new
    }
}

/// Prints how many values are idle, never the values.
impl<T> fmt::Debug for Recycler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recycler({} of {})", self.idle(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{ColorSpace, FramePool, Image, PixelLayout};

    #[test]
    fn a_value_comes_back_as_it_was() {
        let recycler = Recycler::new(2);
        assert_eq!(recycler.take(), None);
        recycler.give_back("first");
        recycler.give_back("second");
        recycler.give_back("too many");
        assert_eq!(format!("{recycler:?}"), "Recycler(2 of 2)");
        assert_eq!(
            (recycler.take(), recycler.take(), recycler.take()),
            (Some("second"), Some("first"), None)
        );
    }

    #[test]
    fn a_list_keeps_its_memory() {
        let lists = Recycler::new(1);
        let mut list = lists.take_list();
        list.extend([1, 2, 3]);
        let memory = list.as_ptr();
        lists.give_back_list(list);
        lists.give_back_list(vec![4]);
        lists.give_back_list(Vec::new());
        let again = lists.take_list();
        assert!(again.is_empty() && again.as_ptr() == memory);
        assert_eq!((again.len(), lists.take_list().capacity()), (0, 0), "the recycler keeps one list");
    }

    #[test]
    fn an_image_without_holders_is_recycled() {
        let images = Recycler::new(1);
        let pool = FramePool::new(1);
        let image = || Image::new_in(&pool, PixelLayout::Gray8, 4, 2, ColorSpace::JPEG).unwrap();
        let first = images.share(image());
        let place = Arc::as_ptr(&first);
        let other = Arc::clone(&first);
        images.give_back_image(first);
        assert_eq!((other.width(), other.plane(0).row(1).len()), (4, 4), "the other handle keeps its pixels");
        images.give_back_image(other);
        let second = images.share(image());
        assert_eq!((Arc::as_ptr(&second), second.height()), (place, 2));
        assert_eq!((pool.stats().allocated, pool.stats().reused), (1, 1));
        let third = images.share(image());
        images.give_back_image(second);
        images.give_back_image(third);
        assert_eq!(images.idle(), 1);
    }

    #[test]
    fn a_copy_with_a_holder_is_never_written_over() {
        let copies = Recycler::new(3);
        let mut kept = Vec::new();
        let mut places = BTreeSet::new();
        for round in 0..100 {
            let copy = copies.share_copy(&vec![round; 4]);
            places.insert(Arc::as_ptr(&copy));
            if round % 10 == 0 {
                kept.push((round, copy));
            }
            assert!(kept.iter().all(|(round, copy)| **copy == [*round; 4]));
            assert!(copies.idle() <= 3);
        }
        // Each copy that is kept costs one, and the others are the same few.
        assert!(places.len() <= 10 + 3, "{}", places.len());
        copies.clear();
        assert!(kept.iter().all(|(_, copy)| Arc::strong_count(copy) == 1));
    }

    #[test]
    fn a_recycler_without_capacity_still_makes_copies() {
        let copies = Recycler::new(0);
        assert_eq!(*copies.share_copy(&7), 7);
        assert_eq!(copies.idle(), 0);
    }
}
