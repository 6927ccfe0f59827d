//! The life of a pipeline: its start, changes while it runs, and a stop that leaves nothing behind.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use passerby_pipeline::{Pipeline, PipelineError, PipelineSettings, RecvOutcome, Stages, WhenFull};
use passerby_testkit::{FixedClassifier, FixedEmbedder, LatestEstimate, OrderTracker, PersonPerTrack};
use passerby_types::{
    AttributeFusion, CameraId, CancelHandle, Classifier, Detector, Embedder, FrameSource, Identifier,
    Observation, Picture, Sink, SinkError, SourceError, SourceInfo, StageError, SystemClock, Tracker,
};
use support::{Camera, Latch, OneFace, Then, settled, stages, until};

/// Lets one test run at a time, because the tests count the threads of the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    none_left();
    guard
}

/// Returns the number of pipeline threads in the process.
fn running() -> usize {
    support::threads(&["capture-", "track-", "detect-", "embed-", "classify-", "store", "monitor"])
}

/// Waits until all pipeline threads have ended. The system lists a joined thread for a moment longer.
fn none_left() {
    until("no thread is left", || running() == 0);
}

fn pipeline() -> Pipeline {
    Pipeline::new(stages(|_| {}), PipelineSettings::default(), Arc::new(SystemClock::new()))
}

/// A sink that counts its rows and flushes.
#[derive(Clone, Default)]
struct Tally {
    rows: Arc<AtomicU64>,
    flushes: Arc<AtomicU64>,
}

impl Sink for Tally {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.rows.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn cameras_can_be_added_while_it_runs() {
    let _alone = alone();
    let tally = Tally::default();
    let handle = pipeline().camera(CameraId(0), Camera::live(100.0)).sink(tally.clone()).start().unwrap();
    let first = handle.subscribe("first", 1000, WhenFull::DropOldest);
    assert!(first.recv().is_some());

    handle.add(CameraId(7), Camera::live(100.0)).unwrap();
    handle.add(CameraId(3), Camera::file(50)).unwrap();
    assert!(matches!(handle.add(CameraId(7), Camera::file(1)), Err(PipelineError::CameraInUse(CameraId(7)))));
    until("the new camera is observed", || first.recv().unwrap().meta.camera == CameraId(7));
    let late = handle.subscribe("late", 1000, WhenFull::DropOldest);
    assert!(handle.wait(CameraId(3), LONG), "a file ends by itself");
    assert!(
        matches!(handle.add(CameraId(3), Camera::file(1)), Err(PipelineError::CameraInUse(_))),
        "for good"
    );
    assert_eq!(handle.cameras(), [CameraId(0), CameraId(7)]);

    assert!(handle.remove(CameraId(7), LONG));
    assert!(!handle.remove(CameraId(8), LONG), "there is none");
    assert!(!handle.wait(CameraId(8), LONG));
    assert!(handle.remove(CameraId(7), Duration::ZERO), "it has ended already");
    assert_eq!(handle.cameras(), [CameraId(0)]);
    drop(first);
    while late.try_recv().is_some() {}
    assert_eq!(late.recv().unwrap().meta.camera, CameraId(0), "the others go on");

