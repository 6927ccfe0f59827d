//! Played cameras on a simulated clock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use passerby_testkit::{ScriptedSource, SimulatedClock, SourceStep, suite};
use passerby_types::FramePool;

use super::schedule::MAX_LATENESS;
use super::wake_up::WakeUp;
use super::*;
use crate::context::SourceContext;
use crate::video::{Video, VideoSettings};

const MS: Duration = Duration::from_millis(1);

fn script(pictures: usize) -> Box<dyn FrameSource> {
    Box::new(ScriptedSource::new(vec![SourceStep::Picture(8, 8); pictures]))
}

/// Makes a camera sleep by a clock that only moves while the camera sleeps.
fn on(clock: &SimulatedClock, camera: LivePlayback) -> LivePlayback {
    let clock = clock.clone();
    camera.sleeper(move |time| clock.advance(time))
}

/// Returns when each of the next pictures came and its time stamp, in milliseconds.
fn times(clock: &SimulatedClock, camera: &mut LivePlayback, n: usize) -> Vec<(u128, u128)> {
    let one = |camera: &mut LivePlayback| {
        let mut next = camera.next_picture();
        while matches!(&next, Err(SourceError::Lost { .. })) {
            next = camera.next_picture();
        }
        let picture = next.unwrap()?;
        Some((clock.now().0.as_millis(), picture.pts.unwrap().as_millis()))
    };
    std::iter::from_fn(|| one(camera)).take(n).collect()
}

#[test]
fn pictures_come_when_they_are_due() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let mut camera = on(&clock, LivePlayback::new(script(3), Some(10.0), arc.clone()));
    assert!(camera.info().live && camera.info().frame_rate == Some(10.0));
    assert_eq!(times(&clock, &mut camera, 9), [(0, 0), (100, 40), (200, 80)]);
    assert!(camera.next_picture().unwrap().is_none());

    // The script's own times are 40 ms apart.
    let mut own = on(&clock, LivePlayback::new(script(3), None, arc.clone()));
    assert_eq!(times(&clock, &mut own, 9), [(200, 0), (240, 40), (280, 80)]);
}

#[test]
fn due_times_never_drift() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    // The periods aren't a whole number of nanoseconds. After 100,000 pictures each still comes on time.
    for rate in [24.0, 30_000.0 / 1001.0] {
        let mut long = on(&clock, LivePlayback::looped(|| Ok(script(7)), Some(rate), arc.clone()).unwrap());
        let start = clock.now();
        for n in 0..=100_000 {
            let pts = long.next_picture().unwrap().unwrap().pts;
            let due = Duration::from_secs_f64(f64::from(n) / rate);
            assert_eq!((pts, clock.now().since(start)), (Some(due), due));
        }
    }
}

#[test]
fn an_impossible_rate_is_ignored() {
    let clock = SimulatedClock::new();
    for rate in [0.0, -1.0, 1e-30, 1e30, f64::NAN, f64::INFINITY] {
        let mut camera = on(&clock, LivePlayback::new(script(2), Some(rate), Arc::new(clock.clone())));
        assert_eq!(camera.info().frame_rate, Some(25.0));
        let start = clock.now();
        times(&clock, &mut camera, 9);
        assert_eq!(clock.now().since(start), 40 * MS);
    }
}

#[test]
fn a_late_camera_catches_up() {
    let clock = SimulatedClock::new();
    let mut camera = on(&clock, LivePlayback::new(script(100), Some(10.0), Arc::new(clock.clone())));
    times(&clock, &mut camera, 1);
    clock.advance(250 * MS);
    let seen: Vec<u128> = times(&clock, &mut camera, 4).into_iter().map(|t| t.0).collect();
    assert_eq!(seen, [250, 250, 300, 400], "two at once, then in phase again");
}

#[test]
fn a_very_late_camera_moves_its_schedule() {
    let clock = SimulatedClock::new();
    let mut camera = on(&clock, LivePlayback::new(script(100), Some(10.0), Arc::new(clock.clone())));
    times(&clock, &mut camera, 5);
    clock.advance(5000 * MS);
    let seen: Vec<u128> = times(&clock, &mut camera, 3).into_iter().map(|t| t.0).collect();
    assert_eq!(seen, [5400, 5500, 5600]);
    clock.advance(3030 * MS);
    let seen: Vec<u128> = times(&clock, &mut camera, 3).into_iter().map(|t| t.0).collect();
    assert_eq!(seen, [8630, 8700, 8800], "still in phase");
}

