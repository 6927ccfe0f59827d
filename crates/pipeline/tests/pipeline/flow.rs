//! The flow on fakes: it counts every frame, a failure stays with its frame, and tracks end.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use passerby_pipeline::{
    CameraReport, Flow, FlowError, FlowSettings, Pipeline, PipelineSettings, SamplingPolicy, Stages,
};
use passerby_testkit::suite::frontal;
use passerby_testkit::{
    FixedClassifier, FixedEmbedder, LatestEstimate, OnePerson, OrderTracker, RecordingSink, ScriptedDetector,
    ScriptedSource, SimulatedClock, SourceStep,
};
use passerby_types::{
    Attributes, BBox, CameraId, Classifier, Detector, DropReason, Embedder, Embedding, Face, FaceChip, Frame,
    FrameKind, FrameMeta, Identifier, Identity, Image, Observation, ObservedFace, PersonId, Sighting,
    StageError, TrackId, TrackKey, ZoneChange, ZoneCounter, ZoneEvent,
};

fn face(x: f32, size: f32) -> Face {
    let bbox = BBox::from_xywh(x, 20.0, size, size);
    Face::new(bbox, 0.9).with_landmarks(frontal(bbox))
}

/// Finds one face of 40 pixels in each of the first 100 frames.
fn detector() -> ScriptedDetector {
    ScriptedDetector {
        faces: (0..100).map(|seq| (seq, vec![face(50.0, 40.0)])).collect(),
        ..Default::default()
    }
}

/// All stages with these two, and a fusion that counts the ended tracks.
fn stages(detector: ScriptedDetector, tracker: OrderTracker) -> (Stages, LatestEstimate) {
    let fusion = LatestEstimate::default();
    let shared = fusion.clone();
    let stages = Stages::new(move || detector.clone(), move || tracker.clone())
        .identifying(FixedEmbedder::default, || OnePerson)
        .classifying(FixedClassifier::default, move || shared.clone());
    (stages, fusion)
}

fn flow(stages: Stages, settings: FlowSettings) -> Flow {
    Flow::new(stages, settings, Arc::new(SimulatedClock::new())).expect("fakes build")
}

/// Runs camera 3 over these steps.
fn run(stages: Stages, settings: FlowSettings, steps: Vec<SourceStep>) -> (CameraReport, Vec<Observation>) {
    let mut flow = flow(stages, settings);
    let mut sink = RecordingSink::new();
    let mut source = ScriptedSource::new(steps);
    let report = flow.run(CameraId(3), &mut source, Some(&mut sink), &mut |_| ControlFlow::Continue(()));
    assert!(report.ledger.balances() && report.ledger.in_flight == 0, "{:?}", report.ledger);
    assert_eq!(report.writes.written, sink.written());
    (report, sink.observations())
}

/// Runs camera 3 over as many pictures in a pipeline with one worker for each stage.
fn run_pipeline(stages: Stages, flow: FlowSettings, frames: usize) -> (CameraReport, Vec<Observation>) {
    let settings = PipelineSettings {
        flow,
        detect_workers: 1,
        embed_workers: 1,
        classify_workers: 1,
        ..PipelineSettings::default()
    };
    let sink = RecordingSink::new();
    let finished = Pipeline::new(stages, settings, Arc::new(SimulatedClock::new()))
        .camera(CameraId(3), ScriptedSource::new(pictures(frames)))
        .sink(sink.clone())
        .run()
        .expect("it starts");
    (finished.reports.into_iter().next().expect("one camera"), sink.observations())
}

fn pictures(n: usize) -> Vec<SourceStep> {
    vec![SourceStep::Picture(200, 100); n]
}

/// The numbers of the frames for which this holds.
fn frames_with(observations: &[Observation], holds: fn(&Observation) -> bool) -> Vec<u64> {
    observations.iter().filter(|o| holds(o)).map(|o| o.meta.seq).collect()
}

