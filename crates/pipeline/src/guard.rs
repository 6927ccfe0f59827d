//! A stage instance behind a guard: a panic in it stays in it, and a broken instance is replaced.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{ErrorClass, FrameMeta, StageError, StageFactory};
use passerby_workers::{back_off, catch_panic};

use crate::figures::meter::{CameraMeter, StageMeters};

/// One instance of a stage with the factory that replaces it.
///
/// The guard counts failed calls and given-up instances at once: for the stage over all cameras, and at the camera whose
/// call failed. Both are counted under the name of the guard, whatever name the stage's own errors have.
pub(crate) struct Guard<S: ?Sized> {
    stage: &'static str,
    factory: StageFactory<S>,
    stages: Arc<StageMeters>,
    instance: Option<Box<S>>,
    /// Instances given up since the last successful call.
    failures_in_a_row: u32,
}

impl<S: ?Sized> Guard<S> {
    /// Creates a guard whose first call makes the first instance.
    pub(crate) fn empty(stage: &'static str, factory: StageFactory<S>, stages: &Arc<StageMeters>) -> Self {
        Self { stage, factory, stages: Arc::clone(stages), instance: None, failures_in_a_row: 0 }
    }

    /// Creates a guard and makes the first instance.
    ///
    /// # Errors
    /// The factory's error. If the factory panics, an error of the class `Reset`.
    pub(crate) fn new(
        stage: &'static str,
        factory: StageFactory<S>,
        stages: &Arc<StageMeters>,
    ) -> Result<Self, StageError> {
        let mut guard = Self::empty(stage, factory, stages);
        guard.fill()?;
        Ok(guard)
    }

    /// Calls the instance for a frame of the camera, and counts a failure. Makes an instance first if the last one was given up.
    ///
    /// # Errors
    /// The error of the stage or of its factory, with the frame's number if `frame` is given. A panic becomes an error
    /// of the class `Reset`. After an error of that class the instance is given up, and the next call makes a new one.
    pub(crate) fn call<T>(
        &mut self,
        meter: &CameraMeter,
        frame: Option<&FrameMeta>,
        call: impl FnOnce(&mut S) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        self.attempt(meter, call).map_err(|error| {
            let error = match frame {
                Some(meta) => error.at(meta),
                None => error,
            };
            self.fail(meter, &error);
            error
        })
    }

    /// Does the same as [`Guard::call`] but counts no failure, only a given-up instance: for a batch whose frames are
    /// tried one by one after a failure.
    ///
    /// # Errors
    /// As for [`Guard::call`], without the frame's number.
    pub(crate) fn attempt<T>(
        &mut self,
        meter: &CameraMeter,
        call: impl FnOnce(&mut S) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let stage = self.stage;
        let result = match self.fill() {
            Ok(instance) => guarded(stage, || call(instance)).and_then(|result| result),
            Err(error) => Err(error),
        };
        match &result {
            Ok(_) => self.failures_in_a_row = 0,
            Err(error) if error.class() == ErrorClass::Reset => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                self.stages.rebuild(stage);
                meter.lock().rebuild(stage);
                self.discard();
            }
            Err(_) => {}
        }
        result
    }

    fn fail(&self, meter: &CameraMeter, error: &StageError) {
        self.stages.fail(self.stage);
        meter.lock().fail(self.stage, error);
    }

    /// Returns how long to wait before the next call, so that a stage that fails every time is not rebuilt without a
    /// break: nothing after the first failure in a row, then 10 ms, doubled with each further one up to a second.
    pub(crate) fn back_off(&self) -> Duration {
        back_off(self.failures_in_a_row)
    }

    /// Drops the instance. The next call makes a new one. This counts neither as a failure nor as a rebuild.
    pub(crate) fn discard(&mut self) {
        if let Some(instance) = self.instance.take() {
            // A panic while a broken instance is dropped changes nothing: it is gone either way.
            let _ = catch_panic(|| drop(instance));
        }
    }

    fn fill(&mut self) -> Result<&mut S, StageError> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => guarded(self.stage, || (self.factory)())??,
        };
        Ok(self.instance.insert(instance))
    }
}

