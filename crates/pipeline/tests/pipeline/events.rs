//! Events of a running pipeline, and the tap on its frames.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Camera, Latch, settled, stages, until};
use passerby_pipeline::{EventReceiver, Pipeline, PipelineEvent, PipelineSettings, RecvOutcome, WhenFull};
use passerby_testkit::{ScriptedSource, SourceStep};
use passerby_types::{CameraId, ErrorClass, Frame, Observation, Sink, SinkError, SystemClock};

const LONG: Duration = Duration::from_secs(20);

const PICTURE: SourceStep = SourceStep::Picture(96, 96);
const BROKEN: SourceStep = SourceStep::Disconnected;

/// A sink that refuses every batch.
struct Refusing;

impl Sink for Refusing {
    fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
        Err(SinkError::new(ErrorClass::Skip, "refusing", "scripted"))
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn pipeline(before: impl Fn(&Frame) + Clone + Send + Sync + 'static) -> Pipeline {
    let settings =
        PipelineSettings { stuck_after: Duration::from_millis(100), ..PipelineSettings::default() };
    Pipeline::new(stages(before), settings, Arc::new(SystemClock::new()))
}

/// Waits for the first event that `wanted` accepts.
fn wait_for(events: &EventReceiver, wanted: impl Fn(&PipelineEvent) -> bool) -> PipelineEvent {
    loop {
        match events.recv_timeout(LONG) {
            RecvOutcome::Item(event) if wanted(&event) => return event,
            RecvOutcome::Item(_) => {}
            other => panic!("no such event: {other:?}"),
        }
    }
}

#[test]
fn a_camera_reports_its_connection_outage_and_end() {
    let pipeline =
        pipeline(|_| {}).camera(CameraId(7), ScriptedSource::new([PICTURE, PICTURE, BROKEN, PICTURE]));
    let events = pipeline.events();
    settled(&pipeline.run().unwrap());
    let events: Vec<PipelineEvent> = events.collect();
    let camera = CameraId(7);
    assert!(events.iter().all(|event| event.camera() == Some(camera)), "{events:?}");
    let [connected, lost, recovered, ended] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*connected, PipelineEvent::CameraConnected { camera, name: "script".into() });
    let error = "script: the script asked for it".to_string();
    assert_eq!(*lost, PipelineEvent::CameraLost { camera, error, class: ErrorClass::Reset });
    assert!(matches!(recovered, PipelineEvent::CameraRecovered { outage, .. } if *outage < LONG));
    assert_eq!(*ended, PipelineEvent::CameraEnded { camera, error: None });
}

/// Runs a camera whose source follows this script, and returns the names of its events and its report's notes.
fn events_and_notes(steps: &[SourceStep]) -> (Vec<&'static str>, Vec<String>) {
    let pipeline = pipeline(|_| {}).camera(CameraId(7), ScriptedSource::new(steps.to_vec()));
    let events = pipeline.events();
    let finished = pipeline.run().expect("the settings are valid");
    settled(&finished);
    let name = |event| match event {
        PipelineEvent::CameraConnected { .. } => "connected",
        PipelineEvent::CameraLost { .. } => "lost",
        PipelineEvent::CameraRecovered { .. } => "recovered",
        PipelineEvent::CameraEnded { .. } => "ended",
        other => panic!("{other:?}"),
    };
    (events.map(name).collect(), finished.reports[0].notes.clone())
}

#[test]
fn a_camera_that_connects_late_connects_once() {
    let (events, notes) = events_and_notes(&[BROKEN, PICTURE]);
    assert_eq!(events, ["lost", "connected", "ended"]);
    assert!(
        notes.len() == 1 && notes[0].starts_with("script: the script asked for it; away for "),
        "{notes:?}"
    );
}

#[test]
fn an_outage_is_reported_once_however_many_tries_fail() {
    let (events, notes) =
        events_and_notes(&[PICTURE, BROKEN, BROKEN, BROKEN, PICTURE, PICTURE, BROKEN, PICTURE]);
    assert_eq!(events, ["connected", "lost", "recovered", "lost", "recovered", "ended"]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes.iter().all(|note| note.starts_with("script: the script asked for it; away for ")),
        "{notes:?}"
    );
}

#[test]
fn a_failed_stage_is_an_event_while_the_camera_runs() {
    let pipeline = pipeline(|frame| assert!(frame.meta.seq != 1, "scripted"));
    let handle = pipeline.camera(CameraId(0), Camera::live(100.0)).start().unwrap();
    let events = handle.events();
    handle.add(CameraId(1), Camera::file(3)).unwrap();
    let failed = wait_for(&events, |event| matches!(event, PipelineEvent::StageFailed { .. }));
    let PipelineEvent::StageFailed { stage, error, class, .. } = failed else { panic!("{failed:?}") };
    assert_eq!((stage, class), ("detect", ErrorClass::Reset));
    assert!(error.contains("panicked: scripted"), "{error}");
    assert_eq!(handle.cameras()[0], CameraId(0), "it still runs");
    settled(&handle.stop(LONG));
}

