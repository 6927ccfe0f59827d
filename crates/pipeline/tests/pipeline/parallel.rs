//! Many cameras at once, on fakes. If the sources are lossless, the pipeline returns the same observations as the flow,
//! in any order of its threads. If they are live, it counts every frame. A failure stays at its camera.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use passerby_pipeline::{Flow, FlowSettings, Pipeline, PipelineReport, PipelineSettings, Stages, WhenFull};
use passerby_testkit::suite::frontal;
use passerby_testkit::{
    FixedClassifier, FixedEmbedder, LatestEstimate, OrderTracker, ScriptedDetector, ScriptedSource,
    SourceStep,
};
use passerby_types::{
    AttributeFusion, Attributes, BBox, CameraId, Classifier, Detector, Embedder, Embedding, Face, FaceChip,
    Frame, FrameSource, Identifier, Identity, Observation, PersonId, Sighting, StageError, SystemClock,
    TrackKey,
};

/// Numbers persons by the order in which their tracks are first sighted, so that any change of order shows.
#[derive(Default)]
struct InOrder(Vec<TrackKey>);
impl Identifier for InOrder {
    fn identify(&mut self, sightings: &[Sighting], _: &[TrackKey]) {
        for sighting in sightings {
            if !self.0.contains(&sighting.track) {
                self.0.push(sighting.track);
            }
        }
    }
    fn identity(&self, track: TrackKey) -> Identity {
        let place = self.0.iter().position(|t| *t == track);
        place.map_or(Identity::Pending, |i| Identity::Person { id: PersonId(i as u64 + 1), similarity: 1.0 })
    }
    fn end(&mut self, _: TrackKey) {}
}

/// Counts the estimates that it gets.
#[derive(Default)]
struct Count(f32, LatestEstimate);
impl AttributeFusion for Count {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32) {
        self.0 += 1.0;
        self.1.fuse(track, estimate, quality);
    }
    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        self.1.attributes(track)
    }
    fn end(&mut self, track: TrackKey) {
        self.1.end(track);
    }
}

/// Waits for a random time, and then calls the stage inside.
#[derive(Clone)]
struct Delayed<S>(S, Arc<AtomicU64>);
impl<S> Delayed<S> {
    fn wait(&self) {
        // xorshift64*; the order in which threads get here makes it random enough.
        let mut x = self.1.load(Ordering::Relaxed);
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.1.store(x, Ordering::Relaxed);
        match x % 5 {
            0 => std::thread::sleep(Duration::from_micros(x >> 8 & 2047)),
            1 | 2 => std::thread::yield_now(),
            _ => {}
        }
    }
}
impl<S: Detector> Detector for Delayed<S> {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        self.wait();
        self.0.detect(frames, faces)
    }
}
impl<S: Embedder> Embedder for Delayed<S> {
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        self.wait();
        self.0.embed(chips, out)
    }
}
impl<S: Classifier> Classifier for Delayed<S> {
    fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
        self.wait();
        self.0.classify(chips, out)
    }
}

fn face(x: f32, size: f32) -> Face {
    let bbox = BBox::from_xywh(x, 20.0, size, size);
    Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
}

/// Returns a detector that finds zero to three faces a frame. The faces grow, appear and disappear.
fn detector() -> ScriptedDetector {
    let faces = (0..200)
        .map(|seq| {
            let n = [1, 2, 3, 2, 0][(seq / 9) as usize % 5];
            (seq, (0..n).map(|i| face(50.0 * i as f32, 32.0 + (seq % 30) as f32)).collect())
        })
        .collect();
    ScriptedDetector { faces, ..Default::default() }
}

fn stages(seed: Option<u64>) -> Stages {
    let state = Arc::new(AtomicU64::new(seed.unwrap_or(1)));
    let slow = seed.is_some();
    let stages = Stages::new(
        {
            let state = Arc::clone(&state);
            let detector = detector();
            move || {
                let detector = detector.clone();
                match slow {
                    true => Box::new(Delayed(detector, Arc::clone(&state))) as Box<dyn Detector>,
                    false => Box::new(detector),
                }
            }
        },
        OrderTracker::default,
    );
    let other = Arc::clone(&state);
    stages
        .identifying(move || Delayed(FixedEmbedder::default(), Arc::clone(&state)), InOrder::default)
        .classifying(move || Delayed(FixedClassifier::default(), Arc::clone(&other)), Count::default)
}

/// Three cameras of different length, one with damaged frames, one that changes its size.
fn sources() -> Vec<ScriptedSource> {
    let mut scripts = [
        vec![SourceStep::Picture(200, 100); 120],
        vec![SourceStep::Picture(200, 100); 90],
        vec![SourceStep::Picture(160, 120); 60],
    ];
    scripts[1][30] = SourceStep::Damaged;
    scripts[1][31] = SourceStep::Damaged;
    scripts[2].extend(vec![SourceStep::Picture(200, 100); 40]);
    scripts.into_iter().map(ScriptedSource::new).collect()
}

