//! The cost of a stage that is behind, frame by frame: dropped frames, kept frames, and how far a file is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::support::{Latch, OneFace, settled, stages, until};
use passerby_pipeline::{
    GovernorLimits, Metrics, Pipeline, PipelineSettings, SamplingPolicy, Stages, WhenFull,
};
use passerby_testkit::{OrderTracker, PersonPerTrack, SimulatedClock, uniform};
use passerby_types::{
    BBox, CameraId, Detector, DropReason, Embedder, Embedding, Face, FaceChip, Frame, FrameKind, FrameSource,
    Picture, PixelLayout, SourceError, SourceInfo, StageError, SystemClock,
};

/// A camera that gives a picture whenever the test asks for one, and ends when the test hangs up.
struct OnDemand(SourceInfo, Receiver<()>);

impl OnDemand {
    fn new(live: bool) -> (Self, SyncSender<()>) {
        let (ask, asked) = sync_channel(1000);
        (Self(SourceInfo { name: "on demand".into(), live, ..SourceInfo::default() }, asked), ask)
    }
}

impl FrameSource for OnDemand {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let image = uniform(PixelLayout::Gray8, 96, 96, 128);
        Ok(self.1.recv().ok().map(|()| Picture::new(image, None)))
    }
    fn info(&self) -> &SourceInfo {
        &self.0
    }
}

/// Returns stages whose detector waits at each frame until the latch opens, and the count of its frames.
fn gated(latch: &Latch) -> (Stages, Arc<AtomicU64>) {
    let latch = latch.clone();
    let begun = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&begun);
    let before = move |_: &Frame| {
        count.fetch_add(1, Ordering::Relaxed);
        latch.wait();
    };
    (stages(before), begun)
}

fn one_detector() -> PipelineSettings {
    PipelineSettings { detect_workers: 1, ..PipelineSettings::default() }
}

/// Asks for `pictures` pictures, all but the first during the first detection, and waits until the camera has ended.
fn all_are_read(ask: SyncSender<()>, begun: &AtomicU64, metrics: &Metrics, pictures: u64) {
    ask.send(()).expect("the camera is there");
    until("the first is being detected on", || begun.load(Ordering::Relaxed) == 1);
    (1..pictures).for_each(|_| ask.send(()).expect("the camera is there"));
    drop(ask);
    // The call after the last picture returns the end.
    until("all are read", || captures(metrics) == pictures + 1);
}

/// Returns how many calls of sources have returned.
fn captures(metrics: &Metrics) -> u64 {
    metrics.snapshot().stages.iter().filter(|s| s.stage == "capture").map(|s| s.time.calls).sum()
}

#[test]
fn a_live_camera_keeps_the_newest_frames() {
    for pictures in [4, 6, 30, 300] {
        let latch = Latch::default();
        let (stages, begun) = gated(&latch);
        let (camera, ask) = OnDemand::new(true);
        let pipeline =
            Pipeline::new(stages, one_detector(), Arc::new(SystemClock::new())).camera(CameraId(0), camera);
        let all = pipeline.subscribe("test", 1000, WhenFull::Block);
        let handle = pipeline.start().unwrap();
        let metrics = handle.metrics();
        all_are_read(ask, &begun, &metrics, pictures);
        assert_eq!(metrics.snapshot().ledger().in_flight, 3);
        latch.open();
        let finished = handle.finish();
        settled(&finished);
        let seen: Vec<u64> = std::iter::from_fn(|| all.recv()).map(|o| o.meta.seq).collect();
        assert_eq!(seen, [0, pictures - 2, pictures - 1]);
        assert_eq!(finished.reports[0].ledger.dropped[&DropReason::QueueFull], pictures - 3);
        assert_eq!(finished.figures.queues.iter().map(|(_, q)| q.dropped).max(), Some(0), "no other queue");
    }
}

