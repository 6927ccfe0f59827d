//! Panics of work that is not ours, caught, and the rests between failures.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use passerby_types::StageError;

/// How long to rest after so many failures in a row: nothing after the first, then 10 ms, doubled up to a second.
pub fn back_off(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis((10u64 << (failures - 2).min(7)).min(1000)),
    }
}

/// Runs `work`; a panic becomes an error of the class `Reset` with the panic's message.
pub fn quietly<T>(stage: &'static str, work: impl FnOnce() -> T) -> Result<T, StageError> {
    // Whatever `work` touched is thrown away by the caller, so nothing half-changed is seen again.
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| StageError::reset(stage, format!("panicked: {}", text(&*panic))))
}

/// The message of a panic.
pub fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