/// Calls `work` of a stage.
///
/// # Errors
/// An error of the class `Reset` with the panic's message if `work` panics.
pub(crate) fn guarded<T>(stage: &'static str, work: impl FnOnce() -> T) -> Result<T, StageError> {
    catch_panic(work).map_err(|panic| StageError::reset(stage, panic))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use passerby_types::CameraId;

    use super::*;

    /// A guard under the name `detect` whose instances are 0, 1, 2 and so on, and a camera to count at.
    fn counted() -> (Guard<u64>, CameraMeter) {
        let made = AtomicU64::new(0);
        let factory: StageFactory<u64> = Arc::new(move || Ok(Box::new(made.fetch_add(1, Ordering::Relaxed))));
        let guard = Guard::new("detect", factory, &Arc::default()).unwrap();
        (guard, CameraMeter::new(CameraId(3), "test"))
    }

    fn fails(guard: &mut Guard<u64>, meter: &CameraMeter, error: StageError) -> StageError {
        guard.call::<u64>(meter, None, |_| Err(error)).unwrap_err()
    }

    #[test]
    fn skip_keeps_the_instance() {
        let (mut guard, meter) = counted();
        assert_eq!(guard.call(&meter, None, |n| Ok(*n)).unwrap(), 0);
        let error = fails(&mut guard, &meter, StageError::skip("detect", "no"));
        assert_eq!(error.class(), ErrorClass::Skip);
        assert_eq!(guard.call(&meter, None, |n| Ok(*n)).unwrap(), 0);
    }

    #[test]
    fn a_panic_replaces_the_instance() {
        let (mut guard, meter) = counted();
        let error = guard.call::<u64>(&meter, None, |_| panic!("broken")).unwrap_err();
        assert_eq!(
            (error.class(), error.to_string().as_str()),
            (ErrorClass::Reset, "detect: panicked: broken")
        );
        assert_eq!(guard.call(&meter, None, |n| Ok(*n)).unwrap(), 1);
    }

    #[test]
    fn reset_replaces_the_instance() {
        let (mut guard, meter) = counted();
        fails(&mut guard, &meter, StageError::reset("detect", "broken"));
        assert_eq!(guard.call(&meter, None, |n| Ok(*n)).unwrap(), 1);
    }

    #[test]
    fn a_guard_counts_its_failures_under_its_own_name() {
        let (mut guard, meter) = counted();
        fails(&mut guard, &meter, StageError::skip("halves", "no"));
        fails(&mut guard, &meter, StageError::reset("halves", "broken"));
        let meta = FrameMeta::new(3, 7);
        let error = guard.call::<u64>(&meter, Some(&meta), |_| panic!("broken")).unwrap_err();
        assert_eq!(error.frame(), Some((CameraId(3), 7)));
        let report = &meter.lock().report;
        assert_eq!((report.failures["detect"], report.rebuilds["detect"]), (3, 2));
        assert_eq!(report.notes[0], "halves: no");
        let faults = guard.stages.faults("detect");
        assert_eq!((faults.failures, faults.rebuilds), (3, 2));
    }

    #[test]
    fn an_attempt_counts_no_failure() {
        let (mut guard, meter) = counted();
        guard.attempt::<u64>(&meter, |_| Err(StageError::reset("detect", "broken"))).unwrap_err();
        let report = &meter.lock().report;
        assert_eq!((report.failures.get("detect"), report.rebuilds["detect"]), (None, 1));
    }

    #[test]
    fn a_discarded_instance_is_no_failure() {
        let (mut guard, meter) = counted();
        guard.discard();
        assert_eq!(guard.call(&meter, None, |n| Ok(*n)).unwrap(), 1);
        assert!(meter.lock().report.rebuilds.is_empty());
    }

    #[test]
    fn the_wait_grows_with_the_failures_in_a_row() {
        let (mut guard, meter) = counted();
        let mut waits = Vec::new();
        for _ in 0..10 {
            fails(&mut guard, &meter, StageError::reset("detect", "broken"));
            waits.push(guard.back_off().as_millis());
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        guard.call(&meter, None, |n| Ok(*n)).unwrap();
        assert_eq!(guard.back_off(), Duration::ZERO);
    }

    #[test]
    fn a_factory_that_panics_is_an_error() {
        let factory: StageFactory<u64> = Arc::new(|| panic!("no weights"));
        let error = Guard::new("detect", factory, &Arc::default()).err().unwrap();
        assert_eq!(error.to_string(), "detect: panicked: no weights");
    }
}
