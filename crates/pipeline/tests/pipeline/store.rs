//! The writer's thread: batches of 200 rows, or of all rows of half a second.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Camera, Then, settled, stages, until};
use passerby_pipeline::{Pipeline, PipelineReport, PipelineSettings};
use passerby_types::{CameraId, ErrorClass, Observation, Sink, SinkError, SystemClock};

/// A sink that notes the size of each batch, and how long after the capture of its first observation it came.
#[derive(Clone, Default)]
struct Diary {
    batches: Arc<Mutex<Vec<(usize, Duration)>>>,
    refuses: usize,
    calls: usize,
    clock: Option<Arc<SystemClock>>,
}

impl Sink for Diary {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.calls += 1;
        if self.calls <= self.refuses {
            return Err(SinkError::new(ErrorClass::Reset, "diary", "scripted"));
        }
        let now = self.clock.as_ref().map(|clock| passerby_types::Clock::now(&**clock)).unwrap_or_default();
        let waited = batch.first().map(|first| now.since(first.meta.captured)).unwrap_or_default();
        self.batches.lock().expect("no panic inside").push((batch.len(), waited));
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Runs the camera to its end. Returns the report and the batches of the sink.
fn run(camera: Camera, refuses: usize) -> (PipelineReport, Vec<(usize, Duration)>) {
    let clock = Arc::new(SystemClock::new());
    let diary = Diary { refuses, clock: Some(Arc::clone(&clock)), ..Diary::default() };
    let batches = Arc::clone(&diary.batches);
    let pipeline = Pipeline::new(stages(|_| {}), PipelineSettings::default(), clock);
    let finished = pipeline.camera(CameraId(0), camera).sink(diary).run().expect("it starts");
    settled(&finished);
    let batches = batches.lock().expect("no panic inside").clone();
    (finished, batches)
}

/// The delay that a busy machine may add.
const SLACK: Duration = Duration::from_millis(2500);

#[test]
fn few_observations_wait_half_a_second() {
    let wait = Duration::from_millis(500);
    // First one observation every three seconds, which is longer than the interval and the thread's own wait. Then about
    // ten in each batch. The last batch is written when the camera ends.
    for (rate, frames) in [(0.3, 3), (20.0, 40)] {
        let (finished, batches) = run(Camera::live(rate).frames(frames, Then::End), 0);
        // A busy machine may drop a frame, which is then counted.
        assert_eq!(finished.reports[0].ledger.captured, frames);
        assert!(finished.reports[0].ledger.balances() && finished.written.total().lost == 0);
        assert_eq!(finished.written.total().written, finished.reports[0].ledger.analysed);
        assert!(batches.len() >= 3, "{batches:?}");
        for (_, waited) in &batches[..batches.len() - 1] {
            assert!((wait..wait + SLACK).contains(waited), "{batches:?}");
        }
    }
}

#[test]
fn many_observations_come_in_batches_of_two_hundred() {
    let (_, batches) = run(Camera::file(1000), 0);
    let sizes: Vec<usize> = batches.iter().map(|(n, _)| *n).collect();
    assert!(sizes.iter().all(|n| *n <= 200), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 1000);
}

#[test]
fn a_busy_sink_is_called_again_without_new_observations() {
    let start = Instant::now();
    let (finished, batches) = run(Camera::live(1.0).frames(2, Then::End), 1);
    // The sink refuses the first batch after half a second. The camera ends after a second.
    assert_eq!(batches.iter().map(|(n, _)| *n).sum::<usize>(), 2);
    assert_eq!((finished.written.failures, finished.written.total().lost), (1, 0));
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_sink_that_is_busy_at_the_stop_gets_everything() {
    let clock = Arc::new(SystemClock::new());
    let diary = Diary { refuses: 5, ..Diary::default() };
    let batches = Arc::clone(&diary.batches);
    let handle = Pipeline::new(stages(|_| {}), PipelineSettings::default(), clock)
        .camera(CameraId(0), Camera::live(50.0))
        .sink(diary)
        .start()
        .unwrap();
    until("frames are analysed", || handle.metrics().snapshot().ledger().analysed > 5);
    let finished = handle.stop(Duration::from_secs(20));
    settled(&finished);
    let written: usize = batches.lock().expect("no panic inside").iter().map(|(n, _)| n).sum();
    assert_eq!(
        written as u64, finished.reports[0].ledger.analysed,
        "even observations that are younger than half a second"
    );
    assert_eq!((finished.written.total().lost, finished.written.failures), (0, 5));
}

/// A sink that fails with the class `Reset` for ever, as on a full disk.
struct FullDisk;

impl Sink for FullDisk {
    fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
        Err(SinkError::new(ErrorClass::Reset, "diary", "disk full"))
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn a_sink_that_stays_busy_ends_in_time_and_keeps_its_cause() {
    let mut settings = PipelineSettings::default();
    settings.flow.writer.retry_timeout = Duration::from_millis(100);
    let pipeline = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()));
    let begun = Instant::now();
    let camera = Camera::file(20);
    let finished = pipeline.camera(CameraId(0), camera).sink(FullDisk).run().expect("it starts");
    assert!(begun.elapsed() < Duration::from_secs(30), "the sink has a tenth of a second, not a minute");
    let report = &finished.reports[0];
    assert_eq!((report.writes.lost, report.writes.offered), (20, 20));
    assert_eq!(report.sink_error.as_ref().map(ToString::to_string), Some("diary: disk full".into()));
    assert!(finished.abandoned.is_empty());
}

/// A sink that takes everything, and whose flush never returns.
struct StuckFlush;

impl Sink for StuckFlush {
    fn write(&mut self, _: &[Observation]) -> Result<(), SinkError> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_flush_that_does_not_return_loses_nothing_that_was_written() {
    let pipeline = Pipeline::new(stages(|_| {}), PipelineSettings::default(), Arc::new(SystemClock::new()));
    let handle = pipeline.camera(CameraId(0), Camera::file(20)).sink(StuckFlush).start().expect("it starts");
    assert!(handle.wait(CameraId(0), Duration::from_secs(60)));
    let finished = handle.stop(Duration::from_secs(2));
    let writes = finished.reports[0].writes;
    assert_eq!((writes.written, writes.lost), (20, 0));
    assert_eq!(finished.abandoned.len(), 1, "{:?}", finished.abandoned);
}
