//! Reconnecting sources with cameras that fail in every way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};

use passerby_testkit::{FaultySource, SimulatedClock, SourceFault, SourceGate};

use super::*;

const MS: Duration = Duration::from_millis(1);

/// A clock that runs 10 times as fast as real time, until it is dropped.
struct FastClock {
    clock: SimulatedClock,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FastClock {
    fn new() -> Self {
        let clock = SimulatedClock::new();
        let stopped = Arc::new(AtomicBool::new(false));
        let ticking = clock.clone();
        let stop = Arc::clone(&stopped);
        let tick = move || {
            while !stop.load(Ordering::Relaxed) {
                ticking.advance(10 * MS);
                thread::sleep(MS);
            }
        };
        let thread = thread::Builder::new().name("clock".into()).spawn(tick).unwrap();
        Self { clock, stopped, thread: Some(thread) }
    }

    /// Creates a live camera that follows this clock.
    fn camera(&self, calls: u64, faults: &[(u64, SourceFault)]) -> FaultySource {
        let clock = self.clock.clone();
        FaultySource::new(calls, faults.to_vec()).live_by(Arc::new(self.clock.clone()), move |time| {
            let until = clock.now().0 + time;
            while clock.now().0 < until {
                thread::sleep(MS);
            }
        })
    }
}

impl Drop for FastClock {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The sources of a camera's connections, one after another. The last one repeats.
type Script = Vec<Box<dyn Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync>>;

fn play(
    script: Script,
    settings: ReconnectSettings,
    clock: &SimulatedClock,
) -> (Reconnect, Arc<Mutex<Vec<String>>>) {
    let calls = AtomicU64::new(0);
    let open = move || {
        let call = calls.fetch_add(1, Ordering::Relaxed) as usize;
        script[call.min(script.len() - 1)]()
    };
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let source =
        Reconnect::with_clock("camera", open, settings, Arc::new(clock.clone())).on_event(move |event| {
            seen.lock().unwrap().push(match event {
                ReconnectEvent::Opened(info) => format!("opened {}", info.name),
                ReconnectEvent::Recovered { .. } => "recovered".into(),
                ReconnectEvent::Lost { error } => format!("lost: {error}"),
                ReconnectEvent::Failed { error, failures, .. } => format!("{failures}: {error}"),
            });
        });
    (source, log)
}

/// Returns the number of pictures until an interruption, and the interruption.
fn until_broken(source: &mut Reconnect, last: &mut Option<Duration>) -> (u64, Option<SourceError>) {
    let mut pictures = 0;
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                assert!(picture.pts > *last, "{:?} after {last:?}", picture.pts);
                *last = picture.pts;
                pictures += 1;
            }
            Ok(None) => return (pictures, None),
            Err(e) => return (pictures, Some(e)),
        }
    }
}

fn refused() -> Result<Box<dyn FrameSource>, SourceError> {
    Err(SourceError::disconnected("faulty", "connection refused"))
}

/// Keeps the panics of sources off the screen: a backtrace takes so much real time that the fast clock counts a stall.
fn silence_sources() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some("capture-feed") {
                report(panic);
            }
        }));
    });
}

