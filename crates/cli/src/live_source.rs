//! Opens any input as a live camera.

use std::sync::Arc;

use passerby::capture::{Input, LivePlayback, OpenSettings};
use passerby::types::{FrameSource, SourceError, SystemClock};

/// Opens the input as a live camera. A camera is live already; a file is played as one, at `rate` frames a second or at its own rate, to
/// its end, or over and over if `again` is set.
pub(crate) fn open_live(
    input: &Input,
    settings: &OpenSettings,
    rate: Option<f64>,
    again: bool,
) -> Result<Box<dyn FrameSource>, SourceError> {
    if input.is_live() {
        return input.open(settings);
    }
    let clock = Arc::new(SystemClock::new());
    if again {
        let (input, settings) = (input.clone(), settings.clone());
        return Ok(Box::new(LivePlayback::looped(move || input.open(&settings), rate, clock)?));
    }
    Ok(Box::new(LivePlayback::new(input.open(settings)?, rate, clock)))
}