#[test]
fn pictures_that_were_due_and_not_played_are_counted() {
    let clock = SimulatedClock::new();
    let mut camera = on(&clock, LivePlayback::new(script(1000), Some(10.0), Arc::new(clock.clone())));
    let (mut played, mut missed) = (0, 0);
    for round in 0..200 {
        match camera.next_picture() {
            Ok(picture) => {
                played += u64::from(picture.is_some());
                // The machine is busy for a while after every tenth picture.
                clock.advance(if round % 10 == 0 { 2340 * MS } else { Duration::ZERO });
            }
            Err(e) => {
                assert_eq!((e.class(), e.lost().1), (ErrorClass::Skip, DropReason::Stale));
                missed += e.lost().0;
            }
        }
    }
    assert!(missed > 100, "{missed}");
    // Each picture that was due by now was played, is late by a second at most, or was counted.
    let due = clock.now().0.as_millis() as u64 / 100 + 1;
    assert!((played + missed..=played + missed + 10).contains(&due), "{played} and {missed} of {due}");
}

/// A source that takes some time for each picture.
struct Slow(Box<dyn FrameSource>, SimulatedClock, Duration);

impl FrameSource for Slow {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        self.1.advance(self.2);
        self.0.next_picture()
    }
    fn info(&self) -> &SourceInfo {
        self.0.info()
    }
}

#[test]
fn a_source_that_is_fast_enough_is_in_time() {
    let clock = SimulatedClock::new();
    let slow = |ms: u32| Box::new(Slow(script(1000), clock.clone(), ms * MS));
    let mut camera = on(&clock, LivePlayback::new(slow(90), Some(10.0), Arc::new(clock.clone())));
    let seen = times(&clock, &mut camera, 3);
    assert_eq!(seen.iter().map(|t| t.0).collect::<Vec<_>>(), [90, 190, 290], "fast enough: in time");
}

#[test]
fn a_slow_source_is_at_most_a_second_late() {
    let clock = SimulatedClock::new();
    let slow = |ms: u32| Box::new(Slow(script(1000), clock.clone(), ms * MS));
    let mut camera = on(&clock, LivePlayback::new(slow(150), Some(10.0), Arc::new(clock.clone())));
    let start = clock.now().0.as_millis() + 150;
    let late = |n: u128, (now, _): (u128, u128)| now - start - n * 100;
    let seen = times(&clock, &mut camera, 1000);
    let total = late(999, seen[999]);
    assert!(seen.windows(2).all(|w| w[1].0 - w[0].0 == 150), "as fast as it can, no faster");
    assert_eq!(total, 999 * 50);
    assert!(
        camera.schedule.moved >= Duration::from_millis(999 * 50) - MAX_LATENESS,
        "{:?}",
        camera.schedule.moved
    );
}

#[test]
fn loops_run_from_the_offset_to_the_limit() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let looped = LivePlayback::looped(|| Ok(script(3)), None, arc.clone()).unwrap().offset(2).limit(200 * MS);
    assert_eq!(looped.info().frames, None);
    let mut camera = on(&clock, looped);
    assert_eq!(times(&clock, &mut camera, 9), [(0, 0), (40, 40), (80, 80), (120, 120), (160, 160)]);
    assert!(camera.next_picture().unwrap().is_none());
}

#[test]
fn an_offset_beyond_the_end_gives_no_pictures() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let mut beyond = on(&clock, LivePlayback::new(script(3), None, arc).offset(9));
    assert!(beyond.next_picture().unwrap().is_none(), "an offset beyond the end leaves nothing");
}