#[test]
fn every_frame_is_observed_in_order() {
    let (stages, ended) = stages(detector(), OrderTracker::default());
    let (report, seen) = run(stages, FlowSettings::default(), pictures(40));
    assert_eq!((report.ledger.captured, report.ledger.analysed, report.faces), (40, 40, 40));
    assert!(report.error.is_none() && report.notes.is_empty() && report.rebuilds.is_empty());
    assert!(seen.iter().enumerate().all(|(i, o)| o.meta.seq == i as u64 && o.meta.camera == CameraId(3)));
    assert!(seen.iter().all(|o| o.faces.len() == 1 && o.faces[0].identity.person() == Some(PersonId(1))));
    assert!(seen.iter().all(|o| o.faces[0].attributes.is_some_and(|a| a.age.years == 40.0)));
    assert_eq!(ended.ended(), 1, "the last track ends with its camera");
}

#[test]
fn a_new_track_is_sampled_a_few_times() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let (_, seen) = run(stages, FlowSettings::default(), pictures(40));
    // At 25 frames a second: three embeddings, 80 ms apart; five estimates, 240 ms apart. Then the track is settled.
    assert_eq!(frames_with(&seen, |o| o.faces[0].embedding.is_some()), [0, 2, 4]);
    assert_eq!(frames_with(&seen, |o| o.faces[0].estimate.is_some()), [0, 6, 12, 18, 24]);
}

#[test]
fn a_report_names_the_stages_in_the_order_of_a_frame() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let (report, _) = run(stages, FlowSettings::default(), pictures(40));
    let names: Vec<_> = report.stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["capture", "detect", "track", "embed", "identify", "classify", "fuse", "store"]);
}

/// Watches the left half of the picture, and reports each frame in which a track is there, and each track that ended.
struct LeftHalf;

impl ZoneCounter for LeftHalf {
    fn watches(&mut self, bbox: &BBox, (width, _): (u32, u32)) -> bool {
        bbox.center().x < width as f32 / 2.0
    }

    fn update(
        &mut self,
        meta: &FrameMeta,
        _: (u32, u32),
        faces: &[ObservedFace],
        ended: &[TrackId],
        events: &mut Vec<ZoneEvent>,
    ) {
        let event = |track, zone: &str| {
            let change = ZoneChange::Entered { zone: zone.into() };
            ZoneEvent { track, at: meta.stream_time(), change }
        };
        events.extend(faces.iter().map(|face| event(face.track, "seen")));
        events.extend(ended.iter().map(|track| event(*track, "ended")));
    }
}

/// Returns stages that find a face on the left in the first 10 frames and one on the right in all.
fn two_faces() -> Stages {
    let faces =
        |seq| if seq < 10 { vec![face(50.0, 40.0), face(150.0, 40.0)] } else { vec![face(150.0, 40.0)] };
    let detector =
        ScriptedDetector { faces: (0..100).map(|seq| (seq, faces(seq))).collect(), ..Default::default() };
    Stages::new(move || detector.clone(), OrderTracker::default)
}

#[test]
fn a_face_outside_the_region_is_not_tracked_but_counted() {
    let counting = || two_faces().counting(|camera| (camera == CameraId(3)).then(|| Box::new(LeftHalf) as _));
    let (report, seen) = run(counting(), FlowSettings::default(), pictures(20));
    assert_eq!((report.faces, report.faces_outside_region), (30, 20));
    assert!(seen.iter().all(|o| o.faces.len() <= 1) && seen[0].faces[0].bbox.x1 == 50.0);
    let found = |o: &Observation| {
        o.zone_events.iter().filter(|e| e.change == ZoneChange::Entered { zone: "seen".into() }).count()
    };
    assert_eq!(seen.iter().map(found).sum::<usize>(), seen.iter().map(|o| o.faces.len()).sum::<usize>());
    let ended: usize =
        seen.iter().map(|o| o.zone_events.len()).sum::<usize>() - seen.iter().map(found).sum::<usize>();
    assert_eq!(ended, 1, "the only track ends");
    let (in_pipeline, same) = run_pipeline(counting(), FlowSettings::default(), 20);
    assert_eq!(in_pipeline.faces_outside_region, 20);
    assert!(seen.iter().zip(&same).all(|(a, b)| a.zone_events == b.zone_events));
}

#[test]
fn a_camera_without_zones_has_no_counter() {
    let (report, seen) = run(two_faces().counting(|_| None), FlowSettings::default(), pictures(5));
    assert_eq!(report.faces_outside_region, 0);
    assert!(seen.iter().all(|o| o.faces.len() == 2 && o.zone_events.is_empty()));
}

