//! Four cameras of a server that is killed and restarted several times.
#![cfg(feature = "rtsp")]
#![allow(clippy::print_stderr, reason = "skipped tests and measurements are reported")]

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::gstreamer::{self, Camera};
use passerby_capture::{Reconnect, ReconnectEvent, ReconnectSettings, Rtsp, RtspSettings};
use passerby_types::{CancelHandle, ErrorClass, FrameSource, SourceError};

const MS: Duration = Duration::from_millis(1);
const CAMERAS: usize = 4;
const RESTARTS: usize = 5;
/// How long the server is down: long enough for the waits between two tries to reach the longest one.
const DOWNTIME: Duration = Duration::from_millis(1500);
/// The pictures of each camera between two restarts.
const PICTURES: usize = 18;
/// How long the test waits for the cameras before it fails.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The time from picture to picture in the bundled clip: 24 per second.
const PERIOD: Duration = Duration::from_nanos(41_666_667);

/// An event of a camera.
#[derive(Debug)]
enum CameraEvent {
    Picture(Duration),
    /// This number of frames was lost.
    Lost(u64),
    /// The connection broke.
    Interrupted,
    /// A connection opened. Its first picture comes next.
    Opened,
}

/// The events of all cameras, with their times.
#[derive(Default)]
struct Log {
    events: Mutex<[Vec<(Instant, CameraEvent)>; CAMERAS]>,
    changed: Condvar,
}

impl Log {
    fn add(&self, camera: usize, event: CameraEvent) {
        self.events.lock().expect("no panic")[camera].push((Instant::now(), event));
        self.changed.notify_all();
    }

    /// Waits until each camera has given this number of pictures after `start`. Returns the times of the first ones.
    fn wait(&self, start: Instant, pictures: usize) -> [Instant; CAMERAS] {
        let mut events = self.events.lock().expect("no panic");
        loop {
            let seen = events.each_ref().map(|events| {
                let picture_time = |(at, event): &(Instant, CameraEvent)| {
                    (*at >= start && matches!(event, CameraEvent::Picture(_))).then_some(*at)
                };
                let times: Vec<_> = events.iter().filter_map(picture_time).collect();
                (times.len() >= pictures).then(|| times[0])
            });
            if let [Some(a), Some(b), Some(c), Some(d)] = seen {
                return [a, b, c, d];
            }
            let waited = self.changed.wait_timeout(events, TIMEOUT).expect("no panic");
            assert!(start.elapsed() < TIMEOUT, "a camera does not come: {seen:?}");
            events = waited.0;
        }
    }
}

/// Cancels all cameras when it is dropped, even if the test fails.
struct CancelOnDrop(Vec<CancelHandle>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.iter().for_each(CancelHandle::cancel);
    }
}

/// Reads a camera until it is cancelled.
fn read(camera: usize, mut source: Reconnect, log: &Log) {
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => log.add(camera, CameraEvent::Picture(picture.pts.expect("a camera's time"))),
            Ok(None) => return,
            Err(e) if e.class() == ErrorClass::Skip => log.add(camera, CameraEvent::Lost(e.lost().0)),
            Err(e) => {
                assert!(matches!(e, SourceError::Disconnected { .. }), "{e}");
                log.add(camera, CameraEvent::Interrupted);
            }
        }
    }
}

/// Checks that every picture of a connection follows the one before by one period, plus one for each lost frame between
/// them. Returns the number of lost frames and of interruptions.
fn check_losses(events: &[(Instant, CameraEvent)]) -> (u64, usize) {
    let mut last = None;
    let mut lost = 0_u64;
    let mut all = 0;
    let mut interruptions = 0;
    for (_, event) in events {
        match *event {
            CameraEvent::Picture(pts) => {
                if let Some(last) = last.replace(pts) {
                    let periods = (pts - last).as_secs_f64() / PERIOD.as_secs_f64();
                    let missing = (periods.round() as u64).saturating_sub(1);
                    assert!((periods - periods.round()).abs() < 0.1, "{periods} periods");
                    assert_eq!(missing, lost, "frames are missing without a report");
                }
                lost = 0;
            }
            CameraEvent::Lost(frames) => {
                lost += frames;
                all += frames;
            }
            CameraEvent::Interrupted => interruptions += 1,
            CameraEvent::Opened => {
                last = None;
                lost = 0;
            }
        }
    }
    (all, interruptions)
}

#[test]
fn four_cameras_return_with_their_server() {
    if !gstreamer::is_installed() {
        eprintln!("SKIPPED four_cameras_return_with_their_server: no RTSP server of GStreamer");
        return;
    }
    let clip = format!("{}/../../assets/passersby.mp4", env!("CARGO_MANIFEST_DIR"));
    let mut server = Camera::start(&[&clip]);
    let url = server.url();
    let log = Arc::new(Log::default());
    let start = Instant::now();
    thread::scope(|scope| {
        let mut cameras = CancelOnDrop(Vec::new());
        for camera in 0..CAMERAS {
            let address = url.clone();
            let opened = Arc::clone(&log);
            let open = move || {
                Ok(Box::new(Rtsp::connect(&address, RtspSettings::default())?) as Box<dyn FrameSource>)
            };
            let source =
                Reconnect::new(url.clone(), open, ReconnectSettings::default()).on_event(move |event| {
                    if matches!(event, ReconnectEvent::Opened(_)) {
                        opened.add(camera, CameraEvent::Opened);
                    }
                });
            cameras.0.extend(source.cancel_handle());
            let log = Arc::clone(&log);
            scope.spawn(move || read(camera, source, &log));
        }
        log.wait(start, PICTURES);
        for restart in 0..RESTARTS {
            server.kill();
            thread::sleep(DOWNTIME);
            server.restart();
            let back = Instant::now();
            // The time for a connection and its first picture on this machine, which may be busy. After their wait, the
            // four cameras take about as long, all at once.
            let mut fresh = Rtsp::connect(&url, RtspSettings::default()).expect("the server listens");
            assert!(fresh.next_picture().expect("a picture").is_some());
            let takes = back.elapsed();
            drop(fresh);
            let times = log.wait(back, PICTURES).map(|first| first - back);
            eprintln!(
                "restart {restart}: a new client has a picture after {takes:.2?}, the four after {times:.2?}"
            );
            for (camera, time) in times.into_iter().enumerate() {
                assert!(
                    time < 2000 * MS + 4 * takes,
                    "camera {camera} is back after {time:?}, a new one {takes:?}"
                );
            }
        }
    });
    for (camera, events) in log.events.lock().expect("no panic").iter().enumerate() {
        let (lost, interruptions) = check_losses(events);
        eprintln!("camera {camera}: {lost} frames counted as lost, {interruptions} interruptions");
        assert_eq!(interruptions, RESTARTS, "each is reported once");
    }
}
