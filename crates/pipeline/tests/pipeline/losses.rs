//! Lost frames and interruptions of a source, which the flow and the pipeline must count alike.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{settled, stages};
use passerby_pipeline::{
    CameraReport, Flow, FlowError, FlowSettings, Pipeline, PipelineSettings, Stages, WhenFull,
};
use passerby_testkit::{OrderTracker, ScriptedSource, SimulatedClock, SourceStep};
use passerby_types::{CameraId, Detector, DropReason, Face, Frame, Observation, SourceError, StageError};

/// Runs the source in a flow and in a pipeline, checks that both agree, and returns the report.
fn run(steps: &[SourceStep]) -> (CameraReport, Vec<Observation>) {
    let clock = || {
        let clock = SimulatedClock::new();
        clock.advance(Duration::from_secs(100));
        Arc::new(clock)
    };
    let mut flow = Flow::new(stages(|_| {}), FlowSettings::default(), clock()).expect("fakes start");
    let mut seen = Vec::new();
    let report = flow.run(CameraId(0), &mut ScriptedSource::new(steps.to_vec()), None, &mut |observation| {
        seen.push(observation.clone());
        ControlFlow::Continue(())
    });
    let handle = Pipeline::new(stages(|_| {}), PipelineSettings::default(), clock());
    let handle = handle.camera(CameraId(0), ScriptedSource::new([])).start().expect("fakes start");
    let subscription = handle.subscribe("test", 100, WhenFull::Block);
    handle.add(CameraId(1), ScriptedSource::new(steps.to_vec())).expect("fakes start");
    let finished = handle.finish();
    settled(&finished);
    let other = &finished.reports[1];
    assert_eq!(other.ledger, report.ledger);
    assert_eq!((other.interruptions, &other.notes), (report.interruptions, &report.notes));
    assert_eq!(finished.figures.cameras[1].interruptions, report.interruptions);
    assert_eq!(other.error.as_ref().map(ToString::to_string), report.error.as_ref().map(ToString::to_string));
    let times = |o: &Observation| (o.meta.seq, o.meta.captured);
    let of_pipeline: Vec<_> = std::iter::from_fn(|| subscription.try_recv()).collect();
    assert!(of_pipeline.iter().map(|o| times(o)).eq(seen.iter().map(times)));
    (report, seen)
}

#[test]
fn lost_frames_count_by_their_reason() {
    const AT_ONCE: SourceStep = SourceStep::Picture(96, 96);
    let (report, seen) = run(&[
        AT_ONCE,
        SourceStep::Lost(7, DropReason::Network),
        SourceStep::AgedPicture(96, 96, Duration::from_secs(3)),
        SourceStep::Disconnected,
        SourceStep::Lost(2, DropReason::Stale),
        SourceStep::Lost(0, DropReason::Stale),
        SourceStep::Disconnected,
        AT_ONCE,
    ]);
    let seqs: Vec<u64> = seen.iter().map(|o| o.meta.seq).collect();
    assert_eq!(seqs, [0, 8, 11], "each lost frame has a number");
    let captured: Vec<u64> = seen.iter().map(|o| o.meta.captured.0.as_secs()).collect();
    assert_eq!(captured, [100, 97, 100], "a frame's time is that of its arrival");
    assert_eq!(report.ledger.captured, 12);
    assert_eq!(report.ledger.dropped, BTreeMap::from([(DropReason::Network, 7), (DropReason::Stale, 2)]));
    assert_eq!((report.interruptions, report.error.is_none()), (2, true));
}

#[test]
fn a_last_interruption_is_the_error_that_ended_the_camera() {
    let (report, _) = run(&[SourceStep::Picture(96, 96), SourceStep::Disconnected]);
    assert!(matches!(report.error, Some(FlowError::Source(SourceError::Disconnected { .. }))));
    assert_eq!((report.interruptions, report.ledger.captured), (1, 1));
}

/// A detector that leaves out as many boxes of each frame as its number.
#[derive(Default)]
struct LeavesOut(Vec<u64>);

impl Detector for LeavesOut {
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        faces.iter_mut().for_each(Vec::clear);
        self.0 = frames.iter().map(|frame| frame.meta.seq).collect();
        Ok(())
    }

    fn left_out(&self, frame: usize) -> u64 {
        self.0.get(frame).copied().unwrap_or(0)
    }
}

#[test]
fn boxes_that_the_detector_left_out_are_counted() {
    let steps = vec![SourceStep::Picture(96, 96); 5];
    let stages = || Stages::new(LeavesOut::default, OrderTracker::default);
    let clock = || Arc::new(SimulatedClock::new());
    let mut flow = Flow::new(stages(), FlowSettings::default(), clock()).unwrap();
    let mut source = ScriptedSource::new(steps.clone());
    let report = flow.run(CameraId(0), &mut source, None, &mut |_| ControlFlow::Continue(()));
    assert_eq!(report.faces_left_out, 10);

    let settings = PipelineSettings { detect_batch: 3, ..PipelineSettings::default() };
    let pipeline = Pipeline::new(stages(), settings, clock());
    let pipeline = (0..2).fold(pipeline, |p, id| p.camera(CameraId(id), ScriptedSource::new(steps.clone())));
    let finished = pipeline.start().unwrap().finish();
    let of_reports: Vec<u64> = finished.reports.iter().map(|report| report.faces_left_out).collect();
    let of_figures: Vec<u64> =
        finished.figures.cameras.iter().map(|figures| figures.faces_left_out).collect();
    assert_eq!((of_reports, of_figures), (vec![10, 10], vec![10, 10]));
}
