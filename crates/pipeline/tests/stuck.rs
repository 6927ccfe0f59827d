//! Calls that do not return: the pipeline reports them, the other cameras go on, and a stop does not wait for them.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use passerby_pipeline::{GovernorLimits, Handle, Metrics, Pipeline, PipelineSettings, Stages, WhenFull};
use passerby_testkit::{FixedClassifier, FixedEmbedder, LatestEstimate, OrderTracker, PersonPerTrack};
use passerby_types::{
    AttributeFusion, Attributes, CameraId, Classifier, DropReason, Embedder, Embedding, Face, FaceChip,
    Frame, FrameMeta, Identifier, Identity, Observation, Sighting, Sink, SinkError, StageError, SystemClock,
    TrackKey, TrackUpdate, Tracker,
};
use support::{Camera, Latch, OneFace, settled, until};

const STUCK: Duration = Duration::from_millis(300);
const RATE: f64 = 20.0;
const SICK: CameraId = CameraId(0);

/// The first call for camera 0 from its tenth frame on waits until the latch opens.
#[derive(Clone, Default)]
struct Trap {
    latch: Latch,
    sprung: Arc<AtomicBool>,
}

impl Trap {
    fn pass(&self, camera: CameraId, late: bool) {
        if camera == SICK && late && !self.sprung.swap(true, Ordering::Relaxed) {
            self.latch.wait();
        }
    }
}

/// A stage behind a trap.
struct Trapped<S>(S, Trap);

impl<S: Tracker> Tracker for Trapped<S> {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        self.1.pass(meta.camera, meta.seq >= 10);
        self.0.update(meta, faces, out);
    }
}
impl<S: Embedder> Embedder for Trapped<S> {
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        chips.iter().for_each(|chip| self.1.pass(chip.meta.camera, true));
        self.0.embed(chips, out)
    }
}
impl<S: Classifier> Classifier for Trapped<S> {
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
        chips.iter().for_each(|chip| self.1.pass(chip.meta.camera, true));
        self.0.classify(chips, out)
    }
}
impl<S: Identifier> Identifier for Trapped<S> {
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]) {
        sightings.iter().for_each(|s| self.1.pass(s.track.camera, true));
        self.0.identify(sightings, visible);
    }
    fn identity(&self, track: TrackKey) -> Identity {
        self.0.identity(track)
    }
    fn end(&mut self, track: TrackKey) {
        self.0.end(track);
    }
}
impl<S: AttributeFusion> AttributeFusion for Trapped<S> {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32) {
        self.1.pass(track.camera, true);
        self.0.fuse(track, estimate, quality);
    }
    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        self.0.attributes(track)
    }
    fn end(&mut self, track: TrackKey) {
        self.0.end(track);
    }
}
impl<S: Sink> Sink for Trapped<S> {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.1.pass(SICK, true);
        self.0.write(batch)
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.flush()
    }
}