#[test]
fn a_stuck_call_is_one_event() {
    let latch = Latch::default();
    let wait = latch.clone();
    let pipeline = pipeline(move |_| wait.wait()).camera(CameraId(3), Camera::file(1));
    let events = pipeline.events();
    let handle = pipeline.start().unwrap();
    let stuck = wait_for(&events, |event| matches!(event, PipelineEvent::CallStuck { .. }));
    let PipelineEvent::CallStuck { camera, stage, elapsed } = stuck else { panic!("{stuck:?}") };
    assert_eq!((camera, stage), (Some(CameraId(3)), "detect"));
    assert!(elapsed > Duration::from_millis(100));
    latch.open();
    assert!(handle.wait(CameraId(3), LONG));
    settled(&handle.finish());
    assert!(!events.into_iter().any(|event| matches!(event, PipelineEvent::CallStuck { .. })));
}

#[test]
fn lost_rows_are_events_that_add_up() {
    let pipeline = pipeline(|_| {}).camera(CameraId(0), Camera::file(300)).sink(Refusing);
    let events = pipeline.events();
    let finished = pipeline.run().unwrap();
    settled(&finished);
    let lost = events.filter_map(|event| match event {
        PipelineEvent::RowsLost { camera: CameraId(0), observations } => Some(observations),
        _ => None,
    });
    assert_eq!((lost.sum::<u64>(), finished.written.total().lost), (300, 300));
}

#[test]
fn events_that_are_not_received_hold_up_nothing() {
    let pipeline = pipeline(|frame| assert!(frame.meta.seq % 2 == 0, "scripted"));
    let pipeline = pipeline.camera(CameraId(0), Camera::file(2000));
    let events = pipeline.events();
    settled(&pipeline.run().unwrap());
    let stats = events.stats();
    assert_eq!(stats.sent, stats.dropped + stats.depth as u64);
    assert_eq!(stats.depth, stats.capacity, "the newest events wait");
    let last = events.last().expect("an event");
    assert!(matches!(last, PipelineEvent::CameraEnded { .. }), "{last:?}");
}

#[test]
fn an_event_is_one_line() {
    let lost = PipelineEvent::CameraLost {
        camera: CameraId(3),
        error: "rtsp://gate: connection reset".into(),
        class: ErrorClass::Reset,
    };
    assert_eq!(lost.to_string(), "camera 3: lost: rtsp://gate: connection reset");
}

#[test]
fn a_tap_has_the_newest_frame_of_each_camera() {
    let pipeline = pipeline(|_| {}).camera(CameraId(0), Camera::file(9)).camera(CameraId(1), Camera::file(5));
    let frames = pipeline.frames();
    settled(&pipeline.run().unwrap());
    let newest: Vec<_> = frames.take_all().into_iter().map(|tapped| tapped.observation.meta).collect();
    let numbers: Vec<_> = newest.iter().map(|meta| (meta.camera.0, meta.seq)).collect();
    assert_eq!(numbers, [(0, 8), (1, 4)]);
    assert!(frames.take(CameraId(0)).is_none(), "it was taken");
}

#[test]
fn a_tap_has_coasted_frames_too() {
    let mut settings = PipelineSettings::default();
    settings.flow.cadence = 4;
    let pipeline = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), Camera::file(6));
    let frames = pipeline.frames();
    settled(&pipeline.run().unwrap());
    let tapped = frames.take(CameraId(0)).expect("a frame");
    assert_eq!((tapped.frame.meta.seq, tapped.observation.meta.seq), (5, 5));
    assert_eq!(tapped.frame.image.width(), 96);
}

#[test]
fn a_blocking_subscription_has_every_frame_with_its_observation() {
    let mut settings = PipelineSettings::default();
    settings.flow.cadence = 4;
    let pipeline = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), Camera::file(9));
    let frames = pipeline.subscribe_frames("pictures", 1, WhenFull::Block);
    let run = std::thread::Builder::new().spawn(|| pipeline.run().unwrap()).unwrap();
    let seqs: Vec<_> = frames
        .map(|item| {
            assert_eq!(item.frame.meta.seq, item.observation.meta.seq);
            assert_eq!(item.frame.image.width(), 96);
            item.frame.meta.seq
        })
        .collect();
    assert_eq!(seqs, (0..9).collect::<Vec<_>>());
    settled(&run.join().unwrap());
}

#[test]
fn a_dropped_frame_subscription_holds_up_nothing() {
    let pipeline = pipeline(|_| {}).camera(CameraId(0), Camera::file(9));
    drop(pipeline.subscribe_frames("pictures", 1, WhenFull::Block));
    settled(&pipeline.run().unwrap());
}

#[test]
fn a_dropped_tap_keeps_no_frames() {
    let handle = pipeline(|_| {}).camera(CameraId(0), Camera::live(200.0)).start().unwrap();
    let frames = handle.frames();
    let metrics = handle.metrics();
    until("frames are observed", || metrics.snapshot().ledger().analysed > 3);
    let tapped = frames.take(CameraId(0));
    drop(frames);
    settled(&handle.stop(LONG));
    if let Some(tapped) = tapped {
        until("only the test has the picture", || Arc::strong_count(&tapped.frame.image) == 1);
    }
}
