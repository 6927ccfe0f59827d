//! The writer's thread: batches of 200 rows, or of what came in half a second, however slowly it comes.

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use passerby_pipeline::{Pipeline, PipelineReport, PipelineSettings};
use passerby_types::{CameraId, ErrorClass, Observation, Sink, SinkError, SystemClock};
use support::{Camera, Then, settled, stages};

/// Writes down when which batch came, by the observations' own capture times, and how long after the first of them.
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
            return Err(SinkError::new(ErrorClass::Reset, "diary", "as told"));
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

/// Runs the camera to its end; what the sink was given, and when.
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

/// What a loaded machine may add to half a second.
const SLACK: Duration = Duration::from_secs(1);

#[test]
fn few_observations_wait_half_a_second_and_no_longer() {
    let wait = Duration::from_millis(500);
    // One every two seconds, more slowly than the wait and than the thread's own rhythm; then ten a batch or so. The
    // last batch is written when the camera ends.
    for (rate, frames) in [(0.5, 3), (20.0, 40)] {
        let (finished, batches) = run(Camera::live(rate).frames(frames, Then::End), 0);
        assert_eq!(finished.written.total().written, frames);
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
fn a_sink_that_is_busy_is_asked_again_after_half_a_second_also_while_nothing_comes() {
    let start = Instant::now();
    let (finished, batches) = run(Camera::live(1.0).frames(2, Then::End), 1);
    // The first is refused once after half a second; the end of the camera comes after a second.
    assert_eq!(batches.iter().map(|(n, _)| *n).sum::<usize>(), 2);
    assert_eq!((finished.written.failures, finished.written.total().lost), (1, 0));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_sink_that_is_busy_until_after_the_stop_gets_everything() {
    let clock = Arc::new(SystemClock::new());
    let diary = Diary { refuses: 5, ..Diary::default() };
    let batches = Arc::clone(&diary.batches);
    let handle = Pipeline::new(stages(|_| {}), PipelineSettings::default(), clock)
        .camera(CameraId(0), Camera::live(50.0))
        .sink(diary)
        .start()
        .unwrap();
    std::thread::sleep(Duration::from_millis(250));
    let finished = handle.stop(Duration::from_secs(20));
    settled(&finished);
    let written: usize = batches.lock().expect("no panic inside").iter().map(|(n, _)| n).sum();
    assert_eq!(written as u64, finished.reports[0].ledger.analysed, "also what was not half a second old");
    assert_eq!((finished.written.total().lost, finished.written.failures), (0, 5));
}
