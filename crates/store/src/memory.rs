//! Observations in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby_types::{Observation, Sink, SinkError};

/// Keeps observations in memory, with all their data, including embeddings.
///
/// A clone shares the observations: give one to the pipeline and keep the other to read.
///
/// ```
/// use passerby_store::Memory;
/// use passerby_types::{FrameMeta, Observation, Sink};
///
/// let mut sink = Memory::bounded(2);
/// let reader = sink.clone();
/// for seq in 0..3 {
///     sink.write(&[Observation::new(FrameMeta::new(0, seq), 640, 360)])?;
/// }
/// assert_eq!((reader.len(), reader.dropped()), (2, 1));
/// assert_eq!(reader.take()[0].meta.seq, 1);
/// # Ok::<(), passerby_types::SinkError>(())
/// ```
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Mutex<Kept>>,
    capacity: Option<usize>,
}

#[derive(Default)]
struct Kept {
    observations: VecDeque<Observation>,
    dropped: u64,
}

impl Memory {
    /// Creates a sink that keeps every observation. Its memory grows with every frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a sink that keeps the last `capacity` observations. It drops the oldest ones and counts them
    /// ([`Memory::dropped`]).
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        Self { shared: Arc::default(), capacity: Some(capacity) }
    }

    /// Returns a copy of the kept observations in the order of their writing. Empty before the first write.
    #[must_use]
    pub fn observations(&self) -> Vec<Observation> {
        self.lock().observations.iter().cloned().collect()
    }

    /// Removes and returns the kept observations in the order of their writing. Empty if there was no write since the last
    /// call.
    #[must_use]
    pub fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut self.lock().observations).into()
    }

    /// Returns the number of kept observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().observations.len()
    }

    /// Returns true if no observation is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of observations that were dropped because the memory was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic while the lock is held leaves a valid list behind.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    /// Keeps copies of the batch. Never fails.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        let mut kept = self.lock();
        kept.observations.extend(batch.iter().cloned());
        let excess = self.capacity.map_or(0, |capacity| kept.observations.len().saturating_sub(capacity));
        kept.observations.drain(..excess);
        kept.dropped += excess as u64;
        Ok(())
    }

    /// Does nothing: memory cannot be made durable. Never fails.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Prints the counts, never the observations.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Memory")
            .field("kept", &kept.observations.len())
            .field("dropped", &kept.dropped)
            .field("capacity", &self.capacity)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite;

    use super::*;

    #[test]
    fn a_bounded_memory_keeps_the_newest() {
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
    fn a_memory_without_capacity_keeps_nothing() {
        let mut memory = Memory::bounded(0);
        memory.write(&[suite::observation(0, 0)]).unwrap();
        assert!(memory.is_empty() && memory.dropped() == 1);
    }
}