#[test]
fn a_counter_that_panics_costs_its_counts_alone() {
    struct Broken;
    impl ZoneCounter for Broken {
        fn watches(&mut self, _: &BBox, _: (u32, u32)) -> bool {
            panic!("the test asked for it")
        }
        fn update(
            &mut self,
            _: &FrameMeta,
            _: (u32, u32),
            _: &[ObservedFace],
            _: &[TrackId],
            _: &mut Vec<ZoneEvent>,
        ) {
            panic!("the test asked for it")
        }
    }
    let (report, seen) =
        run(two_faces().counting(|_| Some(Box::new(Broken))), FlowSettings::default(), pictures(5));
    assert!(report.error.is_none() && report.failures["zones"] >= 10, "{:?}", report.failures);
    assert!(seen.len() == 5 && seen.iter().all(|o| o.faces.len() == 2 && o.zone_events.is_empty()));
}

#[test]
fn every_frame_mode_samples_every_face() {
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
fn a_small_face_is_unidentified() {
    let detector = ScriptedDetector {
        faces: (0..9).map(|s| (s, vec![face(9.0, 12.0)])).collect(),
        ..Default::default()
    };
    /// Must get no sighting.
    struct NoSightings;
    impl Identifier for NoSightings {
        fn identify(&mut self, _: &[Sighting], _: &[TrackKey]) {
            panic!("a small face has no embedding")
        }
        fn identity(&self, _: TrackKey) -> Identity {
            Identity::Pending
        }
        fn end(&mut self, _: TrackKey) {}
    }
    let stages = Stages::new(move || detector.clone(), OrderTracker::default)
        .identifying(FixedEmbedder::default, || NoSightings);
    let (report, seen) = run(stages, FlowSettings::default(), pictures(9));
    assert!(report.failures.is_empty());
    assert!(
        seen.iter().all(|o| o.faces[0].identity == Identity::Unidentified && o.faces[0].embedding.is_none())
    );
}

/// Twenty frames of which 4 and 5 are damaged, the detector fails on 7, 8 and 10, and the tracker on 12.
fn run_with_failures() -> (CameraReport, Vec<Observation>, u64) {
    let mut steps = pictures(20);
    steps[4] = SourceStep::Damaged;
    steps[5] = SourceStep::Damaged;
    let detector = ScriptedDetector { panics: vec![7, 8], skips: vec![10], ..detector() };
    let (stages, ended) = stages(detector, OrderTracker::panicking([12]));
    let (report, seen) = run(stages, FlowSettings::default(), steps);
    (report, seen, ended.ended())
}

#[test]
fn a_dropped_frame_is_counted_by_its_reason() {
    let (report, seen, _) = run_with_failures();
    assert_eq!(report.ledger.captured, 20);
    assert_eq!(report.ledger.dropped[&DropReason::Undecodable], 2);
    assert_eq!(report.ledger.dropped[&DropReason::StageFailed], 4);
    let observed = [0, 1, 2, 3, 6, 9, 11, 13, 14, 15, 16, 17, 18, 19];
    assert_eq!(frames_with(&seen, |_| true), observed);
}

#[test]
fn failures_are_counted_by_stage() {
    let (report, ..) = run_with_failures();
    assert_eq!((report.failures["detect"], report.failures["track"]), (3, 1));
    assert_eq!(report.rebuilds.into_iter().collect::<Vec<_>>(), [("detect", 2), ("track", 1)]);
    assert!(
        report.notes.iter().any(|n| n.contains("camera 3, frame 7") && n.contains("panicked")),
        "{:?}",
        report.notes
    );
}

#[test]
fn the_tracks_of_a_rebuilt_tracker_have_new_ids() {
    let (_, seen, ended) = run_with_failures();
    assert_eq!(seen[0].faces[0].track, TrackId(1));
    assert_eq!(seen.last().unwrap().faces[0].track, TrackId(2));
    assert_eq!(ended, 2);
}

/// Fails on frame 2 with errors of another name.
struct Halves;
impl Detector for Halves {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        faces.iter_mut().for_each(Vec::clear);
        match frames.iter().any(|frame| frame.meta.seq == 2) {
            true => Err(StageError::reset("halves", "left half is missing")),
            false => Ok(()),
        }
    }
}

