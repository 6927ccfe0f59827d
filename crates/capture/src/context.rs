//! What every source needs from the program around it.

use std::fmt;
use std::sync::Arc;

use passerby_types::{Clock, FramePool, SystemClock};

use crate::limits::DecodeLimits;

/// The limits, buffers and clock that the sources of a program share.
///
/// Every settings struct of this crate holds one as `context`. A clone shares the buffers and the clock.
///
/// ```
/// use passerby_capture::{DecodeLimits, SourceContext};
///
/// // No picture of more than 4 megapixels. All else as by default.
/// let limits = DecodeLimits { picture_pixels: 4_000_000, ..DecodeLimits::default() };
/// let context = SourceContext { limits, ..SourceContext::default() };
/// assert_eq!(context.limits.picture_pixels, 4_000_000);
/// ```
#[derive(Clone)]
pub struct SourceContext {
    /// The largest input that a source accepts.
    pub limits: DecodeLimits,
    /// The pool that lends the buffers of the pictures.
    pub pool: FramePool,
    /// The clock that dates the arrival of live pictures and measures their age. Files and scenes don't use it.
    pub clock: Arc<dyn Clock>,
}

impl Default for SourceContext {
    /// The default limits, a pool of its own, and the system's clock.
    fn default() -> Self {
        Self {
            limits: DecodeLimits::default(),
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceContext").field("limits", &self.limits).finish_non_exhaustive()
    }
}
