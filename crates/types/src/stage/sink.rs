//! Where observations go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{ErrorClass, SinkError};
use crate::observation::Observation;

/// Stores or forwards the observations of the pipeline.
///
/// ```
/// use passerby_types::{Observation, Sink, SinkError};
///
/// /// Counts faces.
/// #[derive(Default)]
/// struct FaceCount(usize);
///
/// impl Sink for FaceCount {
///     fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
///         self.0 += batch.iter().map(|observation| observation.faces.len()).sum::<usize>();
///         Ok(())
///     }
///
///     fn flush(&mut self) -> Result<(), SinkError> {
///         Ok(())
///     }
/// }
///
/// let mut sink = FaceCount::default();
/// sink.write(&[])?;
/// sink.flush()?;
/// assert_eq!(sink.0, 0);
/// # Ok::<(), SinkError>(())
/// ```
pub trait Sink: Send {
    /// Writes a batch, which is in order for each camera. Writes all of it or nothing.
    ///
    /// # Errors
    /// If the error's class is `Skip`, this batch cannot be written and the caller counts it as lost. If it is `Reset`, nothing
    /// was written and the same call may succeed later. If it is `Fatal`, the sink cannot go on.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError>;

    /// Makes everything written until now durable. The pipeline calls it at the end; a caller may call it at any time.
    ///
    /// # Errors
    /// As for [`Sink::write`].
    fn flush(&mut self) -> Result<(), SinkError>;
}

/// A shared sink: several pipelines can write into it, and its owner can still read it.
///
/// A call waits until the calls of the other owners have returned. If one of them panicked, the sink is in an unknown state,
/// and every later call returns a `Fatal` error.
impl<S: Sink + ?Sized> Sink for Arc<Mutex<S>> {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.lock().map_err(poisoned)?.write(batch)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lock().map_err(poisoned)?.flush()
    }
}

fn poisoned<S: ?Sized>(_: PoisonError<MutexGuard<'_, S>>) -> SinkError {
    SinkError::new(ErrorClass::Fatal, "shared sink", "an earlier call panicked")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Counts its calls, and panics if a test asks for it.
    #[derive(Default)]
    struct Counting {
        writes: u64,
        flushes: u64,
        panics: bool,
    }

    impl Sink for Counting {
        fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
            assert!(!self.panics, "the test asked for a panic");
            self.writes += 1;
            Ok(())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            self.flushes += 1;
            Ok(())
        }
    }

    #[test]
    fn several_threads_write_into_one_shared_sink() {
        let shared = Arc::new(Mutex::new(Counting::default()));
        thread::scope(|scope| {
            for _ in 0..4 {
                let mut sink: Box<dyn Sink> = Box::new(Arc::clone(&shared));
                scope.spawn(move || {
                    (0..100).for_each(|_| sink.write(&[]).unwrap());
                    sink.flush().unwrap();
                });
            }
        });
        let sink = Arc::into_inner(shared).unwrap().into_inner().unwrap();
        assert_eq!((sink.writes, sink.flushes), (400, 4));
    }

    #[test]
    fn a_shared_sink_is_fatal_after_a_panic() {
        let shared = Arc::new(Mutex::new(Counting { panics: true, ..Counting::default() }));
        let mut other = Arc::clone(&shared);
        thread::scope(|scope| scope.spawn(move || other.write(&[])).join().unwrap_err());
        let mut sink = shared;
        assert_eq!(sink.write(&[]).unwrap_err().class(), ErrorClass::Fatal);
        assert_eq!(sink.flush().unwrap_err().to_string(), "shared sink: an earlier call panicked");
    }
}