#[test]
fn a_failure_is_counted_under_the_name_of_the_stage_in_the_pipeline() {
    let stages = Stages::new(|| Halves, OrderTracker::default);
    let (by_flow, _) = run(stages.clone(), FlowSettings::default(), pictures(5));
    let (by_pipeline, _) = run_pipeline(stages, FlowSettings::default(), 5);
    for report in [by_flow, by_pipeline] {
        assert_eq!(report.failures.into_iter().collect::<Vec<_>>(), [("detect", 1)]);
        assert_eq!(report.rebuilds.into_iter().collect::<Vec<_>>(), [("detect", 1)]);
        assert_eq!(report.notes, ["halves (camera 3, frame 2): left half is missing"]);
    }
}

#[test]
fn a_failed_identifier_is_counted_at_the_camera_whose_call_it_was() {
    /// Panics over the sightings of camera 1.
    struct PanicsOverCamera1;
    impl Identifier for PanicsOverCamera1 {
        fn identify(&mut self, sightings: &[Sighting], _: &[TrackKey]) {
            assert!(sightings.iter().all(|s| s.track.camera != CameraId(1)), "as the test says");
        }
        fn identity(&self, _: TrackKey) -> Identity {
            Identity::Pending
        }
        fn end(&mut self, _: TrackKey) {}
    }
    let stages = Stages::new(detector, OrderTracker::default)
        .identifying(FixedEmbedder::default, || PanicsOverCamera1);
    let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SimulatedClock::new()));
    let camera = |_| ScriptedSource::new(pictures(1));
    let finished = (0..3).fold(pipeline, |p, id| p.camera(CameraId(id), camera(id))).run().unwrap();

    for report in &finished.reports {
        let expected = u64::from(report.camera == CameraId(1));
        assert_eq!(report.failures.get("identify").copied().unwrap_or(0), expected);
        assert_eq!(report.rebuilds.get("identify").copied().unwrap_or(0), expected);
    }
    let identify = finished.figures.stages.iter().find(|stage| stage.stage == "identify").unwrap();
    assert_eq!((identify.failures, identify.rebuilds), (1, 1));
}

#[test]
fn every_run_counts_its_own_failures() {
    let detector = ScriptedDetector { panics: vec![2], ..detector() };
    let (stages, _) = stages(detector, OrderTracker::panicking([4]));
    let mut flow = flow(stages, FlowSettings::default());
    let mut run = |frames| {
        let mut source = ScriptedSource::new(frames);
        flow.run(CameraId(0), &mut source, None, &mut |_| ControlFlow::Continue(())).rebuilds
    };
    assert!(run(pictures(8)).into_iter().eq([("detect", 1), ("track", 1)]));
    assert!(run(pictures(2)).is_empty(), "a run without a failure");
    let mut sizes = pictures(2);
    sizes.push(SourceStep::Picture(120, 80));
    assert!(run(sizes).into_iter().eq([("detect", 1)]), "a tracker that starts anew has not failed");
}

