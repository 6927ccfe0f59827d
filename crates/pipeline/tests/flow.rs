//! A frame's way on fakes: every frame is counted, failures stay where they happen, tracks end.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use passerby_pipeline::{
    CameraReport, Flow, FlowError, FlowSettings, Pipeline, PipelineSettings, SamplingPolicy, Stages,
};
use passerby_testkit::suite::frontal;
use passerby_testkit::{
    FixedClassifier, FixedEmbedder, LatestEstimate, OrderTracker, ScriptedDetector, ScriptedSource,
    SimulatedClock, SourceStep,
};
use passerby_types::{
    AttributeFusion, Attributes, BBox, CameraId, Classifier, Detector, DropReason, Embedder, Embedding, Face,
    FaceChip, Frame, FrameKind, Identifier, Identity, Image, Observation, PersonId, Sighting, Sink,
    SinkError, StageError, TrackId, TrackKey,
};

/// Everybody is person 1.
struct One;
impl Identifier for One {
    fn identify(&mut self, _: &[Sighting], _: &[TrackKey]) {}
    fn identity(&self, _: TrackKey) -> Identity {
        Identity::Person { id: PersonId(1), similarity: 1.0 }
    }
    fn end(&mut self, _: TrackKey) {}
}

/// The last estimate counts; says how many tracks ended.
struct Last(Arc<AtomicU64>, LatestEstimate);
impl AttributeFusion for Last {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32) {
        self.1.fuse(track, estimate, quality);
    }
    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        self.1.attributes(track)
    }
    fn end(&mut self, track: TrackKey) {
        self.1.end(track);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Keeps the observations.
#[derive(Default)]
struct Kept(Vec<Observation>);
impl Sink for Kept {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.0.extend_from_slice(batch);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn face(x: f32, size: f32) -> Face {
    let bbox = BBox::from_xywh(x, 20.0, size, size);
    Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
}

/// One face of 40 pixels in each of the first 100 frames.
fn detector() -> ScriptedDetector {
    ScriptedDetector {
        faces: (0..100).map(|seq| (seq, vec![face(50.0, 40.0)])).collect(),
        ..Default::default()
    }
}

fn stages(detector: ScriptedDetector, tracker: OrderTracker) -> (Stages, Arc<AtomicU64>) {
    let ended = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&ended);
    let stages = Stages::new(move || detector.clone(), move || tracker.clone())
        .identifying(FixedEmbedder::default, || One)
        .classifying(FixedClassifier::default, move || Last(Arc::clone(&count), LatestEstimate::default()));
    (stages, ended)
}

fn run(stages: Stages, settings: FlowSettings, steps: Vec<SourceStep>) -> (CameraReport, Vec<Observation>) {
    let mut flow = Flow::new(stages, settings, Arc::new(SimulatedClock::new())).expect("fakes build");
    let mut kept = Kept::default();
    let mut source = ScriptedSource::new(steps);
    let report = flow.run(CameraId(3), &mut source, Some(&mut kept), &mut |_| ControlFlow::Continue(()));
    assert!(report.ledger.balances() && report.ledger.in_flight == 0, "{:?}", report.ledger);
    assert_eq!(report.writes.written, kept.0.len() as u64);
    (report, kept.0)
}

fn pictures(n: usize) -> Vec<SourceStep> {
    vec![SourceStep::Picture(200, 100); n]
}

#[test]
fn every_frame_is_observed_in_order_with_what_is_known_of_it() {
    let (stages, ended) = stages(detector(), OrderTracker::default());
    let (report, seen) = run(stages, FlowSettings::default(), pictures(40));
    assert_eq!((report.ledger.captured, report.ledger.analysed, report.faces), (40, 40, 40));
    assert!(report.error.is_none() && report.notes.is_empty() && report.rebuilds.is_empty());
    assert!(seen.iter().enumerate().all(|(i, o)| o.meta.seq == i as u64 && o.meta.camera == CameraId(3)));
    assert!(seen.iter().all(|o| o.faces.len() == 1 && o.faces[0].identity.person() == Some(PersonId(1))));
    assert!(seen.iter().all(|o| o.faces[0].attributes.is_some_and(|a| a.age.years == 40.0)));
    // Three looks at first, two frames apart; five estimates, six frames apart; then all is known of the track.
    let looks = |of: fn(&Observation) -> bool| -> Vec<u64> {
        seen.iter().filter(|o| of(o)).map(|o| o.meta.seq).collect()
    };
    assert_eq!(looks(|o| o.faces[0].embedding.is_some()), [0, 2, 4]);
    assert_eq!(looks(|o| o.faces[0].estimate.is_some()), [0, 6, 12, 18, 24]);
    assert_eq!(ended.load(Ordering::Relaxed), 1, "the last track ends with its camera");
    let names: Vec<_> = report.stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["capture", "detect", "track", "embed", "identify", "classify", "fuse", "store"]);
}

#[test]
fn every_frame_mode_looks_at_every_face() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let (_, seen) = run(stages, FlowSettings::default().every_frame(), pictures(40));
    assert!(seen.iter().all(|o| o.faces[0].embedding.is_some() && o.faces[0].estimate.is_some()));
}