#[test]
fn every_fault_is_one_interruption() {
    silence_sources();
    let fast = Arc::new(FastClock::new());
    let with = |faults: Vec<(u64, SourceFault)>| -> Box<dyn Fn() -> _ + Send + Sync> {
        let fast = Arc::clone(&fast);
        Box::new(move || Ok(Box::new(fast.camera(u64::MAX, &faults)) as Box<dyn FrameSource>))
    };
    let script: Script = vec![
        Box::new(refused),
        Box::new(refused),
        with(vec![(3, SourceFault::Error(ErrorClass::Reset))]),
        with(vec![(4, SourceFault::Panic)]),
        with(vec![(5, SourceFault::End)]),
        with(vec![(6, SourceFault::Error(ErrorClass::Fatal))]),
        with(vec![(7, SourceFault::Block)]),
        with(vec![(8, SourceFault::Freeze(u64::MAX / 2))]),
        Box::new(|| panic!("in open")),
        with(vec![
            (1, SourceFault::Error(ErrorClass::Skip)),
            (9, SourceFault::Ahead(3_600_000 * MS)),
            (12, SourceFault::End),
        ]),
        with(vec![]),
    ];
    let (mut source, log) = play(script, ReconnectSettings::default(), &fast.clock);
    let mut last = None;
    let mut told = Vec::new();
    while told.len() < 9 {
        let (pictures, error) = until_broken(&mut source, &mut last);
        told.push((pictures, error.expect("a live camera does not end").to_string()));
    }
    assert!(last > Some(3_600_000 * MS), "a jump of the camera's clock is passed on");
    let start: Vec<(u64, &str)> = told.iter().map(|(n, e)| (*n, e.as_str())).collect();
    assert_eq!(start[0], (0, "faulty: connection refused"), "the second refusal is not reported again");
    assert_eq!(start[1], (3, "faulty: the test asked for it"));
    assert_eq!(start[2], (4, "source: panicked: the test asked for a panic at call 4"));
    assert_eq!(start[3], (5, "camera: the stream has ended"));
    assert_eq!((start[4].0, start[4].1.contains("truncated after 6")), (6, true), "{:?}", start[4]);
    assert_eq!((start[5].0, start[5].1.contains("no picture for 5")), (7, true), "{:?}", start[5]);
    assert!(start[6].0 >= 8 + 29 && start[6].1.contains("frozen for 30"), "{:?}", start[6]);
    assert_eq!(
        (start[7].0, start[7].1.contains("frame 1")),
        (1, true),
        "a lost frame is passed on unchanged"
    );
    assert_eq!(start[8], (10, "camera: the stream has ended"));
    let log = log.lock().unwrap();
    let refusals = [
        "lost: faulty: connection refused",
        "1: faulty: connection refused",
        "2: faulty: connection refused",
    ];
    assert_eq!(log[..3], refusals);
    let outages = |event: &str| log.iter().filter(|line| line.starts_with(event)).count();
    assert_eq!((outages("lost"), outages("recovered")), (8, 7), "each outage is reported once: {log:?}");
    assert!(log.iter().any(|line| line.contains("panicked: in open")), "{log:?}");
    assert_eq!(log.iter().filter(|line| *line == "opened faulty").count(), 7);
}

#[test]
fn waits_double_until_the_attempts_run_out() {
    let fast = FastClock::new();
    let settings = ReconnectSettings { max_attempts: Some(8), ..ReconnectSettings::default() };
    let waits = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&waits);
    let source = Reconnect::with_clock("camera", refused, settings, Arc::new(fast.clock.clone()));
    let mut source = source.on_event(move |event| {
        if let ReconnectEvent::Failed { retry_in, .. } = event {
            seen.lock().unwrap().push(retry_in.as_millis());
        }
    });
    assert!(matches!(source.next_picture(), Err(SourceError::Disconnected { .. })), "reported once");
    assert!(matches!(source.next_picture(), Err(SourceError::Disconnected { .. })), "and when given up");
    assert!(matches!(source.next_picture(), Ok(None)));
    let waits = waits.lock().unwrap().clone();
    let about = |wait: u128, of: u128| (of * 8 / 10..=of * 12 / 10).contains(&wait);
    assert_eq!(waits.len(), 7);
    for (wait, of) in waits.into_iter().zip([100, 200, 400, 800, 1000, 1000, 1000]) {
        assert!(about(wait, of), "{wait} for {of}");
    }
}