#[test]
fn a_governor_lets_the_tracker_take_undetected_frames() {
    for pictures in [3, 4, 8, 9, 30] {
        let latch = Latch::default();
        let (stages, begun) = gated(&latch);
        let (camera, ask) = OnDemand::new(true);
        let governor = Some(GovernorLimits { workers: 1..=1, cadence: 1..=6, ..GovernorLimits::default() });
        // The governor decides nothing, because the clock stands still.
        let clock = SimulatedClock::new();
        let settings = PipelineSettings { governor, ..one_detector() };
        let pipeline = Pipeline::new(stages, settings, Arc::new(clock)).camera(CameraId(0), camera);
        let all = pipeline.subscribe("test", 1000, WhenFull::Block);
        let handle = pipeline.start().unwrap();
        let metrics = handle.metrics();
        // The last two wait. The limits allow five frames between two detections.
        let yielded = 5.min(pictures - 3);
        all_are_read(ask, &begun, &metrics, pictures);
        assert_eq!(metrics.snapshot().ledger().in_flight, 3 + yielded);
        latch.open();
        let finished = handle.finish();
        settled(&finished);
        let seen: Vec<_> = std::iter::from_fn(|| all.recv()).map(|o| (o.meta.seq, o.kind)).collect();
        let coasted = (1..=yielded).map(|seq| (seq, FrameKind::Coasted));
        let looked = [pictures - 2, pictures - 1].map(|seq| (seq, FrameKind::Analysed));
        let expected: Vec<_> = [(0, FrameKind::Analysed)].into_iter().chain(coasted).chain(looked).collect();
        assert_eq!(seen, expected);
        let camera = &finished.figures.cameras[0];
        assert_eq!((camera.yielded, camera.ledger.coasted), (yielded, yielded));
        let full = camera.ledger.dropped.get(&DropReason::QueueFull).copied().unwrap_or(0);
        assert_eq!((full, camera.ledger.dropped_total()), (full, pictures - 3 - yielded));
    }
}

#[test]
fn live_cameras_detect_on_their_first_frame_and_then_in_turns() {
    let reorder = std::time::Duration::from_secs(60);
    let mut settings =
        PipelineSettings { frame_queue: 20, reorder_timeout: reorder, ..PipelineSettings::default() };
    settings.flow.cadence = 3;
    let mut pipeline = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()));
    for id in 0..4 {
        let (camera, ask) = OnDemand::new(true);
        (0..12).for_each(|_| ask.send(()).unwrap());
        pipeline = pipeline.camera(CameraId(id), camera);
    }
    let all = pipeline.subscribe("test", 100, WhenFull::Block);
    let handle = pipeline.start().unwrap();
    let finished = handle.finish();
    settled(&finished);
    let seen: Vec<_> = std::iter::from_fn(|| all.recv()).collect();
    let looked = |camera| {
        let of = seen.iter().filter(|o| o.meta.camera == CameraId(camera) && o.kind == FrameKind::Analysed);
        of.map(|o| o.meta.seq).collect::<Vec<_>>()
    };
    assert_eq!(looked(0), [0, 3, 6, 9]);
    assert_eq!(looked(1), [0, 2, 5, 8, 11]);
    assert_eq!(looked(2), [0, 1, 4, 7, 10]);
    assert_eq!(looked(3), [0, 3, 6, 9]);
}

#[test]
fn only_a_governor_lets_frames_skip_detection() {
    for (most, yielded) in [(None, 0), (Some(1), 0), (Some(6), 5)] {
        let latch = Latch::default();
        let (stages, begun) = gated(&latch);
        let governor = most.map(|most| GovernorLimits {
            workers: 1..=1,
            cadence: 1..=most,
            ..GovernorLimits::default()
        });
        let clock = SimulatedClock::new();
        let settings = PipelineSettings { governor, ..one_detector() };
        let (first, ask) = OnDemand::new(true);
        let (camera, asks) = OnDemand::new(true);
        let handle = Pipeline::new(stages, settings, Arc::new(clock))
            .camera(CameraId(0), first)
            .camera(CameraId(1), camera)
            .start()
            .unwrap();
        let metrics = handle.metrics();
        ask.send(()).unwrap();
        until("the only worker is busy", || begun.load(Ordering::Relaxed) == 1);
        (0..20).for_each(|_| asks.send(()).unwrap());
        drop(asks);
        until("all are read", || captures(&metrics) == 1 + 20 + 1);
        latch.open();
        drop(ask);
        let finished = handle.finish();
        settled(&finished);
        let camera = &finished.figures.cameras[1];
        let ledger = &camera.ledger;
        assert_eq!((ledger.analysed, ledger.coasted, camera.yielded), (2, yielded, yielded), "{most:?}");
        assert_eq!(ledger.dropped.get(&DropReason::QueueFull), Some(&(18 - yielded)), "{most:?}");
    }
}

