//! Helpers that the tests of a running pipeline share: a camera that can fail or stall, a latch that a test opens, and
//! checks of the final report.

// Each test file uses only some of these helpers.
#![allow(dead_code)]

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use passerby_pipeline::{PipelineReport, Stages};
use passerby_testkit::suite::frontal;
use passerby_testkit::{
    FixedClassifier, FixedEmbedder, LatestEstimate, OrderTracker, PersonPerTrack, uniform,
};
use passerby_types::{
    BBox, Detector, Face, Frame, FrameSource, Picture, PixelLayout, SourceError, SourceInfo, StageError,
};

/// Blocks its waiters until a test opens it. Once open, it stays open.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn open(&self) {
        *self.0.0.lock().expect("no panic inside") = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        drop(
            self.0
                .1
                .wait_while(self.0.0.lock().expect("no panic inside"), |open| !*open)
                .expect("no panic inside"),
        );
    }
}

/// The behaviour of a [`Camera`] after its last picture.
#[derive(Clone)]
pub(crate) enum Then {
    End,
    Fail,
    Stall(Latch),
}

/// A camera that returns small grey pictures at its own rate.
pub(crate) struct Camera {
    info: SourceInfo,
    period: Duration,
    due: Option<Instant>,
    given: u64,
    frames: u64,
    then: Then,
    size: fn(u64) -> (u32, u32),
}

impl Camera {
    /// Returns a live camera that never ends. `rate` is in pictures a second.
    pub(crate) fn live(rate: f64) -> Self {
        let info = SourceInfo { name: "live".into(), live: true, ..SourceInfo::default() };
        let period = Duration::from_secs_f64(1.0 / rate);
        Self { info, period, due: None, given: 0, frames: u64::MAX, then: Then::End, size: |_| (96, 96) }
    }

    /// Returns a file of `frames` pictures, which the reader gets without a wait.
    pub(crate) fn file(frames: u64) -> Self {
        let mut camera = Self::live(1.0).frames(frames, Then::End);
        camera.info.live = false;
        camera.period = Duration::ZERO;
        camera
    }

    pub(crate) fn frames(mut self, frames: u64, then: Then) -> Self {
        self.frames = frames;
        self.then = then;
        self
    }

    pub(crate) fn sizes(mut self, size: fn(u64) -> (u32, u32)) -> Self {
        self.size = size;
        self
    }

    /// Waits until the next picture is due. If the caller is late, the missed pictures follow at a quarter of the period
    /// or slower, not all at once.
    fn wait(&mut self) {
        let now = Instant::now();
        let due = *self.due.get_or_insert(now);
        std::thread::sleep(due.saturating_duration_since(now));
        self.due = Some((due + self.period).max(Instant::now() + self.period / 4));
    }
}

impl FrameSource for Camera {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.given >= self.frames {
            match self.then.clone() {
                Then::End => {}
                Then::Stall(latch) => latch.wait(),
                Then::Fail if self.given == self.frames => {
                    self.given += 1;
                    let what = "the test asked for it";
                    return Err(SourceError::malformed(self.info.name.clone(), what));
                }
                Then::Fail => {}
            }
            return Ok(None);
        }
        self.wait();
        let (width, height) = (self.size)(self.given);
        self.given += 1;
        Ok(Some(Picture::new(uniform(PixelLayout::Gray8, width, height, 128), None)))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// A face of 40 pixels with landmarks.
pub(crate) fn face() -> Face {
    let bbox = BBox::from_xywh(20.0, 20.0, 40.0, 40.0);
    Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
}

/// Detects one face in each frame, after it has called the closure with the frame. The closure may wait or panic.
pub(crate) struct OneFace<F>(pub(crate) F);

impl<F: Fn(&Frame) + Send> Detector for OneFace<F> {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        frames.iter().for_each(&self.0);
        for list in faces {
            list.clear();
            list.push(face());
        }
        Ok(())
    }
}

/// Returns all stages. The detector calls `before` with each frame.
pub(crate) fn stages(before: impl Fn(&Frame) + Clone + Send + Sync + 'static) -> Stages {
    Stages::new(move || OneFace(before.clone()), OrderTracker::default)
        .identifying(FixedEmbedder::default, PersonPerTrack::default)
        .classifying(FixedClassifier::default, LatestEstimate::default)
}

/// Asserts that the ledgers and the writes add up, and that no frame is in flight.
pub(crate) fn settled(finished: &PipelineReport) {
    for report in &finished.reports {
        assert!(report.ledger.balances() && report.ledger.in_flight == 0, "{:?}", report.ledger);
        assert_eq!(report.writes.offered, report.writes.written + report.writes.lost, "{:?}", report.writes);
    }
    let total = finished.written.total();
    assert_eq!(total.offered, total.written + total.lost);
}

/// Waits until `holds` returns true. Panics with `what` if that takes longer than a minute.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the number of threads of this process whose names start with one of `names`, or 0 if the system has no
/// `/proc`.
pub(crate) fn threads(names: &[&str]) -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let called = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let tasks = tasks.filter_map(|task| called(task.ok()?));
    tasks.filter(|name| names.iter().any(|n| name.starts_with(n))).count()
}