#[test]
fn a_refused_login_is_said_once_and_tried_again_slowly() {
    let fast = FastClock::new();
    let denied = || Err(SourceError::denied("camera", "password"));
    let camera = fast.camera(3, &[]);
    let camera = Mutex::new(Some(Box::new(camera) as Box<dyn FrameSource>));
    let script: Script = vec![
        Box::new(denied),
        Box::new(denied),
        Box::new(denied),
        Box::new(move || camera.lock().unwrap().take().ok_or_else(|| SourceError::disconnected("", "gone"))),
    ];
    let settings = ReconnectSettings { login_wait: Duration::from_secs(3), ..ReconnectSettings::default() };
    let waits = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&waits);
    let (source, _) = play(script, settings, &fast.clock);
    let mut source = source.on_event(move |event| {
        if let ReconnectEvent::Failed { error: SourceError::Denied { .. }, retry_in, .. } = event {
            seen.lock().unwrap().push(retry_in.as_secs());
        }
    });
    let error = source.next_picture().unwrap_err();
    assert_eq!((error.class(), error.to_string().as_str()), (ErrorClass::Reset, "camera: refused: password"));
    assert!(source.next_picture().unwrap().is_some(), "the refusals after the first one are not reported");
    assert_eq!(*waits.lock().unwrap(), [3, 6, 12]);
}

#[test]
fn a_slow_camera_keeps_its_connection() {
    let fast = FastClock::new();
    let clock = fast.clock.clone();
    let slow = FaultySource::new(6, []).live_by(Arc::new(fast.clock.clone()), move |_| {
        let until = clock.now().0 + 6700 * MS;
        while clock.now().0 < until {
            thread::sleep(MS);
        }
    });
    let slow = Mutex::new(Some(Box::new(slow) as Box<dyn FrameSource>));
    let open = move || slow.lock().unwrap().take().ok_or_else(|| SourceError::disconnected("", "gone"));
    let (mut source, _) = play(vec![Box::new(open)], ReconnectSettings::default(), &fast.clock);
    let (pictures, end) = until_broken(&mut source, &mut None);
    assert_eq!((pictures, end.unwrap().to_string().as_str()), (6, "camera: the stream has ended"));
}

/// Sends no picture for a while, only the news that a key frame is missing.
struct NoKeyFrame {
    info: SourceInfo,
    clock: SimulatedClock,
    calls: u64,
}