#[test]
fn the_offset_of_a_looped_source_wraps_around() {
    // Three pictures that differ in width, 40 ms apart.
    let clip = || {
        let steps = [
            SourceStep::Damaged,
            SourceStep::Picture(1, 8),
            SourceStep::Picture(2, 8),
            SourceStep::Picture(3, 8),
        ];
        Ok(Box::new(ScriptedSource::new(steps)) as Box<dyn FrameSource>)
    };
    let clock = SimulatedClock::new();
    let first = |offset: &dyn Fn(LivePlayback) -> LivePlayback| {
        let start = clock.now();
        let camera = LivePlayback::looped(clip, Some(10.0), Arc::new(clock.clone())).unwrap();
        let picture = on(&clock, offset(camera)).next_picture().unwrap().unwrap();
        assert_eq!((picture.pts, clock.now()), (Some(Duration::ZERO), start), "at once, from zero");
        picture.image.width()
    };
    for (n, width) in [(1, 2), (2, 3), (3, 1), (5, 3), (u64::MAX, 1)] {
        assert_eq!(first(&|p| p.offset(n)), width, "{n} pictures");
    }
    // The times of the pictures are 0, 40 and 80 ms. The step to the next loop is 100 ms.
    for (ms, width) in [(0, 1), (1, 2), (40, 2), (41, 3), (80, 3), (81, 1), (180, 1), (200, 2), (1811, 2)] {
        assert_eq!(first(&|p| p.offset_time(ms * MS)), width, "{ms} ms");
    }
    first(&|p| p.offset_time(Duration::MAX));
}

#[test]
fn the_limit_counts_time_even_if_the_schedule_moves() {
    let clock = SimulatedClock::new();
    let camera = LivePlayback::looped(|| Ok(script(3)), Some(10.0), Arc::new(clock.clone())).unwrap();
    let mut camera = on(&clock, camera.limit(5000 * MS));
    assert_eq!(times(&clock, &mut camera, 2).len(), 2);
    clock.advance(4000 * MS);
    let seen: Vec<u128> = times(&clock, &mut camera, 99).into_iter().map(|t| t.0).collect();
    assert_eq!(seen, [4100, 4200, 4300, 4400, 4500, 4600, 4700, 4800, 4900]);
    assert!(camera.next_picture().unwrap().is_none());
}

#[test]
fn a_loop_is_dropped_before_the_next_is_opened() {
    struct Counted(Box<dyn FrameSource>, Arc<AtomicU32>);
    impl FrameSource for Counted {
        fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
            self.0.next_picture()
        }
        fn info(&self) -> &SourceInfo {
            self.0.info()
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let clock = SimulatedClock::new();
    let open = Arc::new(AtomicU32::new(0));
    let make = move || {
        assert_eq!(open.fetch_add(1, Ordering::Relaxed), 0, "one at a time");
        Ok(Box::new(Counted(script(2), open.clone())) as Box<dyn FrameSource>)
    };
    let mut camera = on(&clock, LivePlayback::looped(make, None, Arc::new(clock.clone())).unwrap());
    let seen: Vec<u128> = times(&clock, &mut camera, 50).into_iter().map(|t| t.1).collect();
    assert_eq!(seen, (0..50).map(|n| 40 * n).collect::<Vec<_>>());
}

#[test]
fn loops_can_share_their_buffers() {
    let clock = SimulatedClock::new();
    let pool = FramePool::default();
    let lender = pool.clone();
    let open = move || {
        let settings = VideoSettings {
            context: SourceContext { pool: lender.clone(), ..SourceContext::default() },
            ..VideoSettings::default()
        };
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
        Ok(Box::new(Video::open_with(path, settings)?) as Box<dyn FrameSource>)
    };
    let mut camera = on(&clock, LivePlayback::looped(open, None, Arc::new(clock.clone())).unwrap());
    times(&clock, &mut camera, 20);
    let first = pool.stats().allocated;
    times(&clock, &mut camera, 200);
    assert_eq!(pool.stats().allocated, first);
}

#[test]
fn a_played_file_is_a_source() {
    let clock = SimulatedClock::new();
    let tiny = || crate::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4"));
    let arc: Arc<dyn Clock> = Arc::new(clock.clone());
    for rate in [None, Some(4.0)] {
        assert_eq!(suite::source(on(&clock, LivePlayback::new(tiny().unwrap(), rate, arc.clone()))), (10, 0));
        let looped = LivePlayback::looped(tiny, rate, arc.clone()).unwrap().limit(10_000 * MS);
        let pictures = if rate.is_some() { 40 } else { 100 };
        assert_eq!(suite::source(on(&clock, looped)), (pictures, 0));
    }
}

#[test]
fn errors_pass_through() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let steps =
        || [SourceStep::Picture(8, 8), SourceStep::Damaged, SourceStep::Picture(8, 8), SourceStep::Truncated];
    let mut camera =
        on(&clock, LivePlayback::new(Box::new(ScriptedSource::new(steps())), Some(10.0), arc.clone()));
    let seen: Vec<String> = (0..5)
        .map(|_| match camera.next_picture() {
            Ok(Some(_)) => format!("picture at {}", clock.now().0.as_millis()),
            Ok(None) => "end".into(),
            Err(e) => format!("{:?} at {}", e.class(), clock.now().0.as_millis()),
        })
        .collect();
    assert_eq!(seen, ["picture at 0", "Skip at 100", "picture at 200", "Fatal at 200", "end"]);
}