    let finished = handle.stop(LONG);
    settled(&finished);
    assert_eq!(finished.abandoned, [""; 0]);
    let cameras: Vec<_> = finished.reports.iter().map(|r| r.camera.0).collect();
    assert_eq!(cameras, [0, 7, 3], "in the order in which they came");
    assert_eq!(finished.reports[2].ledger.analysed, 50);
    while late.recv().is_some() {}
    assert!(matches!(late.recv_timeout(LONG), RecvOutcome::Closed));
    let observed: u64 = finished.reports.iter().map(|r| r.ledger.analysed).sum();
    assert_eq!(finished.written.total().written, observed);
    assert_eq!((tally.rows.load(Ordering::Relaxed), tally.flushes.load(Ordering::Relaxed)), (observed, 1));
    none_left();
}

#[test]
fn a_pause_stops_the_readers() {
    let _alone = alone();
    let handle = pipeline().camera(CameraId(0), Camera::live(200.0)).start_paused().unwrap();
    let metrics = handle.metrics();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(metrics.snapshot().ledger().captured, 0);
    handle.resume();
    until("frames come", || metrics.snapshot().ledger().captured > 3);
    handle.pause();
    // One picture may still come.
    let stands = || {
        let captured = metrics.snapshot().ledger().captured;
        std::thread::sleep(Duration::from_millis(100));
        metrics.snapshot().ledger().captured == captured
    };
    until("no more frames come", stands);

    let start = Instant::now();
    let finished = handle.stop(LONG);
    assert!(start.elapsed() < LONG / 4);
    settled(&finished);
    assert_eq!(finished.abandoned, [""; 0]);
    assert_eq!(metrics.snapshot().ledger().in_flight, 0, "the figures outlive the pipeline");
    none_left();
}

#[test]
fn files_stay_in_step_over_a_long_pause() {
    let _alone = alone();
    let settings =
        PipelineSettings { stuck_after: Duration::from_millis(1500), ..PipelineSettings::default() };
    let mut pipeline = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()));
    for id in 0..3 {
        pipeline = pipeline.camera(CameraId(id), Camera::file(20_000));
    }
    let all = pipeline.subscribe("test", 100_000, WhenFull::Block);
    let handle = pipeline.start().unwrap();
    let metrics = handle.metrics();
    for pause in 1..=2 {
        until("the files go on", || metrics.snapshot().ledger().captured > pause * 30);
        handle.pause();
        // Longer than `stuck_after`, which is longer than a busy machine holds a thread up.
        std::thread::sleep(Duration::from_millis(2000));
        handle.resume();
    }
    let finished = handle.stop(LONG);
    settled(&finished);
    let seen: Vec<_> = std::iter::from_fn(|| all.recv()).map(|o| (o.meta.seq, o.meta.camera)).collect();
    // The stop ends each camera at another frame.
    let ledgers = finished.reports.iter().map(|r| r.ledger.captured);
    let common = ledgers.min().unwrap();
    let in_step: Vec<_> = seen.into_iter().filter(|(seq, _)| *seq < common).collect();
    assert!(in_step.is_sorted() && in_step.len() > 10, "{}", in_step.len());
    for report in &finished.reports {
        assert_eq!(report.notes, [""; 0]);
    }
    none_left();
}

#[test]
fn a_camera_can_be_removed_during_a_pause() {
    let _alone = alone();
    let handle = pipeline().camera(CameraId(0), Camera::file(9)).start_paused().unwrap();
    assert!(handle.remove(CameraId(0), LONG));
    assert_eq!(handle.finish().reports[0].ledger.captured, 0);
    none_left();
}

/// A camera that opens the latch when the pipeline stops it.
struct OpensAtStop(Camera, Latch);

impl FrameSource for OpensAtStop {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        self.0.next_picture()
    }
    fn info(&self) -> &SourceInfo {
        self.0.info()
    }
    fn cancel_handle(&self) -> Option<CancelHandle> {
        let latch = self.1.clone();
        Some(CancelHandle::new(move || latch.open()))
    }
}

#[test]
fn a_stop_finishes_the_frames_that_are_inside() {
    let _alone = alone();
    let latch = Latch::default();
    let wait = latch.clone();
    let settings = PipelineSettings { detect_workers: 1, ..PipelineSettings::default() };
    let clock = Arc::new(SystemClock::new());
    let tally = Tally::default();
    let camera = OpensAtStop(Camera::file(100), latch);
    let handle = Pipeline::new(stages(move |_| wait.wait()), settings, clock)
        .camera(CameraId(0), camera)
        .sink(tally.clone())
        .start()
        .unwrap();
    let metrics = handle.metrics();
    until("the fourth frame is captured", || metrics.snapshot().ledger().captured == 4);
    let finished = handle.stop(LONG);
    settled(&finished);
    let ledger = &finished.reports[0].ledger;
    // One was in the detector, two in the queue, and one waited for room in it.
    assert_eq!((ledger.captured, ledger.analysed), (4, 4), "{ledger:?}");
    assert_eq!(tally.rows.load(Ordering::Relaxed), 4);
    none_left();
}

