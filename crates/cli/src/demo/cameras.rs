//! Opens the demo's cameras.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::time::Duration;

use passerby::capture::{self, Input, LivePlayback, OpenSettings};
use passerby::types::{BoxError, CameraId, FrameSource, SourceError, SystemClock};

use super::connection_log::ConnectionLog;
use crate::advice::with_advice;
use crate::terminal;

/// The bundled clip.
pub(super) const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// The clip's number of pictures, its pictures a second, and the number of cameras that play it.
pub(super) const CLIP_PICTURES: u64 = 240;
pub(super) const CLIP_RATE: f64 = 24.0;
pub(super) const CAMERAS: u32 = 4;

/// A camera's id in the pipeline, and its source.
pub(super) type Camera = (CameraId, Box<dyn FrameSource>);

/// Opens each input as a live camera; files play at `rate` frames a second, or at their own rate, and each video of a folder
/// or pattern is a camera. Without inputs four cameras play the bundled clip, each from another place, once round.
pub(super) fn open(
    inputs: &[OsString],
    rate: Option<f64>,
    connection_log: &ConnectionLog,
) -> Result<Vec<Camera>, BoxError> {
    let clock = Arc::new(SystemClock::new());
    if inputs.is_empty() {
        let rate = rate.unwrap_or(CLIP_RATE);
        let camera = |n: u32| -> Result<Camera, BoxError> {
            let clip = LivePlayback::looped(|| capture::open(CLIP), Some(rate), clock.clone())?
                .offset(CLIP_PICTURES / u64::from(CAMERAS) * u64::from(n))
                .limit(Duration::from_secs_f64(CLIP_PICTURES as f64 / rate));
            Ok((CameraId(n), Box::new(clip)))
        };
        return (0..CAMERAS).map(camera).collect();
    }
    let settings = OpenSettings { on_reconnect: connection_log.watch(), ..OpenSettings::default() };
    let mut sources = Vec::new();
    for input in inputs {
        sources.extend(open_all(input, &settings)?);
    }
    let camera = |(n, source): (u32, Box<dyn FrameSource>)| {
        let live = source.info().live;
        let source = if live { source } else { Box::new(LivePlayback::new(source, rate, clock.clone())) };
        (CameraId(n), source)
    };
    Ok((0..).zip(sources).map(camera).collect())
}

/// Opens the videos of a folder or pattern, each as a source, or the pictures in it as one source. Any other input is one
/// source. A file beside videos that cannot be opened gives a message.
fn open_all(input: &OsStr, settings: &OpenSettings) -> Result<Vec<Box<dyn FrameSource>>, SourceError> {
    let found = Input::expand(input)?;
    if found.len() == 1 {
        return found.iter().map(|input| input.open(settings)).collect();
    }
    let mut videos = Vec::new();
    let mut errors = Vec::new();
    let mut pictures = 0;
    for file in &found {
        match file.open(settings) {
            Ok(source) if source.info().frames == Some(1) => pictures += 1,
            Ok(source) => videos.push(source),
            Err(e) => errors.push(e),
        }
    }
    if videos.is_empty() {
        return match errors.into_iter().next() {
            Some(e) if pictures == 0 => Err(e),
            _ => Ok(vec![Input::parse(input)?.open(settings)?]),
        };
    }
    for e in errors {
        terminal::message(with_advice(&e));
    }
    Ok(videos)
}
