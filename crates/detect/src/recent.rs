//! A few things that are dear to make, the most recently used ones kept.

/// At most `capacity` values by key; a new one takes the place of the one not used for the longest time.
pub(crate) struct Recent<K, V> {
    /// The most recently used one last.
    entries: Vec<(K, V)>,
    capacity: usize,
}

impl<K: PartialEq, V> Recent<K, V> {
    /// None yet. A capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Vec::new(), capacity: capacity.max(1) }
    }

    /// The value of `key`, made where there is none.
    pub(crate) fn get_or_make<E>(
        &mut self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&mut V, E> {
        let entry = match self.entries.iter().position(|(k, _)| *k == key) {
            Some(at) => self.entries.remove(at),
            None => {
                // Room first: the value that goes and the new one are never both in memory.
                if self.entries.len() >= self.capacity {
                    self.entries.remove(0);
                }
                (key, make()?)
            }
        };
        Ok(&mut self.entries.push_mut(entry).1)
    }

    /// The values, the most recently used one last.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes() {
        let mut made = Vec::new();
        let mut recent = Recent::new(2);
        for key in [1, 2, 1, 3, 1, 2] {
            let value = recent.get_or_make(key, || {
                made.push(key);
                Ok::<_, ()>(key * 10)
            });
            assert_eq!(value, Ok(&mut (key * 10)));
        }
        assert_eq!(made, [1, 2, 3, 2], "1 was used in between, 2 was not");
        assert_eq!(recent.entries.len(), 2);
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let mut recent = Recent::new(0);
        assert_eq!(recent.get_or_make(1, || Err::<u8, _>("no")), Err("no"));
        assert_eq!(recent.get_or_make(1, || Ok::<_, ()>(7)), Ok(&mut 7));
        assert_eq!(recent.capacity, 1);
    }
}