#[test]
fn between_detections_the_tracker_coasts() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let (report, seen) = run(stages, FlowSettings { cadence: 3, ..Default::default() }, pictures(10));
    assert_eq!((report.ledger.analysed, report.ledger.coasted), (4, 6));
    for observation in seen {
        let analysed = observation.meta.seq % 3 == 0;
        assert_eq!(observation.kind == FrameKind::Analysed, analysed);
        assert_eq!(observation.faces[0].face.is_some(), analysed);
    }
}

#[test]
fn small_faces_are_unidentified_and_cost_nothing() {
    let detector = ScriptedDetector {
        faces: (0..9).map(|s| (s, vec![face(9.0, 12.0)])).collect(),
        ..Default::default()
    };
    /// Knows nobody.
    struct Nobody;
    impl Identifier for Nobody {
        fn identify(&mut self, _: &[Sighting], _: &[TrackKey]) {
            panic!("nobody is asked for")
        }
        fn identity(&self, _: TrackKey) -> Identity {
            Identity::Pending
        }
        fn end(&mut self, _: TrackKey) {}
    }
    let stages = Stages::new(move || detector.clone(), OrderTracker::default)
        .identifying(FixedEmbedder::default, || Nobody);
    let (report, seen) = run(stages, FlowSettings::default(), pictures(9));
    assert!(report.failures.is_empty());
    assert!(
        seen.iter().all(|o| o.faces[0].identity == Identity::Unidentified && o.faces[0].embedding.is_none())
    );
}

#[test]
fn lost_and_failed_frames_are_counted_with_their_reason_and_the_rest_goes_on() {
    let mut steps = pictures(20);
    steps[4] = SourceStep::Damaged;
    steps[5] = SourceStep::Damaged;
    let detector = ScriptedDetector { panics: vec![7, 8], skips: vec![10], ..detector() };
    let (stages, ended) = stages(detector, OrderTracker::panicking([12]));
    let (report, seen) = run(stages, FlowSettings::default(), steps);
    assert_eq!(report.ledger.captured, 20);
    assert_eq!(report.ledger.dropped[&DropReason::Undecodable], 2);
    assert_eq!(report.ledger.dropped[&DropReason::StageFailed], 4);
    assert_eq!(
        seen.iter().map(|o| o.meta.seq).collect::<Vec<_>>(),
        [0, 1, 2, 3, 6, 9, 11, 13, 14, 15, 16, 17, 18, 19]
    );
    assert_eq!((report.failures["detect"], report.failures["track"]), (3, 1));
    assert_eq!(report.rebuilds.into_iter().collect::<Vec<_>>(), [("detect", 2), ("track", 1)]);
    assert!(
        report.notes.iter().any(|n| n.contains("camera 3, frame 7") && n.contains("panicked")),
        "{:?}",
        report.notes
    );
    // The tracker that panicked is replaced, and its successor's tracks have other ids.
    assert_eq!(seen[0].faces[0].track, TrackId(1));
    assert_eq!(seen.last().unwrap().faces[0].track, TrackId(2));
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[test]
fn every_run_counts_its_own_failures() {
    let detector = ScriptedDetector { panics: vec![2], ..detector() };
    let (stages, _) = stages(detector, OrderTracker::panicking([4]));
    let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SimulatedClock::new())).unwrap();
    let mut run = |frames| {
        let mut source = ScriptedSource::new(frames);
        flow.run(CameraId(0), &mut source, None, &mut |_| ControlFlow::Continue(())).rebuilds
    };
    let two = [("detect", 1), ("track", 1)];
    assert!(run(pictures(8)).into_iter().eq(two));
    assert!(run(pictures(2)).is_empty(), "a run without a failure");
    let mut sizes = pictures(2);
    sizes.push(SourceStep::Picture(120, 80));
    assert!(run(sizes).into_iter().eq([("detect", 1)]), "a tracker that starts anew has not failed");
}

