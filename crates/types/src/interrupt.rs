//! How a source that waits is told to stop.

use std::fmt;
use std::sync::Arc;

/// Ends a [`FrameSource`](crate::FrameSource) from another thread: a call that waits for a picture gives `Ok(None)` soon,
/// and so does every later one. A clone ends the same source.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use passerby_types::Interrupt;
///
/// let over = Arc::new(AtomicBool::new(false));
/// let flag = Arc::clone(&over);
/// let interrupt = Interrupt::new(move || flag.store(true, Ordering::Release));
/// interrupt.clone().raise();
/// assert!(over.load(Ordering::Acquire));
/// ```
#[derive(Clone)]
pub struct Interrupt(Arc<dyn Fn() + Send + Sync>);

impl Interrupt {
    /// One that does this when it is raised. `raise` may be called more than once, by any thread, also when the source is
    /// gone; it must not wait and not panic.
    #[must_use]
    pub fn new(raise: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(raise))
    }

    /// Ends the source. Does not wait until it has.
    pub fn raise(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt")
    }
}