#[test]
fn a_handle_that_is_dropped_stops_everything() {
    let _alone = alone();
    let tally = Tally::default();
    let handle = pipeline().camera(CameraId(0), Camera::live(200.0)).sink(tally.clone()).start().unwrap();
    let all = handle.subscribe("test", 4, WhenFull::DropOldest);
    let metrics = handle.metrics();
    assert!(all.recv().is_some());
    drop(handle);
    none_left();
    while all.recv().is_some() {}
    let ledger = metrics.snapshot().ledger();
    assert_eq!((ledger.in_flight, tally.flushes.load(Ordering::Relaxed)), (0, 1));
    assert_eq!(ledger.analysed, tally.rows.load(Ordering::Relaxed));
    none_left();
}

#[test]
fn any_timeout_is_accepted() {
    let _alone = alone();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let cameras = [Camera::live(200.0), Camera::file(1_000_000)];
        let mut pipeline = pipeline().sink(Tally::default());
        for (id, camera) in (0..).zip(cameras) {
            pipeline = pipeline.camera(CameraId(id), camera);
        }
        let handle = pipeline.start().unwrap();
        let metrics = handle.metrics();
        until("the file is read", || metrics.snapshot().cameras[1].ledger.captured > 0);
        let start = Instant::now();
        let finished = handle.stop(timeout);
        assert!(start.elapsed() < LONG / 4);
        settled(&finished);
        assert!(finished.reports[1].ledger.captured > 0);
        if timeout == Duration::MAX {
            assert_eq!(finished.abandoned, [""; 0]);
        }
        // Abandoned threads end by themselves.
        none_left();
    }
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let _alone = alone();
    fn fails<T: ?Sized>() -> Result<Box<T>, StageError> {
        Err(StageError::fatal("test", "scripted"))
    }
    let detector = || stages(|_| {}).with_detector(fails::<dyn Detector>);
    let tracker = || stages(|_| {}).with_tracker(fails::<dyn Tracker>);
    let plain = || Stages::new(|| OneFace(|_: &_| {}), OrderTracker::default);
    let embedder = || plain().identifying(fails::<dyn Embedder>, PersonPerTrack::default);
    let identify = || plain().identifying(FixedEmbedder::default, fails::<dyn Identifier>);
    let classifier = || {
        plain()
            .identifying(FixedEmbedder::default, PersonPerTrack::default)
            .classifying(fails::<dyn Classifier>, LatestEstimate::default)
    };
    let fuse = || plain().classifying(FixedClassifier::default, fails::<dyn AttributeFusion>);
    for stages in [detector(), tracker(), embedder(), identify(), classifier(), fuse()] {
        let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()));
        let start = Instant::now();
        let error = pipeline.camera(CameraId(0), Camera::live(9.0)).start().unwrap_err();
        assert_eq!(error.to_string(), "test: scripted");
        none_left();
        assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
    }
}

#[test]
fn a_number_can_be_used_once() {
    let _alone = alone();
    let start = Instant::now();
    let twice = pipeline()
        .camera(CameraId(4), Camera::live(9.0))
        .camera(CameraId(5), Camera::file(9))
        .camera(CameraId(4), Camera::live(9.0));
    assert!(matches!(twice.start(), Err(PipelineError::CameraInUse(CameraId(4)))));
    assert!(start.elapsed() < LONG / 4, "the start does not wait for cameras that never ran");
    none_left();
}

#[test]
fn a_camera_that_cannot_be_added_does_not_affect_the_others() {
    let _alone = alone();
    let made = Arc::new(AtomicU64::new(0));
    let first_two = move || match made.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Ok(Box::new(OrderTracker::default()) as Box<dyn Tracker>),
        _ => Err(StageError::fatal("test", "scripted")),
    };
    let stages = stages(|_| {}).with_tracker(first_two);
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()));
    let handle = pipeline.camera(CameraId(0), Camera::file(5)).start().unwrap();
    handle.add(CameraId(1), Camera::file(6)).unwrap();
    assert!(matches!(handle.add(CameraId(2), Camera::file(7)), Err(PipelineError::Stage(_))));
    let finished = handle.finish();
    let analysed: Vec<_> = finished.reports.iter().map(|r| r.ledger.analysed).collect();
    assert_eq!(analysed, [5, 6]);
    none_left();
}

