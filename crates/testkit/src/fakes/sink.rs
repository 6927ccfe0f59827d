//! A sink that records its calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passerby_types::{ErrorClass, Observation, Sink, SinkError};

/// A sink that keeps or only counts the observations, and fails or panics if a test asks for it.
///
/// A clone shares the record: give one to the pipeline and keep the other to read.
///
/// ```
/// use passerby_testkit::{RecordingSink, suite::observation};
/// use passerby_types::{ErrorClass, Sink};
///
/// let mut sink = RecordingSink::new().failing([ErrorClass::Reset]);
/// let record = sink.clone();
/// assert!(sink.write(&[observation(0, 7)]).is_err());
/// assert!(sink.write(&[observation(0, 7)]).is_ok());
/// assert_eq!(record.batches(), [1]);
/// assert_eq!(record.observations()[0].meta.seq, 7);
/// ```
#[derive(Clone, Debug)]
pub struct RecordingSink {
    record: Arc<Mutex<Record>>,
    keeps: bool,
    panics: bool,
}

#[derive(Debug, Default)]
struct Record {
    errors: VecDeque<ErrorClass>,
    observations: Vec<Observation>,
    batches: Vec<usize>,
    written: u64,
    flushes: u64,
}

impl RecordingSink {
    /// Creates a sink that keeps every observation.
    #[must_use]
    pub fn new() -> Self {
        Self { record: Arc::default(), keeps: true, panics: false }
    }

    /// Creates a sink that only counts the observations. A write allocates nothing.
    #[must_use]
    pub fn counting() -> Self {
        Self { keeps: false, ..Self::new() }
    }

    /// Makes the next writes fail, one for each error. The writes after them succeed.
    #[must_use]
    pub fn failing(self, errors: impl IntoIterator<Item = ErrorClass>) -> Self {
        self.lock().errors.extend(errors);
        self
    }

    /// Makes every write panic.
    #[must_use]
    pub fn panicking(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Returns the kept observations in the order of their writing.
    #[must_use]
    pub fn observations(&self) -> Vec<Observation> {
        self.lock().observations.clone()
    }

    /// Returns the size of each kept batch.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.lock().batches.clone()
    }

    /// Returns the number of observations that were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.lock().written
    }

    /// Returns the number of flushes.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RecordingSink {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for RecordingSink {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        assert!(!self.panics, "the test asked for a panic");
        let mut record = self.lock();
        if let Some(class) = record.errors.pop_front() {
            return Err(SinkError::new(class, "recording sink", "the test asked for it"));
        }
        record.written += batch.len() as u64;
        if self.keeps {
            record.batches.push(batch.len());
            record.observations.extend_from_slice(batch);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lock().flushes += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite;

    #[test]
    fn a_recording_sink_keeps_the_contract_of_sinks() {
        let sink = RecordingSink::new();
        let record = sink.clone();
        suite::sink(sink, || record.observations().iter().map(|o| o.faces.len() as u64).sum());
        assert!(record.flushes() > 0);
    }

    #[test]
    fn a_counting_sink_keeps_no_observation() {
        let mut sink = RecordingSink::counting();
        sink.write(&[suite::observation(0, 0)]).unwrap();
        assert_eq!((sink.written(), sink.observations().len()), (1, 0));
    }
}
