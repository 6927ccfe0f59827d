//! Handles that cancel a source.

use std::fmt;
use std::sync::Arc;

/// Ends a [`FrameSource`](crate::FrameSource) from another thread: a call that waits for a picture returns `Ok(None)`
/// soon, and so does every later call. A clone cancels the same source.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use passerby_types::CancelHandle;
///
/// let cancelled = Arc::new(AtomicBool::new(false));
/// let flag = Arc::clone(&cancelled);
/// let cancel = CancelHandle::new(move || flag.store(true, Ordering::Release));
/// cancel.clone().cancel();
/// assert!(cancelled.load(Ordering::Acquire));
/// ```
#[derive(Clone)]
pub struct CancelHandle(Arc<dyn Fn() + Send + Sync>);

impl CancelHandle {
    /// Creates a handle that calls `cancel` each time it is cancelled.
    ///
    /// Any thread may cancel more than once, also after the source is gone. `cancel` must not wait and must not panic.
    #[must_use]
    pub fn new(cancel: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cancel))
    }

    /// Cancels the source. Returns at once and does not wait for the source to end.
    pub fn cancel(&self) {
        (self.0)();
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelHandle")
    }
}
