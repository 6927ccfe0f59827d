//! An RTSP camera that GStreamer plays, read by our own client and through an ffmpeg program.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use passerby::capture::{Rtsp, RtspSettings};
use passerby::types::{BoxError, FrameSource, SourceError};

use crate::gstreamer::{self, Camera as Server};
use crate::row::{Row, Rows, data};
use crate::watch::{Camera, Timing, repeat};

const SECOND: Duration = Duration::from_secs(1);
/// The clip that the server plays.
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/passersby.mp4");
/// The interval between two pictures of the small test clips.
const PERIOD: Duration = Duration::from_millis(100);

pub(crate) fn ours(times: usize) -> Rows {
    let connect = |url: &str| -> Result<Box<dyn FrameSource>, SourceError> {
        Ok(Box::new(Rtsp::connect(url, RtspSettings::default())?))
    };
    let name = "Rtsp, H.264 720p24";
    let mut rows = server(name, times, connect)?;
    if !rows.is_empty() {
        let timings = repeat(times, || resized(connect))?;
        rows.push(Row { source: name, fault: "size changes", timings });
    }
    Ok(rows)
}

#[cfg(feature = "ffmpeg")]
pub(crate) fn ffmpeg(times: usize) -> Rows {
    use passerby::capture::{Ffmpeg, FfmpegSettings};

    let there = std::process::Command::new("ffmpeg").arg("-version").output();
    if !there.is_ok_and(|out| out.status.success()) {
        println!("SKIPPED recovery, Ffmpeg: no ffmpeg program");
        return Ok(Vec::new());
    }
    server("Ffmpeg, the same over RTSP", times, |url| {
        Ok(Box::new(Ffmpeg::connect(url, FfmpegSettings::default())?))
    })
}

#[cfg(not(feature = "ffmpeg"))]
pub(crate) fn ffmpeg(_: usize) -> Rows {
    println!("SKIPPED recovery, Ffmpeg: built without the feature `ffmpeg`");
    Ok(Vec::new())
}

/// Measures the faults that a GStreamer server can produce.
fn server(
    source: &'static str,
    times: usize,
    connect: impl Fn(&str) -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync + 'static,
) -> Rows {
    if !gstreamer::is_installed() {
        println!("SKIPPED recovery, {source}: no RTSP server of GStreamer");
        return Ok(Vec::new());
    }
    let server = RefCell::new(Server::start(&[CLIP]));
    let url = server.borrow().url();
    let camera = Camera::new(|_| false, move || connect(&url))?;
    let mut rows = Vec::new();
    for (fault, lasts) in [
        ("killed and started again at once", Duration::ZERO),
        ("killed, refused for 2 s", 2 * SECOND),
        ("killed, refused for 10 s", 10 * SECOND),
    ] {
        let kill = || server.borrow_mut().kill();
        let again = || server.borrow_mut().restart();
        rows.push(Row { source, fault, timings: repeat(times, || camera.suffer(lasts, kill, again))? });
    }
    for (fault, lasts) in [("stands still for 2 s", 2 * SECOND), ("stands still for 8 s", 8 * SECOND)] {
        let stop = |stop| assert!(server.borrow().stop(stop), "it takes no signals");
        let timings = repeat(times, || camera.suffer(lasts, || stop(true), || stop(false)))?;
        rows.push(Row { source, fault, timings });
    }
    Ok(rows)
}

/// Measures a change to a clip of another size.
fn resized(
    connect: impl Fn(&str) -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync + 'static,
) -> Result<Timing, BoxError> {
    let clips = ["tiny.mp4", "tiny_bt709_full.mp4"].map(|name| data(name).display().to_string());
    let server = Server::start(&clips.each_ref().map(String::as_str));
    let url = server.url();
    let from = Instant::now();
    let camera = Camera::new(|_| false, move || connect(&url))?;
    camera.resized(from, PERIOD)
}
