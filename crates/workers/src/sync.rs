//! The locks and threads of the queues and pools; under `--cfg loom` those of the model checker, with the same face.

use std::time::Duration;

#[cfg(not(loom))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::thread;

#[cfg(loom)]
pub(crate) use checked::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use loom::thread;

/// How long a blocking call may wait at most.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<std::time::Instant>);

#[cfg(not(loom))]
impl Deadline {
    /// No end.
    pub(crate) const NEVER: Self = Self(None);

    /// From now on so long; for ever where that is beyond what the system's clock counts.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(std::time::Instant::now().checked_add(timeout))
    }

    /// Waits until woken (true) or until the time is up (false). May wake without a reason.
    pub(crate) fn wait<T>(self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            None => {
                condvar.wait(guard);
                true
            }
            Some(end) => !condvar.wait_until(guard, end).timed_out(),
        }
    }
}

/// How long a blocking call may wait at most. The model checker knows no time: no time at all, or no end.
#[cfg(loom)]
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    over: bool,
}

#[cfg(loom)]
impl Deadline {
    pub(crate) const NEVER: Self = Self { over: false };

    pub(crate) fn after(timeout: Duration) -> Self {
        Self { over: timeout.is_zero() }
    }

    pub(crate) fn wait<T>(self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        if !self.over {
            condvar.wait(guard);
        }
        !self.over
    }
}

/// The model checker's locks with the calls of `parking_lot`'s.
#[cfg(loom)]
mod checked {
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    /// Empty only while it waits.
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("held")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("held")
        }
    }

    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            if let Some(held) = guard.0.take() {
                guard.0 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
            }
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