#[test]
fn a_face_that_two_stages_want_is_cut_out_once() {
    /// Keeps the pixels that each of two stages gets.
    #[derive(Clone, Default)]
    struct KeepsImages(Arc<Mutex<[Vec<Arc<Image>>; 2]>>);
    impl KeepsImages {
        fn keep(&self, stage: usize, chips: &[FaceChip]) {
            self.0.lock().unwrap()[stage].extend(chips.iter().map(|c| Arc::clone(&c.image)));
        }
    }
    impl Embedder for KeepsImages {
        fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
            self.keep(0, chips);
            FixedEmbedder::default().embed(chips, out)
        }
    }
    impl Classifier for KeepsImages {
        fn classify(&mut self, chips: &[FaceChip], out: &mut [Option<Attributes>]) -> Result<(), StageError> {
            self.keep(1, chips);
            FixedClassifier::default().classify(chips, out)
        }
    }
    let (stages, fusion) = stages(detector(), OrderTracker::default());
    let images = KeepsImages::default();
    let embedder = images.clone();
    let classifier = images.clone();
    let stages = stages
        .identifying(move || embedder.clone(), || OnePerson)
        .classifying(move || classifier.clone(), move || fusion.clone());
    run(stages, FlowSettings::default().every_frame(), pictures(5));
    let [embedded, classified] = &*images.0.lock().unwrap();
    assert_eq!((embedded.len(), classified.len()), (5, 5));
    assert!(embedded.iter().zip(classified).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn a_fatal_detector_ends_the_camera() {
    let (stages, _) = stages(ScriptedDetector { fatals: vec![3], ..detector() }, OrderTracker::default());
    let (report, seen) = run(stages, FlowSettings::default(), pictures(10));
    assert!(matches!(report.error, Some(FlowError::Stage(_))) && seen.len() == 3);
    assert_eq!((report.ledger.captured, report.ledger.dropped_total()), (4, 1));
}

fn source_ends_the_camera(step: SourceStep, reason: &str) {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let mut steps = pictures(3);
    steps.push(step);
    let (report, seen) = run(stages, FlowSettings::default(), steps);
    let error = report.error.expect("it failed").to_string();
    assert!(seen.len() == 3 && error.contains(reason) && error.contains("script"), "{error}");
}

#[test]
fn a_truncated_source_ends_the_camera() {
    source_ends_the_camera(SourceStep::Truncated, "truncated after 3 frames");
}

#[test]
fn a_panicking_source_ends_the_camera() {
    source_ends_the_camera(SourceStep::Panic, "the script asked for a panic");
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

/// Answers its first call. At later ones it leaves everything as it is, against the contract.
#[derive(Default)]
struct AnswersOnce(bool);
impl Detector for AnswersOnce {
    fn detect(&mut self, _: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        if !std::mem::replace(&mut self.0, true) {
            faces.iter_mut().for_each(|list| list.push(face(20.0, 40.0)));
        }
        Ok(())
    }
}
impl Embedder for AnswersOnce {
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

/// Stages with an embedder that answers once, and a dead classifier.
fn broken_stages() -> Stages {
    let (stages, fusion) = stages(detector(), OrderTracker::default());
    stages.identifying(AnswersOnce::default, || OnePerson).classifying(|| Dead, move || fusion.clone())
}

/// Runs the stages over four frames, by flow and by pipeline.
fn run_both(stages: &Stages) -> [(CameraReport, Vec<Observation>); 2] {
    let settings = FlowSettings { embed: SamplingPolicy::ALWAYS, ..Default::default() };
    [run(stages.clone(), settings, pictures(4)), run_pipeline(stages.clone(), settings, 4)]
}

#[test]
fn a_stage_that_stopped_for_good_is_called_once() {
    for (report, seen) in run_both(&broken_stages()) {
        assert_eq!((report.failures.len(), report.failures["classify"]), (1, 1));
        assert!(seen.iter().flat_map(|o| &o.faces).all(|face| face.attributes.is_none()));
    }
}

#[test]
fn an_answer_that_is_missing_is_not_filled_from_another_frame() {
    let one_detection = broken_stages().with_detector(AnswersOnce::default);
    for (stages, faces) in [(broken_stages(), 4), (one_detection, 1)] {
        for (_, seen) in run_both(&stages) {
            let found: Vec<_> = seen.iter().flat_map(|o| &o.faces).filter(|f| f.face.is_some()).collect();
            assert_eq!((seen.len(), found.len()), (4, faces));
            assert_eq!(found.iter().filter(|face| face.embedding.is_some()).count(), 1);
            assert!(found.iter().all(|face| face.attributes.is_none()));
        }
    }
}

#[test]
fn the_watcher_can_end_a_run() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let mut left = 3;
    let mut source = ScriptedSource::new(pictures(10));
    let report = flow(stages, FlowSettings::default()).run(CameraId(0), &mut source, None, &mut |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((report.ledger.captured, report.ledger.analysed, report.ledger.balances()), (3, 3, true));
}

#[test]
fn a_flow_runs_one_camera_after_another() {
    let (stages, _) = stages(detector(), OrderTracker::default());
    let mut flow = flow(stages, FlowSettings::default());
    for (camera, ends_at) in [(0, 2), (1, 99)] {
        let mut source = ScriptedSource::new(pictures(5));
        let report = flow.run(CameraId(camera), &mut source, None, &mut |o| {
            assert_eq!(o.faces[0].track, TrackId(1), "every camera counts its own tracks");
            if o.meta.seq == ends_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let analysed = if camera == 0 { 3 } else { 5 };
        assert_eq!((report.camera, report.ledger.analysed), (CameraId(camera), analysed));
    }
}
