//! The units inside a decoder.

use std::collections::VecDeque;

/// The most units that may be inside a decoder. It is more than any decoder holds back.
const MAX_INSIDE: usize = 64;

/// The units inside a decoder, each with something that belongs to its picture. The key is the time stamp with which a decoder
/// returns the unit's picture.
pub(crate) struct UnitsInside<K, T>(VecDeque<(K, T)>);

impl<K, T> Default for UnitsInside<K, T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(MAX_INSIDE))
    }
}

impl<K: PartialEq, T> UnitsInside<K, T> {
    /// Adds a unit before it is decoded.
    pub(crate) fn enter(&mut self, key: K, content: T) {
        // The oldest ones gave no picture.
        if self.0.len() >= MAX_INSIDE {
            self.0.pop_front();
        }
        self.0.push_back((key, content));
    }

    /// Returns the content of the unit that was added last.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.0.back_mut().map(|(_, content)| content)
    }

    /// Removes the unit that was added last, because it gives no picture.
    pub(crate) fn remove_last(&mut self) {
        self.0.pop_back();
    }

    /// Removes the unit with this key, and returns its content. Of units with the same key, the first one leaves first. Returns
    /// `None` if the unit is not inside.
    pub(crate) fn leave(&mut self, key: &K) -> Option<T> {
        let at = self.0.iter().position(|(own, _)| own == key)?;
        self.0.remove(at).map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_finds_its_unit() {
        let mut inside = UnitsInside::default();
        for (key, name) in [30, 10, 10].into_iter().zip('a'..) {
            inside.enter(key, name);
        }
        let left: Vec<_> = [10, 10, 10, 30].iter().map(|key| inside.leave(key)).collect();
        assert_eq!(left, [Some('b'), Some('c'), None, Some('a')]);
    }

    #[test]
    fn units_without_a_picture_do_not_pile_up() {
        let mut inside = UnitsInside::default();
        (0..=MAX_INSIDE).for_each(|key| inside.enter(key, 0));
        assert_eq!([inside.leave(&0), inside.leave(&1)], [None, Some(0)]);
        *inside.last_mut().expect("a unit") = 7;
        inside.remove_last();
        assert_eq!(inside.leave(&MAX_INSIDE), None);
    }
}
