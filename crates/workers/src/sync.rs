//! The locks and threads of the queues and pools. Under `--cfg loom` they are those of the model checker, behind the same
//! interface.

use std::time::Duration;

use crate::counts::RecvOutcome;

#[cfg(not(loom))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::thread;

#[cfg(loom)]
pub(crate) use checked::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use loom::thread;

/// The moment until which a blocking call may wait.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<std::time::Instant>);

#[cfg(not(loom))]
impl Deadline {
    /// Waits without a limit.
    pub(crate) const NEVER: Self = Self(None);

    /// Returns the moment that is `timeout` from now. If the system's clock cannot represent it, waits without a limit.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(std::time::Instant::now().checked_add(timeout))
    }

    /// Waits for `condvar`. Returns true if it was woken, possibly without a reason, and false if the time is up.
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

/// The moment until which a blocking call may wait. The model checker has no time: a call waits not at all or without a
/// limit.
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

/// How full a queue is, as [`wait_until_filled`] needs to know it.
pub(crate) struct Fill {
    /// True if no item is in the queue.
    pub(crate) empty: bool,
    /// True if no item will be added.
    pub(crate) closed: bool,
}

/// Waits until a queue has an item, and returns `None` then. Otherwise returns the outcome for its receiver: `Closed`, or
/// `Empty` after the deadline. `fill` reads the state of the queue from behind its lock.
pub(crate) fn wait_until_filled<Q, T>(
    queue: &mut MutexGuard<'_, Q>,
    filled: &Condvar,
    deadline: Deadline,
    fill: impl Fn(&Q) -> Fill,
) -> Option<RecvOutcome<T>> {
    let mut in_time = true;
    loop {
        match fill(queue) {
            Fill { empty: false, .. } => return None,
            Fill { closed: true, .. } => return Some(RecvOutcome::Closed),
            Fill { .. } if !in_time => return Some(RecvOutcome::Empty),
            Fill { .. } => in_time = deadline.wait(filled, queue),
        }
    }
}

/// The model checker's locks with the interface of `parking_lot`'s.
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

    /// Holds `None` only during a wait.
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
