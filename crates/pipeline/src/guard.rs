//! A stage instance behind a guard: a panic in it stays in it, and a broken instance is replaced.

use std::time::Duration;

use passerby_types::{ErrorClass, StageError, StageFactory};
use passerby_workers::{back_off, catch_panic};

/// One instance of a stage with the factory that replaces it.
pub(crate) struct Guard<S: ?Sized> {
    name: &'static str,
    factory: StageFactory<S>,
    instance: Option<Box<S>>,
    /// Instances that failed and were given up since this was asked for last.
    failed: u64,
    /// Those of them since the last call that went well.
    row: u32,
}

impl<S: ?Sized> Guard<S> {
    /// A guard whose first call makes the first instance.
    pub(crate) fn empty(name: &'static str, factory: StageFactory<S>) -> Self {
        Self { name, factory, instance: None, failed: 0, row: 0 }
    }

    /// Makes the first instance.
    pub(crate) fn new(name: &'static str, factory: StageFactory<S>) -> Result<Self, StageError> {
        let mut guard = Self::empty(name, factory);
        guard.fill()?;
        Ok(guard)
    }

    /// Calls the instance, making a new one first where the last one was thrown away.
    ///
    /// A panic is an error of the class `Reset`; after that class the instance is thrown away.
    pub(crate) fn call<T>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let name = self.name;
        let result = match self.fill() {
            Ok(instance) => guarded(name, || work(instance)).and_then(|result| result),
            Err(e) => Err(e),
        };
        match &result {
            Ok(_) => self.row = 0,
            Err(e) if e.class() == ErrorClass::Reset => {
                self.failed += 1;
                self.row = self.row.saturating_add(1);
                self.discard();
            }
            Err(_) => {}
        }
        result
    }

    /// How long to wait before the next call, so that a stage that fails every time is not rebuilt without a break:
    /// nothing after the first failure, then 10 ms, doubled with each further one up to a second.
    pub(crate) fn back_off(&self) -> Duration {
        back_off(self.row)
    }

    /// Throws the instance away; the next call makes a new one.
    pub(crate) fn discard(&mut self) {
        if let Some(instance) = self.instance.take() {
            // A panic while a broken instance is dropped changes nothing: it is gone either way.
            let _ = catch_panic(|| drop(instance));
        }
    }

    /// How many instances failed and were given up for a new one since the last time this was asked. One thrown away
    /// by [`Guard::discard`] does not count.
    pub(crate) fn take_failed(&mut self) -> u64 {
        std::mem::take(&mut self.failed)
    }

    fn fill(&mut self) -> Result<&mut S, StageError> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => guarded(self.name, || (self.factory)())??,
        };
        Ok(self.instance.insert(instance))
    }
}

/// Calls `work` of a stage. A panic becomes an error of the class `Reset` with the panic's message.
pub(crate) fn guarded<T>(stage: &'static str, work: impl FnOnce() -> T) -> Result<T, StageError> {
    catch_panic(work).map_err(|panic| StageError::reset(stage, panic))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_broken_instance_is_replaced_and_a_sound_one_kept() {
        let made = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&made);
        let factory: StageFactory<u64> =
            Arc::new(move || Ok(Box::new(count.fetch_add(1, Ordering::Relaxed))));
        let mut guard = Guard::new("test", factory).unwrap();

        assert_eq!(guard.call(|n| Ok(*n)).unwrap(), 0);
        assert_eq!(
            guard.call::<u64>(|_| Err(StageError::skip("test", "no"))).unwrap_err().class(),
            ErrorClass::Skip
        );
        assert_eq!(guard.call(|n| Ok(*n)).unwrap(), 0, "Skip keeps the instance");
        let error = guard.call::<u64>(|_| panic!("broken")).unwrap_err();
        assert_eq!(
            (error.class(), error.to_string().as_str()),
            (ErrorClass::Reset, "test: panicked: broken")
        );
        assert_eq!(guard.call(|n| Ok(*n)).unwrap(), 1, "a panic replaces it");
        guard.call::<u64>(|_| Err(StageError::reset("test", "broken"))).unwrap_err();
        assert_eq!(guard.call(|n| Ok(*n)).unwrap(), 2, "Reset replaces it");
        assert_eq!((guard.take_failed(), made.load(Ordering::Relaxed)), (2, 3));
        guard.discard();
        assert_eq!(guard.call(|n| Ok(*n)).unwrap(), 3);
        assert_eq!(
            guard.take_failed(),
            0,
            "those before were told, and a sound one thrown away is no failure"
        );
    }

    #[test]
    fn the_more_failures_in_a_row_the_longer_the_wait() {
        let factory: StageFactory<u64> = Arc::new(|| Ok(Box::new(7)));
        let mut guard = Guard::new("test", factory).unwrap();
        let mut waits = Vec::new();
        for _ in 0..10 {
            guard.call::<u64>(|_| Err(StageError::reset("test", "broken"))).unwrap_err();
            waits.push(guard.back_off().as_millis());
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        guard.call(|n| Ok(*n)).unwrap();
        assert_eq!(guard.back_off(), Duration::ZERO);
    }

    #[test]
    fn a_factory_that_panics_is_an_error() {
        let factory: StageFactory<u64> = Arc::new(|| panic!("no weights"));
        assert_eq!(Guard::new("test", factory).err().unwrap().to_string(), "test: panicked: no weights");
    }
}
