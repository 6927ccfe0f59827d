//! A small LRU cache.

/// Keeps at most `capacity` values by key. A new value replaces the least recently used one.
pub(crate) struct LruCache<K, V> {
    /// The entries; the most recently used one is last.
    entries: Vec<(K, V)>,
    capacity: usize,
}

impl<K: PartialEq, V> LruCache<K, V> {
    /// Creates an empty cache. A capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Vec::new(), capacity: capacity.max(1) }
    }

    /// Returns the value of `key`, and makes it if it is missing. If `make` fails, returns its error and keeps no value.
    pub(crate) fn get_or_insert_with<E>(
        &mut self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<&mut V, E> {
        let entry = match self.entries.iter().position(|(k, _)| *k == key) {
            Some(at) => self.entries.remove(at),
            None => {
                // The old value goes first, so that both are never in memory together.
                if self.entries.len() >= self.capacity {
                    self.entries.remove(0);
                }
                (key, make()?)
            }
        };
        Ok(&mut self.entries.push_mut(entry).1)
    }

    /// Returns the values, the most recently used one last.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_value_goes() {
        let mut made = Vec::new();
        let mut cache = LruCache::new(2);
        for key in [1, 2, 1, 3, 1, 2] {
            let value = cache.get_or_insert_with(key, || {
                made.push(key);
                Ok::<_, ()>(key * 10)
            });
            assert_eq!(value, Ok(&mut (key * 10)));
        }
        assert_eq!(made, [1, 2, 3, 2], "1 was used in between, 2 was not");
        assert_eq!(cache.entries.len(), 2);
    }

    #[test]
    fn a_failure_leaves_no_value() {
        let mut cache = LruCache::new(2);
        assert_eq!(cache.get_or_insert_with(1, || Err::<u8, _>("no")), Err("no"));
        assert_eq!(cache.get_or_insert_with(1, || Ok::<_, ()>(7)), Ok(&mut 7));
    }

    #[test]
    fn a_capacity_of_zero_counts_as_one() {
        let mut cache = LruCache::new(0);
        assert_eq!(cache.capacity, 1);
        assert_eq!(cache.get_or_insert_with(1, || Ok::<_, ()>(7)), Ok(&mut 7));
    }
}
