//! Opens the demo's cameras.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use passerby::capture::{self, LivePlayback, OpenSettings};
use passerby::types::{BoxError, CameraId, FrameSource, SystemClock};

use super::connection_log::ConnectionLog;

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// The clip's number of pictures, its pictures a second, and the number of cameras that play it.
const CLIP_PICTURES: u64 = 240;
const CLIP_RATE: f64 = 24.0;
const CAMERAS: u32 = 4;

/// A camera's id in the pipeline, and its source.
pub(super) type Camera = (CameraId, Box<dyn FrameSource>);

/// Opens each input as a live camera; files play at `rate` frames a second, or at their own rate. Without inputs four cameras play the bundled clip,
/// each from another place, once round.
pub(super) fn open(
    inputs: &[OsString],
    rate: Option<f64>,
    connection_log: &ConnectionLog,
) -> Result<Vec<Camera>, BoxError> {
    let clock = Arc::new(SystemClock::new());
    if inputs.is_empty() {
        let camera = |n: u32| -> Result<Camera, BoxError> {
            let clip = LivePlayback::looped(|| capture::open(CLIP), rate.or(Some(CLIP_RATE)), clock.clone())?
                .offset(CLIP_PICTURES / u64::from(CAMERAS) * u64::from(n))
                .limit(Duration::from_secs_f64(CLIP_PICTURES as f64 / CLIP_RATE));
            Ok((CameraId(n + 1), Box::new(clip)))
        };
        return (0..CAMERAS).map(camera).collect();
    }
    let settings = OpenSettings { on_reconnect: connection_log.watch(), ..OpenSettings::default() };
    let camera = |(n, input): (u32, &OsString)| {
        let source = capture::open_with(input, &settings)?;
        let live = source.info().live;
        let source = if live { source } else { Box::new(LivePlayback::new(source, rate, clock.clone())) };
        Ok((CameraId(n), source))
    };
    (1..).zip(inputs).map(camera).collect()
}
