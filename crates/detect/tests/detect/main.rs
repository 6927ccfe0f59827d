//! The tests of the detectors, in one program.
#![cfg(feature = "bundled")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod centerface;
mod yunet;

/// Lets only one test at a time run a network: networks are large, and each occupies a core.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}