/// A sink that accepts everything.
struct Void;
impl Sink for Void {
    fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Returns all stages, with this one behind the trap.
fn stages(stage: &str, trap: &Trap) -> Stages {
    let of = |name: &str| if stage == name { trap.clone() } else { sprung() };
    let detect = of("detect");
    let track = of("track");
    let embed = of("embed");
    let identify = of("identify");
    let classify = of("classify");
    let fuse = of("fuse");
    let before = move |frame: &Frame| detect.pass(frame.meta.camera, frame.meta.seq >= 10);
    Stages::new(move || OneFace(before.clone()), move || Trapped(OrderTracker::default(), track.clone()))
        .identifying(
            move || Trapped(FixedEmbedder::default(), embed.clone()),
            move || Trapped(PersonPerTrack::default(), identify.clone()),
        )
        .classifying(
            move || Trapped(FixedClassifier::default(), classify.clone()),
            move || Trapped(LatestEstimate::default(), fuse.clone()),
        )
}

/// Returns a trap that holds no call.
fn sprung() -> Trap {
    let trap = Trap::default();
    trap.sprung.store(true, Ordering::Relaxed);
    trap
}

fn settings() -> PipelineSettings {
    PipelineSettings {
        detect_workers: 2,
        stuck_after: STUCK,
        reorder_timeout: STUCK,
        ..PipelineSettings::default()
    }
}

/// Starts three live cameras with this stage behind the trap, and waits until the trap holds a call.
fn start(stage: &'static str, trap: &Trap) -> Handle {
    let sink = if stage == "store" { trap.clone() } else { sprung() };
    let mut pipeline = Pipeline::new(stages(stage, trap), settings(), Arc::new(SystemClock::new()))
        .sink(Trapped(Void, sink));
    for id in 0..3 {
        pipeline = pipeline.camera(CameraId(id), Camera::live(RATE));
    }
    let handle = pipeline.start().expect("it starts");
    let metrics = handle.metrics();
    let camera = (stage != "store").then_some(SICK);
    until("the call is reported", || is_stuck(&metrics, stage, camera));
    handle
}

fn is_stuck(metrics: &Metrics, stage: &str, camera: Option<CameraId>) -> bool {
    metrics.snapshot().stuck.iter().any(|call| call.stage == stage && call.camera == camera)
}

/// Waits until the cameras analyse 90 % of the frames that they capture for a second. A busy machine may need several
/// tries.
fn at_full_rate(metrics: &Metrics, cameras: &[usize]) {
    let counts = |camera: &usize| {
        let ledger = metrics.snapshot().cameras[*camera].ledger.clone();
        (ledger.captured, ledger.analysed)
    };
    until("the others go on at full rate", || {
        let before: Vec<_> = cameras.iter().map(counts).collect();
        std::thread::sleep(Duration::from_secs(1));
        before.iter().zip(cameras.iter().map(counts)).all(|(before, now)| {
            let captured = now.0 - before.0;
            captured as f64 >= RATE / 2.0 && (now.1 - before.1) as f64 > 0.9 * captured as f64
        })
    });
}

/// Returns the name of a thread without its number in a pool.
fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

fn goes_on_and_comes_back(stage: &'static str) {
    let trap = Trap::default();
    let handle = start(stage, &trap);
    let metrics = handle.metrics();
    at_full_rate(&metrics, &[1, 2]);
    trap.latch.open();
    until("the call came back", || metrics.snapshot().stuck.is_empty());
    at_full_rate(&metrics, &[0, 1, 2]);
    let start = Instant::now();
    let finished = handle.stop(Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(5));
    settled(&finished);
    assert_eq!(finished.abandoned, [""; 0], "{stage}");
    assert_eq!(finished.written.total().lost, 0, "{stage}");
    assert!(finished.figures.stuck_total >= 1);
    let noted = finished.reports[0].notes.iter().any(|n| n.contains(stage) && n.contains("no answer for"));
    assert!(noted || stage == "store", "{:?}", finished.reports[0].notes);
}

fn is_left_behind_at_the_stop(stage: &'static str, thread: &str) {
    let trap = Trap::default();
    let handle = start(stage, &trap);
    let timeout = Duration::from_secs(2);
    let start = Instant::now();
    let finished = handle.stop(timeout);
    let took = start.elapsed();
    assert!(took < timeout + Duration::from_secs(2), "{stage}: {took:?}");
    settled(&finished);
    let abandoned: Vec<&str> = finished.abandoned.iter().map(|name| stem(name)).collect();
    assert_eq!(abandoned, [stem(thread)], "{stage}: {:?}", finished.abandoned);
    if stage == "store" {
        let total = finished.written.total();
        let observed: u64 = finished.reports.iter().map(|r| r.ledger.analysed).sum();
        assert_eq!((total.offered, total.written, total.lost), (observed, 0, observed));
    } else {
        assert_eq!(finished.written.total().lost, 0, "{stage}");
    }
    trap.latch.open();
}

const STAGES: [(&str, &str); 7] = [
    ("detect", "detect-0"),
    ("track", "track-0"),
    ("embed", "embed-0"),
    ("classify", "classify-0"),
    ("identify", "track-0"),
    ("fuse", "track-0"),
    ("store", "store"),
];

#[test]
fn a_stuck_call_holds_up_only_its_own_camera() {
    std::thread::scope(|scope| {
        for (stage, _) in STAGES {
            scope.spawn(move || goes_on_and_comes_back(stage));
        }
    });
}

#[test]
fn a_stop_abandons_a_stuck_call() {
    std::thread::scope(|scope| {
        for (stage, thread) in STAGES {
            scope.spawn(move || is_left_behind_at_the_stop(stage, thread));
        }
    });
}

#[test]
fn a_detector_that_hangs_on_one_camera_leaves_workers_to_the_others() {
    let latch = Latch::default();
    let wait = latch.clone();
    let before = move |frame: &Frame| {
        if frame.meta.camera == SICK {
            wait.wait();
        }
    };
    let mut pipeline = Pipeline::new(support::stages(before), settings(), Arc::new(SystemClock::new()));
    for id in 0..3 {
        pipeline = pipeline.camera(CameraId(id), Camera::live(RATE));
    }
    let handle = pipeline.start().unwrap();
    let metrics = handle.metrics();
    until("it is reported", || is_stuck(&metrics, "detect", Some(SICK)));
    at_full_rate(&metrics, &[1, 2]);
    let workers = metrics.snapshot().pools[0].1.workers;
    assert!((3..=4).contains(&workers), "one spare worker for each stuck call: {workers}");
    latch.open();
    until("no spare worker is left", || metrics.snapshot().pools[0].1.workers == 2);
    at_full_rate(&metrics, &[0, 1, 2]);
    let finished = handle.stop(Duration::from_secs(20));
    settled(&finished);
    assert_eq!(finished.abandoned, [""; 0]);
    let ledger = &finished.reports[0].ledger;
    assert!(ledger.dropped[&DropReason::QueueFull] > 10, "{ledger:?}");
}

#[test]
fn a_file_does_not_wait_for_another_with_a_stuck_stage() {
    for stage in ["detect", "track", "embed", "classify"] {
        let trap = Trap::default();
        let settings =
            PipelineSettings { detect_workers: 1, embed_workers: 1, classify_workers: 1, ..settings() };
        let handle = Pipeline::new(stages(stage, &trap), settings, Arc::new(SystemClock::new()))
            .camera(SICK, Camera::file(60))
            .camera(CameraId(1), Camera::file(60))
            .start()
            .unwrap();
        assert!(handle.wait(CameraId(1), Duration::from_secs(20)), "{stage}");
        trap.latch.open();
        let finished = handle.finish();
        settled(&finished);
        let analysed: Vec<_> = finished.reports.iter().map(|r| r.ledger.analysed).collect();
        assert_eq!(analysed, [60, 60], "{stage}");
    }
}

#[test]
fn a_blocking_subscriber_holds_up_only_the_cameras() {
    let mut pipeline = Pipeline::new(stages("", &sprung()), settings(), Arc::new(SystemClock::new()));
    for id in 0..2 {
        pipeline = pipeline.camera(CameraId(id), Camera::live(RATE));
    }
    let handle = pipeline.start().unwrap();
    let metrics = handle.metrics();
    let other = handle.subscribe("other", 4, WhenFull::DropOldest);
    let blocks = handle.subscribe("blocks", 4, WhenFull::Block);
    let held = |camera| is_stuck(&metrics, "publish", Some(CameraId(camera)));
    until("both cameras wait", || held(0) && held(1));
    // Other subscriptions can be opened and dropped in the meantime.
    drop(other);
    let third = handle.subscribe("third", 4, WhenFull::DropOldest);
    assert!(blocks.recv().is_some());
    until("both cameras wait again", || blocks.stats().depth == 4 && held(0) && held(1));
    assert!(third.stats().sent <= 2);
    let dropped = |m: &Metrics| m.snapshot().ledger().dropped_total();
    let before = dropped(&metrics);
    until("frames are dropped and counted", || dropped(&metrics) > before + 10);

    let timeout = Duration::from_secs(5);
    let start = Instant::now();
    let finished = handle.stop(timeout);
    assert!(start.elapsed() < timeout + Duration::from_secs(2), "{:?}", start.elapsed());
    settled(&finished);
    assert_eq!(finished.abandoned, [""; 0]);
}

#[test]
fn a_stuck_camera_does_not_make_the_governor_thin_the_others() {
    let trap = Trap::default();
    // Late results would come from a busy machine.
    let limits =
        GovernorLimits { workers: 2..=2, max_age_p95: Duration::from_secs(10), ..GovernorLimits::default() };
    let settings = PipelineSettings { governor: Some(limits), ..settings() };
    let mut pipeline = Pipeline::new(stages("detect", &trap), settings, Arc::new(SystemClock::new()));
    // So slow that a busy machine does not make the healthy cameras drop frames.
    for id in 0..3 {
        pipeline = pipeline.camera(CameraId(id), Camera::live(5.0));
    }
    let handle = pipeline.start().expect("it starts");
    let metrics = handle.metrics();
    until("the stuck call is reported", || !metrics.snapshot().stuck.is_empty());
    // A governor that counted these drops would thin detection several times in this time.
    let dropped = |metrics: &Metrics| metrics.snapshot().cameras[0].ledger.dropped_total();
    until("the stuck camera drops frames", || dropped(&metrics) > 25);
    let figures = metrics.snapshot();
    assert!(
        figures.cameras[0].ledger.dropped[&DropReason::QueueFull] > 20,
        "{:?}",
        figures.cameras[0].ledger
    );
    assert!(figures.cameras[1..].iter().all(|camera| camera.cadence == 1), "{:?}", figures.decisions);
    trap.latch.open();
    settled(&handle.stop(Duration::from_secs(5)));
}

#[test]
fn spare_workers_start_long_before_a_call_is_stuck() {
    let latch = Latch::default();
    let wait = latch.clone();
    let before = move |frame: &Frame| {
        if frame.meta.camera == SICK && frame.meta.seq >= 10 {
            wait.wait();
        }
    };
    let settings = PipelineSettings { detect_workers: 2, stuck_after: Duration::from_secs(60), ..settings() };
    let mut pipeline = Pipeline::new(support::stages(before), settings, Arc::new(SystemClock::new()));
    for id in 0..3 {
        pipeline = pipeline.camera(CameraId(id), Camera::live(RATE));
    }
    let handle = pipeline.start().unwrap();
    let metrics = handle.metrics();
    until("spare workers start", || metrics.snapshot().pools[0].1.workers > 2);
    at_full_rate(&metrics, &[1, 2]);
    assert!(metrics.snapshot().stuck.is_empty());
    latch.open();
    until("no spare worker is left", || metrics.snapshot().pools[0].1.workers == 2);
    at_full_rate(&metrics, &[0, 1, 2]);
    settled(&handle.stop(Duration::from_secs(20)));
}