#[test]
fn a_pipeline_runs_without_cameras() {
    let _alone = alone();
    let finished = pipeline().sink(Tally::default()).run().unwrap();
    assert_eq!((finished.reports.len(), finished.abandoned.len()), (0, 0));
    none_left();
}

#[test]
fn cameras_without_frames_end_at_once() {
    let _alone = alone();
    let finished = pipeline()
        .camera(CameraId(0), Camera::file(0))
        .camera(CameraId(1), Camera::live(9.0).frames(0, Then::End))
        .camera(CameraId(2), Camera::live(9.0).frames(0, Then::Fail))
        .run()
        .unwrap();
    settled(&finished);
    let ends: Vec<_> = finished.reports.iter().map(|r| (r.ledger.captured, r.error.is_some())).collect();
    assert_eq!(ends, [(0, false), (0, false), (0, true)]);
    none_left();
}

#[test]
fn forty_cameras_are_all_read_to_their_end() {
    let _alone = alone();
    let tally = Tally::default();
    let mut pipeline = pipeline().sink(tally.clone());
    for id in 0..40 {
        let camera = if id % 2 == 0 { Camera::file(25) } else { Camera::live(25.0).frames(10, Then::End) };
        pipeline = pipeline.camera(CameraId(id), camera);
    }
    let finished = pipeline.run().unwrap();
    settled(&finished);
    for report in &finished.reports {
        let frames = if report.camera.0 % 2 == 0 { 25 } else { 10 };
        assert_eq!(report.ledger.captured, frames, "{}", report.camera);
        if frames == 25 {
            assert_eq!(report.ledger.analysed, 25);
        }
    }
    let observed: u64 = finished.reports.iter().map(|r| r.ledger.analysed).sum();
    assert_eq!(tally.rows.load(Ordering::Relaxed), observed);
    none_left();
}

#[test]
fn five_hundred_pipelines_leave_nothing_behind() {
    let _alone = alone();
    let cycle = |timeout: Duration| {
        let handle = pipeline()
            .camera(CameraId(0), Camera::live(500.0))
            .camera(CameraId(1), Camera::file(8))
            .sink(Tally::default())
            .start()
            .unwrap();
        let all = handle.subscribe("test", 4, WhenFull::DropOldest);
        assert!(handle.wait(CameraId(1), LONG));
        handle.add(CameraId(2), Camera::file(1)).unwrap();
        let finished = handle.stop(timeout);
        settled(&finished);
        drop(all);
    };
    (0..50).for_each(|_| cycle(LONG));
    none_left();
    let before = resident();
    (0..450).for_each(|_| cycle(LONG));
    none_left();
    let grown = resident().saturating_sub(before);
    println!("{grown} kB more after 450 lives");
    // The state of one camera takes about 50 kB. This is a tenth of 450 of them.
    assert!(grown < 4096, "{grown} kB");
}

#[test]
fn three_hundred_cameras_leave_no_threads_behind() {
    let _alone = alone();
    let handle = pipeline().camera(CameraId(0), Camera::live(50.0)).start().unwrap();
    let settings = PipelineSettings::default();
    let before = settings.detect_workers + settings.embed_workers + settings.classify_workers + 3;
    until("all run", || running() == before);
    let mut mapped = 0;
    let mut held = 0;
    for id in 1..=300 {
        handle.add(CameraId(id), Camera::file(2)).unwrap();
        assert!(handle.wait(CameraId(id), LONG));
        if id == 30 {
            (mapped, held) = (size(), resident());
        }
    }
    until("their threads end", || running() <= before);
    let metrics = handle.metrics();
    let lanes = || metrics.snapshot().queues.iter().filter(|(name, _)| name.starts_with("detect")).count();
    until("their lanes go", || lanes() == 1);
    // A thread that is not joined keeps its stack, which is two megabytes of addresses.
    let grown = size().saturating_sub(mapped) / 1024;
    let kept = resident().saturating_sub(held) / 270;
    println!("{grown} MB of addresses more after 270 cameras, {kept} kB kept of each");
    assert!(grown < 270, "{grown} MB");
    settled(&handle.stop(LONG));
    none_left();
}

/// Returns a memory figure of the process in kB from Linux's `/proc/self/status`, or 0 if the system has no such file.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn resident() -> u64 {
    status("VmRSS")
}

fn size() -> u64 {
    status("VmSize")
}