impl FrameSource for NoKeyFrame {
    fn next_picture(&mut self) -> PictureResult {
        self.calls += 1;
        let until = self.clock.now().0 + 1000 * MS;
        while self.clock.now().0 < until {
            thread::sleep(MS);
        }
        if self.calls <= 12 {
            let after = Duration::from_secs(self.calls);
            return Err(SourceError::AwaitingKeyFrame { input: "camera".into(), after });
        }
        FaultySource::new(1, []).next_picture()
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

#[test]
fn a_missing_key_frame_is_said_once_and_is_not_a_stall() {
    let fast = FastClock::new();
    let clock = fast.clock.clone();
    let open = move || {
        let info = SourceInfo { live: true, ..SourceInfo::default() };
        Ok(Box::new(NoKeyFrame { info, clock: clock.clone(), calls: 0 }) as Box<dyn FrameSource>)
    };
    let (mut source, log) = play(vec![Box::new(open)], ReconnectSettings::default(), &fast.clock);
    assert!(matches!(source.next_picture(), Err(SourceError::AwaitingKeyFrame { .. })));
    assert!(source.next_picture().unwrap().is_some(), "after twice the time of a stall");
    assert_eq!(*log.lock().unwrap(), ["opened ", "recovered"]);
}

#[test]
fn at_most_four_hanging_calls_are_left_behind() {
    let fast = Arc::new(FastClock::new());
    let gates: Arc<Mutex<Vec<SourceGate>>> = Arc::default();
    let camera = Arc::clone(&fast);
    let kept = Arc::clone(&gates);
    let hang = move || {
        let source = camera.camera(u64::MAX, &[(1, SourceFault::Block)]);
        kept.lock().unwrap().push(source.gate());
        Ok(Box::new(source) as Box<dyn FrameSource>)
    };
    // The limit doubles with each stall.
    let settings = ReconnectSettings { stall_timeout: 200 * MS, ..ReconnectSettings::default() };
    let (mut source, log) = play(vec![Box::new(hang)], settings, &fast.clock);
    let mut last = None;
    for _ in 0..4 {
        assert!(matches!(until_broken(&mut source, &mut last), (1, Some(SourceError::Stalled { .. }))));
    }
    // One of the calls returns while the source waits for that.
    let gate = gates.lock().unwrap().remove(0);
    let opener = thread::Builder::new().name("opener".into()).spawn(move || {
        while !log.lock().unwrap().iter().any(|line| line.contains("4 calls of the source hang")) {
            thread::sleep(MS);
        }
        gate.open();
    });
    assert!(matches!(until_broken(&mut source, &mut last), (1, Some(SourceError::Stalled { .. }))));
    opener.unwrap().join().unwrap();
    assert_eq!(source.slot.threads(), 4);
    let slot = Arc::clone(&source.slot);
    drop(source);
    gates.lock().unwrap().clear();
    assert!(slot.join(Duration::from_secs(10)), "a thread left behind ends when its call returns");
}

#[test]
fn cancelling_ends_every_kind_of_wait() {
    let fast = Arc::new(FastClock::new());
    let forever = ReconnectSettings {
        stall_timeout: Duration::MAX,
        open_timeout: Duration::MAX,
        first_wait: Duration::from_secs(86_400),
        longest_wait: Duration::from_secs(86_400),
        ..ReconnectSettings::default()
    };
    let gates: Arc<Mutex<Vec<SourceGate>>> = Arc::default();
    for hangs in ["in a call", "in open", "between tries"] {
        let camera = Arc::clone(&fast);
        let kept = Arc::clone(&gates);
        let open = move || {
            let mut source = camera.camera(u64::MAX, &[(0, SourceFault::Block)]);
            kept.lock().unwrap().push(source.gate());
            match hangs {
                "between tries" => return refused(),
                "in open" => drop(source.next_picture()),
                _ => {}
            }
            Ok(Box::new(source) as Box<dyn FrameSource>)
        };
        let (mut source, log) = play(vec![Box::new(open)], forever.clone(), &fast.clock);
        let cancel = source.cancel_handle().unwrap();
        let waiting = thread::Builder::new().name("reader".into()).spawn(move || {
            let first = source.next_picture();
            let next = source.next_picture();
            (matches!(first, Ok(None)), matches!(next, Ok(None)))
        });
        // Between tries the first call must have its answer, a refusal, before the cancel.
        let waits = || match hangs {
            "between tries" => log.lock().unwrap().iter().any(|line| line.contains("refused")),
            _ => !gates.lock().unwrap().is_empty(),
        };
        while !waits() {
            thread::sleep(MS);
        }
        cancel.cancel();
        let (first, next) = waiting.unwrap().join().unwrap();
        assert_eq!((first, next), (hangs != "between tries", true), "{hangs}");
        gates.lock().unwrap().clear();
    }
}

#[test]
fn a_waiting_picture_gets_older() {
    let clock = SimulatedClock::new();
    let open = || Ok(Box::new(FaultySource::new(5, [])) as Box<dyn FrameSource>);
    let source = Reconnect::with_clock("file", open, ReconnectSettings::default(), Arc::new(clock.clone()));
    let mut source = source.live(false);
    assert_eq!(source.next_picture().unwrap().unwrap().age, Duration::ZERO);
    while !matches!(source.slot.phase(), feed_slot::Phase::Handing) {
        thread::yield_now();
    }
    clock.advance(70 * MS);
    assert_eq!(source.next_picture().unwrap().unwrap().age, 70 * MS);
    passerby_testkit::suite::source(source);
}