#[test]
fn a_file_is_read_no_further_than_there_is_room() {
    for cadence in [1, 3] {
        let latch = Latch::default();
        let (stages, begun) = gated(&latch);
        let (camera, ask) = OnDemand::new(false);
        let mut settings = one_detector();
        settings.flow.cadence = cadence;
        let handle = Pipeline::new(stages, settings, Arc::new(SystemClock::new()))
            .camera(CameraId(0), camera)
            .start()
            .unwrap();
        let metrics = handle.metrics();
        (0..100).for_each(|_| ask.send(()).unwrap());
        drop(ask);
        // One frame is in the detector, two are in the queue, one waits for room, and the rest is between them.
        let read = 3 * cadence + 1;
        until("it is read to there", || metrics.snapshot().ledger().captured == read);
        until("the detector has the first frame", || begun.load(Ordering::Relaxed) == 1);
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(metrics.snapshot().ledger().captured, read, "and no further");
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        latch.open();
        let finished = handle.finish();
        settled(&finished);
        let ledger = &finished.reports[0].ledger;
        assert_eq!((ledger.captured, ledger.dropped_total()), (100, 0));
        assert_eq!(ledger.analysed, 100_u64.div_ceil(cadence));
    }
}

/// A detector that finds one face in the first frame and three in all later ones.
struct Three;
impl Detector for Three {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        let face = |i: u32| {
            let bbox = BBox::from_xywh(1.0, 1.0, 31.0 + 10.0 * i as f32, 31.0 + 10.0 * i as f32);
            Face::new(bbox, 0.9).with_landmarks(passerby_testkit::suite::frontal(bbox))
        };
        for (frame, list) in frames.iter().zip(faces) {
            list.clear();
            list.extend((0..if frame.meta.seq == 0 { 1 } else { 3 }).map(face));
        }
        Ok(())
    }
}

/// An embedder that waits until the latch opens. Its embeddings contain the size of the face.
struct Slow(Latch, Arc<AtomicU64>);
impl Embedder for Slow {
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.wait();
        for (chip, out) in chips.iter().zip(out) {
            *out = Embedding::new(vec![chip.face.size(), 1.0]).ok();
        }
        Ok(())
    }
}

#[test]
fn a_full_face_queue_gives_up_the_least_urgent_job() {
    let latch = Latch::default();
    let begun = Arc::new(AtomicU64::new(0));
    let wait = latch.clone();
    let count = Arc::clone(&begun);
    let stages = Stages::new(|| Three, OrderTracker::default)
        .identifying(move || Slow(wait.clone(), Arc::clone(&count)), PersonPerTrack::default);
    let mut settings = PipelineSettings { embed_workers: 1, face_queue: 2, ..one_detector() };
    settings.flow.embed = SamplingPolicy::ALWAYS;
    let (camera, ask) = OnDemand::new(true);
    let handle = Pipeline::new(stages, settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), camera)
        .start()
        .unwrap();
    let metrics = handle.metrics();
    ask.send(()).unwrap();
    until("one job has begun", || begun.load(Ordering::Relaxed) == 1);
    until("the frame is through", || metrics.snapshot().ledger().analysed == 1);
    let queue = |name: &str| {
        let queues = metrics.snapshot().queues;
        queues.into_iter().find(|(n, _)| n == name).map(|(_, stats)| stats).unwrap()
    };
    assert_eq!((queue("embed").sent, queue("embed").depth), (1, 0));
    // Of three more jobs, those of the two new tracks are more urgent than a second one of the first track.
    ask.send(()).unwrap();
    until("the second frame is through", || metrics.snapshot().ledger().analysed == 2);
    let stats = queue("embed");
    assert_eq!((stats.sent, stats.depth, stats.dropped), (4, 2, 1));
    // Now no track is new, so the three jobs displace no other.
    ask.send(()).unwrap();
    until("the third frame is through", || metrics.snapshot().ledger().analysed == 3);
    let stats = queue("embed");
    assert_eq!((stats.sent, stats.depth, stats.dropped), (7, 2, 4));
    assert_eq!(metrics.snapshot().cameras[0].evicted, 4);
    latch.open();
    drop(ask);
    let finished = handle.finish();
    settled(&finished);
    assert_eq!(finished.figures.cameras[0].evicted, 4);
    assert_eq!(begun.load(Ordering::Relaxed), 3);
}

