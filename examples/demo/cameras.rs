//! Opens the demo's cameras.

use std::sync::Arc;
use std::time::Duration;

use passerby::capture::{self, LivePlayback, OpenSettings};
use passerby::types::{BoxError, CameraId, FrameSource, SystemClock};

use crate::connection_log::ConnectionLog;

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// The clip's number of pictures, its pictures a second, and the number of cameras that play it.
const CLIP_PICTURES: u64 = 240;
const CLIP_RATE: f64 = 24.0;
const CAMERAS: u32 = 4;

/// A camera's id in the pipeline, and its source.
pub(crate) type Camera = (CameraId, Box<dyn FrameSource>);

/// Opens each input as a live camera; files play at their own rate. Without inputs four cameras play the bundled clip,
/// each from another place, once round.
pub(crate) fn open(inputs: &[String], connection_log: &ConnectionLog) -> Result<Vec<Camera>, BoxError> {
    let clock = Arc::new(SystemClock::new());
    if inputs.is_empty() {
        let camera = |n: u32| -> Result<Camera, BoxError> {
            let clip = LivePlayback::looped(|| capture::open(CLIP), Some(CLIP_RATE), clock.clone())?
                .offset(CLIP_PICTURES / u64::from(CAMERAS) * u64::from(n))
                .limit(Duration::from_secs_f64(CLIP_PICTURES as f64 / CLIP_RATE));
            Ok((CameraId(n + 1), Box::new(clip)))
        };
        return (0..CAMERAS).map(camera).collect();
    }
    let settings = OpenSettings { on_reconnect: connection_log.watch(), ..OpenSettings::default() };
    let camera = |(n, input): (u32, &String)| {
        let source = capture::open_with(input, &settings)?;
        let live = source.info().live;
        let source = if live { source } else { Box::new(LivePlayback::new(source, None, clock.clone())) };
        Ok((CameraId(n), source))
    };
    (1..).zip(inputs).map(camera).collect()
}
