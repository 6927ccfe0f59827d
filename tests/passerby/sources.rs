//! Whatever a source does, it affects only its own camera, every frame is counted, and `stop` returns by its timeout.

use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby::capture::{Reconnect, ReconnectSettings};
use passerby::pipeline::{CameraReport, Pipeline, PipelineSettings, Stages};
use passerby::types::{CameraId, Clock, ErrorClass, FrameSource, PixelLayout, SystemClock};
use passerby_testkit::{FaultySource, OrderTracker, ScriptedDetector, SourceFault, SourceGate};

const MS: Duration = Duration::from_millis(1);

/// Returns each fault, which begins at the fifth picture; the camera continues after it, if it can.
fn faults() -> Vec<(&'static str, Vec<(u64, SourceFault)>)> {
    let from =
        |fault: SourceFault| (5..1_000_000).step_by(7).take(1000).map(move |call| (call, fault)).collect();
    vec![
        ("sound", vec![]),
        ("hangs", vec![(5, SourceFault::Block)]),
        ("damaged", from(SourceFault::Error(ErrorClass::Skip))),
        ("breaks", from(SourceFault::Error(ErrorClass::Reset))),
        ("fatal", vec![(5, SourceFault::Error(ErrorClass::Fatal))]),
        ("panics", from(SourceFault::Panic)),
        ("ends", vec![(5, SourceFault::End)]),
        ("frozen", vec![(5, SourceFault::Freeze(u64::MAX / 2))]),
        ("garbage", from(SourceFault::Garbage)),
        ("jumps", vec![(5, SourceFault::Ahead(3_600_000 * MS)), (9, SourceFault::Behind(7_200_000 * MS))]),
        ("one pixel", vec![(5, SourceFault::Shape(PixelLayout::Rgb8, 1, 1))]),
        (
            "sizes",
            vec![
                (5, SourceFault::Shape(PixelLayout::Nv12, 641, 359)),
                (9, SourceFault::Shape(PixelLayout::Gray8, 2, 4000)),
            ],
        ),
        (
            "impossible",
            vec![
                (5, SourceFault::Shape(PixelLayout::Rgb8, 0, 7)),
                (9, SourceFault::Shape(PixelLayout::I420, 320, 240)),
            ],
        ),
    ]
}

/// A camera's name and its report.
type Named = (&'static str, CameraReport);

/// Runs all sources as cameras at once for this time, then stops them within two seconds.
fn run(
    wrap: impl Fn(&'static str, Vec<(u64, SourceFault)>) -> Box<dyn FrameSource>,
    time: Duration,
) -> (Vec<Named>, Vec<String>) {
    let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    let mut pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()));
    for (id, (name, faults)) in faults().into_iter().enumerate() {
        pipeline = pipeline.camera(CameraId(id as u32), wrap(name, faults));
    }
    let handle = pipeline.start().expect("it starts");
    std::thread::sleep(time);
    let start = Instant::now();
    let timeout = 2000 * MS;
    let finished = handle.stop(timeout);
    let took = start.elapsed();
    assert!(took < timeout + 3000 * MS, "the stop took {took:?}");
    let names = faults().into_iter().map(|(name, _)| name);
    let reports: Vec<_> = names.zip(finished.reports).collect();
    for (name, report) in &reports {
        assert!(report.ledger.balances() && report.ledger.in_flight == 0, "{name}: {:?}", report.ledger);
    }
    (reports, finished.abandoned)
}

fn of<'a>(reports: &'a [Named], name: &str) -> &'a CameraReport {
    &reports.iter().find(|(n, _)| *n == name).expect("a camera of that name").1
}

/// Returns the number of frames that a sound camera gives in this time, with room for a slow machine.
fn full(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / FaultySource::PERIOD.as_millis()).unwrap_or(0) * 8 / 10
}

#[test]
fn each_fault_stays_with_its_camera() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let gates: std::sync::Mutex<Vec<SourceGate>> = std::sync::Mutex::default();
    let time = 1500 * MS;
    let plain = |_: &'static str, faults: Vec<(u64, SourceFault)>| -> Box<dyn FrameSource> {
        let source = FaultySource::new(u64::MAX, faults);
        gates.lock().expect("no panic inside").push(source.gate());
        Box::new(source.live(Arc::clone(&clock)))
    };
    let (reports, abandoned) = run(plain, time);
    assert_eq!(abandoned, ["capture-1"], "the call that hangs is left behind, and no other");
    for name in ["sound", "garbage", "frozen", "jumps", "one pixel", "sizes"] {
        let ledger = &of(&reports, name).ledger;
        assert!(ledger.captured >= full(time) && ledger.dropped_total() == 0, "{name}: {ledger:?}");
    }
    for name in ["hangs", "fatal", "ends"] {
        assert_eq!(of(&reports, name).ledger.captured, 5, "{name}");
    }
    assert!(of(&reports, "breaks").interruptions >= 3);
    assert!(of(&reports, "damaged").ledger.dropped_total() >= 3);
    for name in ["fatal", "panics", "impossible"] {
        assert!(of(&reports, name).error.is_some(), "{name}");
    }
}

#[test]
fn with_reconnect_every_camera_comes_back() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let gates: Arc<std::sync::Mutex<Vec<SourceGate>>> = Arc::default();
    let settings = ReconnectSettings {
        stall_timeout: 400 * MS,
        freeze_timeout: Some(700 * MS),
        first_wait: 5 * MS,
        longest_wait: 20 * MS,
        ..ReconnectSettings::default()
    };
    let time = 3000 * MS;
    let wrap = |name: &'static str, faults: Vec<(u64, SourceFault)>| -> Box<dyn FrameSource> {
        let clock = Arc::clone(&clock);
        let kept = Arc::clone(&gates);
        // Only the first two connections hang: a camera may leave at most four threads behind.
        let connections = std::sync::atomic::AtomicU64::new(0);
        let open = move || {
            let call = connections.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let faults = if name == "hangs" && call >= 2 { vec![] } else { faults.clone() };
            let source = FaultySource::new(u64::MAX, faults);
            kept.lock().expect("no panic inside").push(source.gate());
            Ok(Box::new(source.live(Arc::clone(&clock))) as Box<dyn FrameSource>)
        };
        Box::new(Reconnect::new(name, open, settings.clone()))
    };
    let (reports, abandoned) = run(wrap, time);
    assert_eq!(abandoned, [""; 0], "the calls that hang are not on the pipeline's threads");
    for (name, report) in &reports {
        assert!(report.error.is_none(), "{name}: {:?}", report.error);
        let least = if ["hangs", "frozen"].contains(name) { full(time) / 3 } else { full(time) / 2 };
        assert!(report.ledger.captured >= least, "{name}: {:?}", report.ledger);
    }
    for name in ["sound", "damaged", "garbage", "jumps", "one pixel", "sizes"] {
        assert_eq!(of(&reports, name).interruptions, 0, "{name}");
    }
    for name in ["breaks", "fatal", "panics", "ends", "impossible"] {
        assert!(of(&reports, name).interruptions >= 3, "{name}: {}", of(&reports, name).interruptions);
    }
    assert_eq!(of(&reports, "hangs").interruptions, 2);
    assert!((1..=4).contains(&of(&reports, "frozen").interruptions));
}