#[test]
fn a_slow_subscriber_loses_observations_by_its_rule() {
    let (camera, ask) = OnDemand::new(false);
    let handle = Pipeline::new(
        Stages::new(|| OneFace(|_: &Frame| {}), OrderTracker::default),
        PipelineSettings::default(),
        Arc::new(SystemClock::new()),
    )
    .camera(CameraId(0), camera)
    .start()
    .unwrap();
    let old = handle.subscribe("keeps the newest", 3, WhenFull::DropOldest);
    let new = handle.subscribe("keeps the oldest", 3, WhenFull::DropNewest);
    let all = handle.subscribe("keeps all", 100, WhenFull::Block);
    (0..20).for_each(|_| ask.send(()).unwrap());
    drop(ask);
    let finished = handle.finish();
    let seen = |s: &passerby_pipeline::Subscription| -> Vec<u64> {
        std::iter::from_fn(|| s.recv()).map(|o| o.meta.seq).collect()
    };
    assert_eq!((seen(&old), seen(&new), seen(&all).len()), (vec![17, 18, 19], vec![0, 1, 2], 20));
    for (subscription, dropped) in [(&old, 17), (&new, 17), (&all, 0)] {
        let stats = subscription.stats();
        assert_eq!((stats.sent, stats.dropped, stats.depth), (20, dropped, 0));
    }
    let listed = finished.figures.queues.iter().filter(|(name, _)| name.starts_with("keeps"));
    assert_eq!(listed.map(|(_, stats)| stats.dropped).collect::<Vec<_>>(), [17, 17, 0]);
}

/// A detector that notes the least detail that a frame asked for.
struct DetailNote(Arc<AtomicU64>);

impl Detector for DetailNote {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            faces.clear();
            self.0.fetch_min((frame.meta.detail * 100.0).round() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn frames_get_the_governors_detail_and_are_counted() {
    for (live, percent) in [(true, 50), (false, 100)] {
        let least = Arc::new(AtomicU64::new(u64::MAX));
        let note = Arc::clone(&least);
        let stages = Stages::new(move || DetailNote(Arc::clone(&note)), OrderTracker::default);
        let governor = Some(GovernorLimits { detail: 0.5..=0.5, ..GovernorLimits::default() });
        let settings = PipelineSettings { governor, ..PipelineSettings::default() };
        let (camera, ask) = OnDemand::new(live);
        let pipeline = Pipeline::new(stages, settings, Arc::new(SystemClock::new()));
        let handle = pipeline.camera(CameraId(0), camera).start().unwrap();
        let metrics = handle.metrics();
        until("the governor has decided", || metrics.snapshot().governor.is_some());
        ask.send(()).unwrap();
        drop(ask);
        let finished = handle.finish();
        settled(&finished);
        assert_eq!(least.load(Ordering::Relaxed), percent, "live: {live}");
        assert_eq!(finished.figures.cameras[0].reduced, u64::from(live));
    }
}