#[test]
fn a_looped_source_without_pictures_ends_with_an_error() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let lost = || Ok(Box::new(ScriptedSource::new([SourceStep::Damaged])) as Box<dyn FrameSource>);
    let mut lost = on(&clock, LivePlayback::looped(lost, Some(10.0), arc.clone()).unwrap());
    assert_eq!(lost.next_picture().unwrap_err().class(), ErrorClass::Skip);
    assert!(lost.next_picture().unwrap_err().to_string().contains("no picture"));

    let mut empty = on(&clock, LivePlayback::looped(|| Ok(script(0)), None, arc.clone()).unwrap());
    assert!(empty.next_picture().unwrap_err().to_string().contains("no picture"));
    assert!(empty.next_picture().unwrap().is_none());
}

#[test]
fn an_error_of_a_later_opening_ends_the_camera() {
    let clock = SimulatedClock::new();
    let arc = Arc::new(clock.clone());
    let gone = |n: &mut u32| {
        *n += 1;
        if *n == 1 { Ok(script(1)) } else { Err(SourceError::Empty { input: "gone".into() }) }
    };
    let mut calls = 0;
    let mut camera = on(&clock, LivePlayback::looped(move || gone(&mut calls), None, arc).unwrap());
    assert!(camera.next_picture().unwrap().is_some());
    assert!(camera.next_picture().is_err());
    assert!(camera.next_picture().unwrap().is_none());
}

#[test]
fn a_long_wait_can_be_cancelled() {
    let mut camera = LivePlayback::new(script(5), Some(0.001), Arc::new(passerby_types::SystemClock::new()));
    assert!(camera.next_picture().unwrap().is_some());
    let cancel = camera.cancel_handle().unwrap();
    let waiting = std::thread::Builder::new()
        .name("camera".into())
        .spawn(move || (camera.next_picture().unwrap().is_none(), camera.next_picture().unwrap().is_none()));
    cancel.cancel();
    assert_eq!(waiting.unwrap().join().unwrap(), (true, true));
}

#[test]
fn a_source_that_hangs_can_be_cancelled() {
    struct Hanging(SourceInfo, Arc<WakeUp>, SyncSender<()>);
    impl FrameSource for Hanging {
        fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
            self.2.send(()).unwrap();
            self.1.wait(Duration::from_secs(60));
            Ok(None)
        }
        fn info(&self) -> &SourceInfo {
            &self.0
        }
        fn cancel_handle(&self) -> Option<CancelHandle> {
            let wake_up = Arc::clone(&self.1);
            Some(CancelHandle::new(move || wake_up.cancel()))
        }
    }
    let clock = Arc::new(passerby_types::SystemClock::new());
    // The second loop plays a source that hangs.
    let mut first = true;
    let (hangs, hanging) = sync_channel(1);
    let open = move || -> Result<Box<dyn FrameSource>, SourceError> {
        let hanging = Hanging(SourceInfo::default(), Arc::default(), hangs.clone());
        Ok(if std::mem::take(&mut first) { script(1) } else { Box::new(hanging) })
    };
    let mut camera = LivePlayback::looped(open, Some(100.0), clock).unwrap();
    assert!(camera.next_picture().unwrap().is_some());
    let cancel = camera.cancel_handle().unwrap();
    let start = std::time::Instant::now();
    let waiting = std::thread::Builder::new().name("camera".into()).spawn(move || camera.next_picture());
    hanging.recv().unwrap();
    cancel.cancel();
    assert!(waiting.unwrap().join().unwrap().unwrap().is_none());
    assert!(start.elapsed() < Duration::from_secs(30));
}
