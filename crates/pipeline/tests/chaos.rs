//! Everything goes wrong at once: healthy cameras are not affected, and every frame and row is counted.

mod support;

use std::collections::BTreeMap;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use passerby_pipeline::{Metrics, Pipeline, PipelineSettings};
use passerby_types::{CameraId, DropReason, ErrorClass, Frame, Observation, Sink, SinkError, SystemClock};
use support::{Camera, Latch, Then, settled, stages, until};

/// The rates of cameras 0 and 1, which are healthy.
const RATES: [f64; 2] = [20.0, 24.0];
const FAILS: u32 = 2;
const PANICS: u32 = 3;
const STALLS: u32 = 4;
const GARBAGE: u32 = 5;

/// A sink that refuses everything for a while, and otherwise keeps the frame numbers of each camera.
struct Moody {
    start: Instant,
    from: Duration,
    to: Duration,
    rows: Arc<Mutex<BTreeMap<CameraId, Vec<u64>>>>,
}

impl Sink for Moody {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if (self.from..self.to).contains(&self.start.elapsed()) {
            return Err(SinkError::new(ErrorClass::Reset, "moody", "scripted"));
        }
        let mut rows = self.rows.lock().expect("no panic inside");
        batch.iter().for_each(|o| rows.entry(o.meta.camera).or_default().push(o.meta.seq));
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// One look of the watching thread: when, how long it could not run itself until then, and how many frames of each
/// healthy camera were analysed.
struct Sample {
    at: Duration,
    held_up: Duration,
    analysed: [u64; 2],
}

/// Checks every snapshot until `over` is set.
fn watch(metrics: &Metrics, over: &AtomicBool) -> Vec<Sample> {
    const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);
    let start = Instant::now();
    let mut samples = Vec::new();
    let mut held_up = Duration::ZERO;
    let mut last = start;
    while !over.load(Ordering::Relaxed) {
        let snapshot = metrics.snapshot();
        for camera in &snapshot.cameras {
            assert!(camera.ledger.balances(), "{camera:?}");
        }
        assert!(snapshot.ledger().balances());
        let written = snapshot.written.total();
        assert!(written.offered >= written.written + written.lost, "{written:?}");
        for (name, queue) in &snapshot.queues {
            let out = queue.received + queue.dropped + queue.drained + queue.depth as u64;
            assert_eq!(queue.sent, out, "{name} {queue:?}");
        }
        let analysed = [0, 1].map(|i| snapshot.cameras[i].ledger.analysed);
        samples.push(Sample { at: start.elapsed(), held_up, analysed });
        thread::sleep(SAMPLE_INTERVAL);
        // If this thread does not get to run, no camera does.
        let late = last.elapsed().saturating_sub(SAMPLE_INTERVAL * 4);
        held_up += late;
        last = Instant::now();
    }
    samples
}

/// Returns the share of its frames that a camera analysed in the worst `window`.
fn worst(samples: &[Sample], camera: usize, window: Duration) -> f64 {
    let share = |(first, last): (&Sample, &Sample)| {
        let ran = last.at - first.at - (last.held_up - first.held_up);
        let frames = last.analysed[camera] - first.analysed[camera];
        frames as f64 / (RATES[camera] * ran.as_secs_f64())
    };
    let warm = samples.iter().skip_while(|s| s.at < Duration::from_secs(1));
    let pairs = warm.filter_map(|first| {
        let rest = samples.partition_point(|s| s.at < first.at + window);
        Some((first, samples.get(rest)?))
    });
    pairs.map(share).fold(f64::INFINITY, f64::min)
}