/// All that is said of a frame, without times.
fn shown(o: &Observation) -> String {
    let faces: Vec<String> = o
        .faces
        .iter()
        .map(|f| {
            let e = f.embedding.as_ref().map(|e| e.as_slice().to_vec());
            format!(
                "{:?} {:?} {:?} {e:?} {:?} {:?} {:?}",
                f.track, f.state, f.bbox, f.estimate, f.identity, f.attributes
            )
        })
        .collect();
    format!("{} {} {:?} {}x{} {faces:?} {:?}", o.meta.camera, o.meta.seq, o.kind, o.width, o.height, o.ended)
}

fn settled(finished: &PipelineReport) {
    for report in &finished.reports {
        assert!(report.ledger.balances() && report.ledger.in_flight == 0, "{:?}", report.ledger);
    }
    let total = finished.written.total();
    assert_eq!(total.offered, total.written + total.lost);
}

#[test]
fn from_lossless_sources_comes_exactly_what_the_flow_gives_whatever_the_threads_do() {
    for cadence in [1, 3] {
        let flow_settings = FlowSettings { cadence, ..FlowSettings::default() };
        let mut flow = Flow::new(stages(None), flow_settings, Arc::new(SystemClock::new())).unwrap();
        let mut expected = Vec::new();
        let mut cameras = sources();
        let cameras = cameras.iter_mut().enumerate();
        let cameras = cameras.map(|(i, s)| (CameraId(i as u32), s as &mut dyn FrameSource)).collect();
        let reference = flow.run_together(cameras, None, &mut |o| {
            expected.push(shown(o));
            ControlFlow::Continue(())
        });
        assert_eq!(expected.len(), 120 + 88 + 100);

        for workers in 1..=8 {
            let settings = PipelineSettings {
                flow: flow_settings,
                detect_workers: workers,
                embed_workers: workers.div_ceil(2),
                classify_workers: workers.div_ceil(3),
                detect_batch: 1 + workers % 3,
                face_queue: 2,
                ..PipelineSettings::default()
            };
            let clock = Arc::new(SystemClock::new());
            let mut pipeline = Pipeline::new(stages(Some(workers as u64 * 7919)), settings, clock);
            for (i, source) in sources().into_iter().enumerate() {
                pipeline = pipeline.camera(CameraId(i as u32), source);
            }
            // The subscriber takes part from the first frame on: the readers wait until it is there.
            let handle = pipeline.start_paused().unwrap();
            let all = handle.subscribe("test", 4, WhenFull::Block);
            handle.resume();
            let take = move || std::iter::from_fn(|| all.recv()).map(|o| shown(&o)).collect::<Vec<_>>();
            let taker = std::thread::Builder::new().spawn(take).unwrap();
            let finished = handle.finish();
            let seen = taker.join().unwrap();
            for (i, (a, b)) in seen.iter().zip(&expected).enumerate() {
                assert_eq!(a, b, "observation {i}, {workers} workers, cadence {cadence}");
            }
            assert_eq!(seen.len(), expected.len());
            settled(&finished);
            assert!(finished.abandoned.is_empty());
            for (report, flow) in finished.reports.iter().zip(&reference) {
                assert_eq!((&report.ledger, report.faces), (&flow.ledger, flow.faces));
                assert_eq!(report.notes, flow.notes);
                let items = |r: &passerby_pipeline::CameraReport, stage| {
                    r.stages.iter().find(|(name, _)| *name == stage).map_or(0, |(_, time)| time.items)
                };
                for stage in ["detect", "track", "embed", "identify", "classify"] {
                    assert_eq!(items(report, stage), items(flow, stage), "{stage}");
                }
            }
        }
    }
}

/// A camera whose first `trackers` trackers panic on these frames, and whose factory then fails for good on `frame`. Returns
/// how long it took.
fn run_with_failing_trackers(panics: &[u64], trackers: u64, frame: u64) -> Duration {
    let made = Arc::new(AtomicU64::new(0));
    let panics = panics.to_vec();
    let tracker = move || match made.fetch_add(1, Ordering::Relaxed) {
        n if n < trackers => Ok(OrderTracker::panicking(panics.clone())),
        _ => Err(StageError::fatal("track", "the test asked for it")),
    };
    let start = Instant::now();
    let clock = Arc::new(SystemClock::new());
    let stages = stages(None).with_tracker(tracker);
    let finished = Pipeline::new(stages, PipelineSettings::default(), clock)
        .camera(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 1000]))
        .run()
        .expect("the stages can be made");
    settled(&finished);
    let report = &finished.reports[0];
    let error = format!("track (camera 0, frame {frame}): the test asked for it");
    assert_eq!(report.error.as_ref().map(ToString::to_string), Some(error));
    assert!(report.ledger.captured < 40, "{:?}", report.ledger);
    assert_eq!(report.rebuilds["track"], trackers);
    start.elapsed()
}

#[test]
fn a_tracker_that_cannot_be_rebuilt_ends_the_camera() {
    run_with_failing_trackers(&[5], 1, 6);
}

#[test]
fn a_tracker_that_keeps_failing_is_rebuilt_with_growing_pauses() {
    let all: Vec<u64> = (0..1000).collect();
    let elapsed = run_with_failing_trackers(&all, 9, 9);
    // Waits of 0, 10, 20 and so on to 640 and 1000 ms.
    assert!(elapsed >= Duration::from_millis(2270), "{elapsed:?}");
}
