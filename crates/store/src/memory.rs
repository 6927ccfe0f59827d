//! Observations in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby_types::{Observation, Sink, SinkError};

/// Keeps observations in memory, with everything in them, embeddings included. A clone shares them: give one to the
/// pipeline and keep the other to read.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Mutex<Shelf>>,
    capacity: Option<usize>,
}

#[derive(Default)]
struct Shelf {
    kept: VecDeque<Observation>,
    dropped: u64,
}

impl Memory {
    /// Keeps everything: memory grows with every frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the last `capacity` observations; each one beyond pushes out the oldest, which is counted
    /// ([`Memory::dropped`]).
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        Self { shared: Arc::default(), capacity: Some(capacity) }
    }

    /// A copy of what is kept, in the order in which it was written. Empty before the first write.
    #[must_use]
    pub fn observations(&self) -> Vec<Observation> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Takes out what is kept, in the order in which it was written. Empty where nothing was written since the
    /// last call.
    #[must_use]
    pub fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut self.lock().kept).into()
    }

    /// How many observations are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().kept.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many observations were pushed out by later ones.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // A panic while the lock is held leaves a valid list behind.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    /// Never fails.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        let mut shelf = self.lock();
        shelf.kept.extend(batch.iter().cloned());
        let over = self.capacity.map_or(0, |capacity| shelf.kept.len().saturating_sub(capacity));
        shelf.kept.drain(..over);
        shelf.dropped += over as u64;
        Ok(())
    }

    /// Does nothing: memory is as durable as it gets. Never fails.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// How much is kept, never what.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = self.lock();
        f.debug_struct("Memory")
            .field("kept", &shelf.kept.len())
            .field("dropped", &shelf.dropped)
            .field("capacity", &self.capacity)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite;

    use super::*;

    #[test]
    fn a_bounded_memory_keeps_the_newest_and_counts_the_rest() {
        let mut memory = Memory::bounded(3);
        let reader = memory.clone();
        let batch: Vec<_> = (0..5).map(|seq| suite::observation(0, seq)).collect();
        memory.write(&batch).unwrap();
        memory.write(&[suite::observation(0, 5)]).unwrap();
        let seqs: Vec<_> = reader.observations().iter().map(|o| o.meta.seq).collect();
        assert_eq!(seqs, [3, 4, 5]);
        assert_eq!((reader.dropped(), reader.len()), (3, 3));
        assert_eq!(format!("{reader:?}"), "Memory { kept: 3, dropped: 3, capacity: Some(3) }");
        assert_eq!(reader.take().len(), 3);
        assert!(memory.is_empty());
    }

    #[test]
    fn a_memory_of_nothing_keeps_nothing() {
        let mut memory = Memory::bounded(0);
        memory.write(&[suite::observation(0, 0)]).unwrap();
        assert!(memory.is_empty() && memory.dropped() == 1);
    }
}