#[test]
fn healthy_cameras_go_on_whatever_goes_wrong() {
    let seconds = std::env::var("PASSERBY_CHAOS_SECONDS").ok().and_then(|s| s.parse().ok());
    let time = Duration::from_secs_f64(seconds.unwrap_or(20.0_f64).max(4.0));
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("scripted") {
            shown(info);
        }
    }));

    let settings = PipelineSettings {
        detect_workers: 2,
        stuck_after: Duration::from_secs(1),
        reorder_timeout: Duration::from_millis(500),
        ..PipelineSettings::default()
    };
    let before = |frame: &Frame| assert!(frame.meta.camera != CameraId(PANICS), "scripted");
    let frames = |share: f64| (time.as_secs_f64() * share * 24.0) as u64;
    let latch = Latch::default();
    let sizes = |n: u64| [(1, 1), (640, 3), (7, 200), (30, 30), (99, 98)][(n * n % 5) as usize];
    let rows = Arc::new(Mutex::new(BTreeMap::new()));
    let sick = Duration::from_secs(5).min(time / 3);
    let middle = time / 2 - sick / 2;
    let sink = Moody { start: Instant::now(), from: middle, to: middle + sick, rows: Arc::clone(&rows) };
    let handle = Pipeline::new(stages(before), settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), Camera::live(RATES[0]))
        .camera(CameraId(1), Camera::live(RATES[1]))
        .camera(CameraId(FAILS), Camera::live(24.0).frames(frames(0.3), Then::Fail))
        .camera(CameraId(PANICS), Camera::live(22.0))
        .camera(CameraId(STALLS), Camera::live(24.0).frames(frames(0.2), Then::Stall(latch.clone())))
        .camera(CameraId(GARBAGE), Camera::live(23.0).sizes(sizes))
        .sink(sink)
        .start()
        .unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let watching = {
        let metrics = handle.metrics();
        let over = Arc::clone(&over);
        thread::Builder::new().spawn(move || watch(&metrics, &over)).unwrap()
    };
    thread::sleep(time);
    let metrics = handle.metrics();
    until("the stalled camera alone is stuck", || {
        let stuck = metrics.snapshot().stuck;
        let stuck: Vec<_> = stuck.iter().map(|call| (call.stage, call.camera)).collect();
        stuck == [("capture", Some(CameraId(STALLS)))]
    });
    over.store(true, Ordering::Relaxed);
    let samples = watching.join().unwrap();

    let timeout = Duration::from_secs(4);
    let start = Instant::now();
    let finished = handle.stop(timeout);
    let took = start.elapsed();
    assert!(took < timeout + Duration::from_secs(2), "{took:?}");
    assert_eq!(finished.abandoned, [format!("capture-{STALLS}")]);
    settled(&finished);

    let window = Duration::from_secs(5).min(time / 2);
    for camera in [0, 1] {
        let share = worst(&samples, camera, window);
        println!("camera {camera}: {:.1} % of its frames in the worst window", 100.0 * share);
        assert!(share >= 0.95, "camera {camera}: {share}");
    }

    let report = |camera: u32| &finished.reports[camera as usize];
    for camera in [0, 1, FAILS, STALLS, GARBAGE] {
        assert_eq!(report(camera).ledger.dropped.get(&DropReason::StageFailed), None, "camera {camera}");
    }
    assert!(report(FAILS).error.is_some());
    assert_eq!(report(FAILS).ledger.captured, frames(0.3));
    assert_eq!(report(STALLS).ledger.captured, frames(0.2));
    assert!(report(STALLS).notes.iter().any(|note| note.contains("capture")), "{:?}", report(STALLS).notes);
    let panics = &report(PANICS).ledger;
    let reasons: u64 = panics.dropped.values().sum();
    assert_eq!((panics.analysed, reasons), (0, panics.captured));
    assert!(panics.dropped[&DropReason::StageFailed] > panics.captured / 2, "{panics:?}");
    assert!(report(GARBAGE).ledger.analysed > 0);

    // Every observation was written once and in order, even those from the time when the sink refused everything.
    let rows = rows.lock().expect("no panic inside");
    for report in &finished.reports {
        let rows = rows.get(&report.camera).map_or(&[][..], Vec::as_slice);
        assert!(rows.is_sorted_by(|a, b| a < b), "{}", report.camera);
        assert_eq!(rows.len() as u64, report.ledger.analysed + report.ledger.coasted);
        assert_eq!((report.writes.offered, report.writes.lost), (rows.len() as u64, 0));
    }
    assert!(finished.written.failures > 0, "the sink failed for {sick:?}");

    latch.open();
    until("the stalled thread ends when its call comes back", || running() == 0);
}

/// Returns the number of pipeline threads that still run.
fn running() -> usize {
    support::threads(&["capture-", "track-", "detect-", "embed-", "classify-", "store", "monitor"])
}
