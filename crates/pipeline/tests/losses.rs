//! Lost frames and interruptions of a source, which the flow and the pipeline must count alike.

mod support;

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_pipeline::{CameraReport, Flow, FlowError, FlowSettings, Pipeline, PipelineSettings, WhenFull};
use passerby_testkit::{SimulatedClock, uniform};
use passerby_types::{
    CameraId, DropReason, FrameSource, Observation, Picture, PixelLayout, SourceError, SourceInfo,
};
use support::{settled, stages};

/// The result of one call of the source.
#[derive(Clone, Copy)]
enum Call {
    Picture(Duration),
    Lost(u64, DropReason),
    Broken,
}

struct Scripted(SourceInfo, VecDeque<Call>);

impl FrameSource for Scripted {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let input = self.0.name.clone();
        match self.1.pop_front() {
            None => Ok(None),
            Some(Call::Picture(age)) => {
                let picture = Picture::new(uniform(PixelLayout::Gray8, 96, 96, 128), None);
                Ok(Some(Picture { age, ..picture }))
            }
            Some(Call::Lost(frames, reason)) => {
                Err(SourceError::Lost { input, frames, reason, what: "the test asked for it".into() })
            }
            Some(Call::Broken) => Err(SourceError::disconnected(input, "the test asked for it")),
        }
    }
    fn info(&self) -> &SourceInfo {
        &self.0
    }
}

fn source(calls: &[Call]) -> Scripted {
    let info = SourceInfo { name: "camera".into(), ..SourceInfo::default() };
    Scripted(info, calls.iter().copied().collect())
}

/// Runs the source in a flow and in a pipeline, checks that both agree, and returns the report.
fn run(calls: &[Call]) -> (CameraReport, Vec<Observation>) {
    let clock = || {
        let clock = SimulatedClock::new();
        clock.advance(Duration::from_secs(100));
        Arc::new(clock)
    };
    let mut flow = Flow::new(stages(|_| {}), FlowSettings::default(), clock()).expect("fakes start");
    let mut seen = Vec::new();
    let report = flow.run(CameraId(0), &mut source(calls), None, &mut |observation| {
        seen.push(observation.clone());
        ControlFlow::Continue(())
    });
    let handle = Pipeline::new(stages(|_| {}), PipelineSettings::default(), clock());
    let handle = handle.camera(CameraId(0), source(&[])).start().expect("fakes start");
    let subscription = handle.subscribe("test", 100, WhenFull::Block);
    handle.add(CameraId(1), source(calls)).expect("fakes start");
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
    const AT_ONCE: Call = Call::Picture(Duration::ZERO);
    let (report, seen) = run(&[
        AT_ONCE,
        Call::Lost(7, DropReason::Network),
        Call::Picture(Duration::from_secs(3)),
        Call::Broken,
        Call::Lost(2, DropReason::Stale),
        Call::Lost(0, DropReason::Stale),
        Call::Broken,
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
    let (report, _) = run(&[Call::Picture(Duration::ZERO), Call::Broken]);
    assert!(matches!(report.error, Some(FlowError::Source(SourceError::Disconnected { .. }))));
    assert_eq!((report.interruptions, report.ledger.captured), (1, 1));
}
