//! Panics of foreign code as values, and the pauses between failures.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The pause after the second failure in a row. Each further failure doubles it.
const FIRST_PAUSE_MILLIS: u64 = 10;
/// The longest pause.
const LONGEST_PAUSE_MILLIS: u64 = 1000;
/// Doublings after which the pause has reached its longest.
const MAX_DOUBLINGS: u32 = 7;

/// A panic that [`catch_panic`] caught.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {message}")]
pub struct Panicked {
    /// The message of the panic, or `no message` if its payload is not a string.
    pub message: String,
}

/// Returns how long to wait before the next try after `failures` failures in a row.
///
/// | failures | 0, 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 and more |
/// |---|---|---|---|---|---|---|---|---|---|
/// | pause in ms | 0 | 10 | 20 | 40 | 80 | 160 | 320 | 640 | 1000 |
///
/// ```
/// use passerby_workers::back_off;
///
/// assert!(back_off(1).is_zero(), "a single failure is retried at once");
/// assert_eq!(back_off(3).as_millis(), 20);
/// assert_eq!(back_off(1000).as_millis(), 1000);
/// ```
#[must_use]
pub fn back_off(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        _ => {
            let doublings = (failures - 2).min(MAX_DOUBLINGS);
            Duration::from_millis((FIRST_PAUSE_MILLIS << doublings).min(LONGEST_PAUSE_MILLIS))
        }
    }
}

/// Returns true if [`catch_panic`] can catch a panic. A program that is built with `panic = "abort"` ends at the first panic
/// instead, and nothing can prevent that.
///
/// ```
/// assert!(passerby_workers::can_catch_panics(), "the default of cargo is to unwind");
/// ```
#[must_use]
pub const fn can_catch_panics() -> bool {
    cfg!(panic = "unwind")
}

/// Calls `work` and returns its result. If it panics, returns the message as an error.
///
/// The caller must not use anything again that `work` may have left half changed. For example, it should throw away the
/// stage instance that panicked.
///
/// # Errors
/// [`Panicked`] if `work` panics.
///
/// ```
/// use passerby_workers::catch_panic;
///
/// assert_eq!(catch_panic(|| 7), Ok(7));
/// let broken = catch_panic(|| -> u32 { panic!("out of range") });
/// assert_eq!(broken.unwrap_err().to_string(), "panicked: out of range");
/// ```
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|payload| Panicked { message: message(&*payload).to_owned() })
}

/// Returns the message of a panic.
fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
