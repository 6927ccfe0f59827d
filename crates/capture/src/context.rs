//! What every source needs from the program around it.

use std::fmt;
use std::sync::Arc;

use passerby_types::{Clock, FramePool, SystemClock};

use crate::limits::DecodeLimits;

/// The limits, buffers and clock that the sources of a program share.
///
/// A configuration file holds the limits alone: with the feature `serde`, pool and clock are those of the default.
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SourceContext {
    /// The largest input that a source accepts.
    pub limits: DecodeLimits,
    /// The pool that lends the buffers of the pictures.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub pool: FramePool,
    /// The clock that dates the arrival of live pictures and measures their age. Files and scenes don't use it.
    #[cfg_attr(feature = "serde", serde(skip, default = "system_clock"))]
    pub clock: Arc<dyn Clock>,
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

impl Default for SourceContext {
    /// The default limits, a pool of its own, and the system's clock.
    fn default() -> Self {
        Self { limits: DecodeLimits::default(), pool: FramePool::default(), clock: system_clock() }
    }
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceContext").field("limits", &self.limits).finish_non_exhaustive()
    }
}
