//! Four cameras of a server that is killed and comes back, again and again.
#![cfg(feature = "rtsp")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so, and one that measures tells")]

#[path = "common/gstreamer.rs"]
mod gstreamer;

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer::Camera;
use passerby_capture::{Event, Reconnect, ReconnectSettings, Rtsp, RtspSettings};
use passerby_types::{CancelHandle, ErrorClass, FrameSource, SourceError};

const MS: Duration = Duration::from_millis(1);
const CAMERAS: usize = 4;
const RESTARTS: usize = 5;
/// How long the server stays away: long enough for the waits between two tries to reach the longest.
const AWAY: Duration = Duration::from_millis(1500);
/// Pictures of each camera before the next time.
const PICTURES: usize = 18;
/// What is waited for comes at some time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bundled clip's: 24 a second.
const PERIOD: Duration = Duration::from_nanos(41_666_667);

/// What a camera gave.
#[derive(Debug)]
enum Given {
    Picture(Duration),
    /// So many frames, counted as lost.
    Lost(u64),
    /// The one word that a connection is gone.
    Interrupted,
    /// A connection's first picture is next, after this.
    Opened,
}

/// What all cameras gave, and when.
#[derive(Default)]
struct Log {
    given: Mutex<[Vec<(Instant, Given)>; CAMERAS]>,
    more: Condvar,
}

impl Log {
    fn add(&self, camera: usize, given: Given) {
        self.given.lock().expect("nobody failed")[camera].push((Instant::now(), given));
        self.more.notify_all();
    }

    /// Waits until each camera has given so many pictures since then; when each gave the first of them.
    fn wait(&self, since: Instant, pictures: usize) -> [Instant; CAMERAS] {
        let mut given = self.given.lock().expect("nobody failed");
        loop {
            let seen = given.each_ref().map(|given| {
                let of = |(at, what): &(Instant, Given)| {
                    (*at >= since && matches!(what, Given::Picture(_))).then_some(*at)
                };
                let times: Vec<_> = given.iter().filter_map(of).collect();
                (times.len() >= pictures).then(|| times[0])
            });
            if let [Some(a), Some(b), Some(c), Some(d)] = seen {
                return [a, b, c, d];
            }
            let waited = self.more.wait_timeout(given, PATIENCE).expect("nobody failed");
            assert!(since.elapsed() < PATIENCE, "a camera does not come: {seen:?}");
            given = waited.0;
        }
    }
}

/// Ends all cameras, also where the test fails before their time.
struct Ending(Vec<CancelHandle>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.iter().for_each(CancelHandle::cancel);
    }
}

/// Reads a camera until it is interrupted.
fn read(camera: usize, mut source: Reconnect, log: &Log) {
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => log.add(camera, Given::Picture(picture.pts.expect("a camera's time"))),
            Ok(None) => return,
            Err(e) if e.class() == ErrorClass::Skip => log.add(camera, Given::Lost(e.lost().0)),
            Err(e) => {
                assert!(matches!(e, SourceError::Disconnected { .. }), "{e}");
                log.add(camera, Given::Interrupted);
            }
        }
    }
}

/// Every picture of a connection follows the one before by one period, and by one more for each that was counted as lost
/// between them. Gives how many were told of lost, and of interruptions.
fn account(given: &[(Instant, Given)]) -> (u64, usize) {
    let (mut last, mut lost, mut all, mut interruptions) = (None, 0_u64, 0, 0);
    for (_, given) in given {
        match *given {
            Given::Picture(pts) => {
                if let Some(last) = last.replace(pts) {
                    let periods = (pts - last).as_secs_f64() / PERIOD.as_secs_f64();
                    let missing = (periods.round() as u64).saturating_sub(1);
                    assert!((periods - periods.round()).abs() < 0.1, "{periods} periods");
                    assert_eq!(missing, lost, "frames are missing that nobody told of");
                }
                lost = 0;
            }
            Given::Lost(frames) => {
                lost += frames;
                all += frames;
            }
            Given::Interrupted => interruptions += 1,
            Given::Opened => (last, lost) = (None, 0),
        }
    }
    (all, interruptions)
}

#[test]
fn four_cameras_are_back_whenever_their_server_is() {
    if !gstreamer::is_there() {
        eprintln!("SKIPPED four_cameras_are_back_whenever_their_server_is: no RTSP server of GStreamer");
        return;
    }
    let clip = format!("{}/../../assets/passersby.mp4", env!("CARGO_MANIFEST_DIR"));
    let mut server = Camera::start(&[&clip]);
    let url = server.url();
    let log = Arc::new(Log::default());
    let start = Instant::now();
    thread::scope(|scope| {
        let mut ending = Ending(Vec::new());
        for camera in 0..CAMERAS {
            let (address, opened) = (url.clone(), Arc::clone(&log));
            let open = move || {
                Ok(Box::new(Rtsp::connect(&address, RtspSettings::default())?) as Box<dyn FrameSource>)
            };
            let source =
                Reconnect::new(url.clone(), open, ReconnectSettings::default()).watch(move |event| {
                    if matches!(event, Event::Opened(_)) {
                        opened.add(camera, Given::Opened);
                    }
                });
            ending.0.extend(source.cancel_handle());
            let log = Arc::clone(&log);
            scope.spawn(move || read(camera, source, &log));
        }
        log.wait(start, PICTURES);
        for restart in 0..RESTARTS {
            server.kill();
            thread::sleep(AWAY);
            server.again();
            let back = Instant::now();
            // What a connection and its first picture take on this machine now, whoever asks: a busy one is no fault of the
            // cameras'. Once they have waited for their turn, each takes as long, all at once.
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
    for (camera, given) in log.given.lock().expect("nobody failed").iter().enumerate() {
        let (lost, interruptions) = account(given);
        eprintln!("camera {camera}: {lost} frames counted as lost, {interruptions} interruptions");
        assert_eq!(interruptions, RESTARTS, "each is told once");
    }
}