#[test]
fn a_face_that_two_stages_want_is_cut_out_once() {
    /// Keeps the pixels it was shown, by stage.
    #[derive(Clone, Default)]
    struct Shown(Arc<Mutex<[Vec<Arc<Image>>; 2]>>);
    impl Shown {
        fn keep(&self, stage: usize, chips: &[FaceChip]) {
            self.0.lock().unwrap()[stage].extend(chips.iter().map(|c| Arc::clone(&c.image)));
        }
    }
    impl Embedder for Shown {
        fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
            self.keep(0, chips);
            FixedEmbedder::default().embed(chips, out)
        }
    }
    impl Classifier for Shown {
        fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
            self.keep(1, chips);
            FixedClassifier::default().classify(chips, out)
        }
    }
    let (ok, count) = stages(detector(), OrderTracker::default());
    let shown = Shown::default();
    let (embedder, classifier) = (shown.clone(), shown.clone());
    let ok = ok
        .identifying(move || embedder.clone(), || One)
        .classifying(move || classifier.clone(), move || Last(Arc::clone(&count), LatestEstimate::default()));
    run(ok, FlowSettings::default().every_frame(), pictures(5));
    let [embedded, classified] = &*shown.0.lock().unwrap();
    assert_eq!((embedded.len(), classified.len()), (5, 5));
    assert!(embedded.iter().zip(classified).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn a_fatal_detector_a_broken_source_and_a_panicking_source_end_the_camera_with_the_reason() {
    let (fatal, _) = stages(ScriptedDetector { fatals: vec![3], ..detector() }, OrderTracker::default());
    let (report, seen) = run(fatal, FlowSettings::default(), pictures(10));
    assert!(matches!(report.error, Some(FlowError::Stage(_))) && seen.len() == 3);
    assert_eq!((report.ledger.captured, report.ledger.dropped_total()), (4, 1));

    for (step, text) in [
        (SourceStep::Truncated, "truncated after 3 frames"),
        (SourceStep::Panic, "the script asked for a panic"),
    ] {
        let (ok, _) = stages(detector(), OrderTracker::default());
        let mut steps = pictures(3);
        steps.push(step);
        let (report, seen) = run(ok, FlowSettings::default(), steps);
        let error = report.error.unwrap().to_string();
        assert!(seen.len() == 3 && error.contains(text) && error.contains("script"), "{error}");
    }
}

#[test]
fn a_change_of_size_starts_the_tracks_anew() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let mut steps = pictures(3);
    steps.extend(vec![SourceStep::Picture(120, 80); 3]);
    let (_, seen) = run(stages, FlowSettings::default(), steps);
    assert_eq!(seen.iter().map(|o| o.faces[0].track.0).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2]);
    assert_eq!(seen[3].ended, [TrackId(1)]);
}

#[test]
fn a_stage_that_writes_nothing_leaks_nothing_of_another_frame_and_a_dead_one_is_asked_once() {
    /// Answers its first call, and leaves everything as it is at later ones, against the contract.
    #[derive(Default)]
    struct Once(bool);
    impl Detector for Once {
        fn detect(&mut self, _: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
            if !std::mem::replace(&mut self.0, true) {
                faces.iter_mut().for_each(|list| list.push(face(20.0, 40.0)));
            }
            Ok(())
        }
    }
    impl Embedder for Once {
        fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
            if std::mem::replace(&mut self.0, true) {
                return Ok(());
            }
            FixedEmbedder::default().embed(chips, out)
        }
    }
    /// Stops for good.
    struct Dead;
    impl Classifier for Dead {
        fn classify(&mut self, _: &[FaceChip], _: &mut [Option<Attributes>]) -> Result<(), StageError> {
            Err(StageError::fatal("classify", "no weights"))
        }
    }
    let (ok, count) = stages(detector(), OrderTracker::default());
    let broken = ok
        .identifying(Once::default, || One)
        .classifying(|| Dead, move || Last(Arc::clone(&count), LatestEstimate::default()));
    let blind = broken.clone().with_detector(Once::default);
    let settings = FlowSettings { embed: SamplingPolicy::ALWAYS, ..Default::default() };
    for (stages, faces) in [(broken, 4), (blind, 1)] {
        let (report, by_flow) = run(stages.clone(), settings, pictures(4));
        assert_eq!((report.failures.len(), report.failures["classify"]), (1, 1));
        let settings = PipelineSettings {
            flow: settings,
            detect_workers: 1,
            embed_workers: 1,
            classify_workers: 1,
            ..PipelineSettings::default()
        };
        let kept = Arc::new(Mutex::new(Kept::default()));
        Pipeline::new(stages, settings, Arc::new(SimulatedClock::new()))
            .camera(CameraId(3), ScriptedSource::new(pictures(4)))
            .sink(Arc::clone(&kept))
            .run()
            .unwrap();
        for seen in [by_flow, std::mem::take(&mut kept.lock().unwrap().0)] {
            let found: Vec<_> = seen.iter().flat_map(|o| &o.faces).filter(|f| f.face.is_some()).collect();
            assert_eq!((seen.len(), found.len()), (4, faces));
            assert_eq!(found.iter().filter(|face| face.embedding.is_some()).count(), 1);
            assert!(found.iter().all(|face| face.attributes.is_none()));
        }
    }
}

#[test]
fn the_watcher_can_break_a_run_off_and_the_flow_runs_the_next_camera() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let mut flow =
        Flow::new(stages, FlowSettings::default(), Arc::new(SimulatedClock::new())).expect("fakes build");
    let mut left = 3;
    let first = flow.run(CameraId(0), &mut ScriptedSource::new(pictures(10)), None, &mut |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((first.ledger.captured, first.ledger.analysed, first.ledger.balances()), (3, 3, true));
    let second = flow.run(CameraId(1), &mut ScriptedSource::new(pictures(5)), None, &mut |o| {
        assert_eq!(o.faces[0].track, TrackId(1), "every camera counts its own tracks");
        ControlFlow::Continue(())
    });
    assert_eq!((second.camera, second.ledger.analysed), (CameraId(1), 5));
}
