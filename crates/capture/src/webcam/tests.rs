//! Webcams with a fault-injecting fake driver.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use passerby_testkit::suite;
use passerby_types::{ColorSpace, DropReason, ErrorClass, FramePool, FrameSource, PixelLayout, SourceError};

use super::Webcam;
use super::device::{
    DriverFault, NegotiatedFormat, RawFrame, WebcamBackend, WebcamDevice, WebcamFormat, WebcamInfo,
    WebcamPixels, WebcamSelector, find_named,
};
use super::driver;
use super::settings::WebcamSettings;
use crate::context::SourceContext;
use crate::limits::DecodeLimits;

/// A timeout that is reached.
const SHORT: Duration = Duration::from_millis(250);
/// A timeout that isn't reached on any machine.
const LONG: Duration = Duration::from_secs(60);
/// A wait that is shorter than this was for a short timeout, not for a long one.
const SOON: Duration = Duration::from_secs(20);

/// The fault of a call.
#[derive(Clone, Debug)]
enum Trouble {
    /// The call returns only when the test is over.
    Hang,
    Panic,
    Fail(DriverFault),
}

/// The result of one call for a frame.
#[derive(Clone, Debug)]
enum Step {
    /// The bytes and number of a frame.
    Frame(Vec<u8>, u32),
    /// The number of a frame that the driver reports as damaged.
    Damaged(u32),
    Trouble(Trouble),
}

/// A fake driver. A clone is the same driver.
#[derive(Clone, Default)]
struct Fake(Arc<State>);

#[derive(Default)]
struct State {
    formats: Vec<WebcamFormat>,
    /// The format that the device gives instead of the requested one.
    other: Option<WebcamFormat>,
    trouble: BTreeMap<&'static str, Trouble>,
    /// After the last step, no more frames come.
    steps: Vec<Step>,
    /// True if hanging calls may return.
    free: Mutex<bool>,
    freed: Condvar,
    /// The number of open devices.
    open: AtomicUsize,
    /// The calls of `open` until now.
    opens: AtomicU32,
    /// The calls for a frame until now.
    asked: AtomicUsize,
}

struct FakeDevice {
    fake: Fake,
    next: usize,
}

/// Ends all hanging calls when it is dropped, even if the test fails.
struct HangGuard(Fake);

impl Drop for HangGuard {
    fn drop(&mut self) {
        *self.0.0.free.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.0.freed.notify_all();
    }
}

impl HangGuard {
    /// Ends the hanging calls and waits until every device is closed.
    fn release(self) {
        let fake = self.0.clone();
        drop(self);
        until("all devices are closed", || fake.0.open.load(SeqCst) == 0);
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "not in time: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

impl Fake {
    fn new(
        steps: impl IntoIterator<Item = Step>,
        trouble: impl IntoIterator<Item = (&'static str, Trouble)>,
    ) -> (Self, HangGuard) {
        let state = State {
            formats: vec![small(WebcamPixels::Yuyv)],
            trouble: trouble.into_iter().collect(),
            steps: steps.into_iter().collect(),
            ..State::default()
        };
        let fake = Self(Arc::new(state));
        (fake.clone(), HangGuard(fake))
    }

    fn meet(&self, trouble: Option<Trouble>) -> Result<(), DriverFault> {
        match trouble {
            None => Ok(()),
            Some(Trouble::Hang) => {
                let mut free = self.0.free.lock().unwrap();
                while !*free {
                    free = self.0.freed.wait(free).unwrap();
                }
                Ok(())
            }
            Some(Trouble::Panic) => panic!("the test asked for it"),
            Some(Trouble::Fail(fault)) => Err(fault),
        }
    }

    fn call(&self, name: &str) -> Result<(), DriverFault> {
        self.meet(self.0.trouble.get(name).cloned())
    }

    fn webcam(&self, selector: &str, settings: WebcamSettings) -> Result<Webcam, SourceError> {
        Webcam::open_with(Arc::new(self.clone()), selector.into(), settings)
    }
}

impl WebcamBackend for Fake {
    fn list(&self) -> Result<Vec<WebcamInfo>, DriverFault> {
        self.call("list")?;
        let formats = self.0.formats.clone();
        Ok(vec![WebcamInfo { index: 3, name: "Fake".into(), id: Some("/dev/fake".into()), formats }])
    }

    fn open(&self, _: &WebcamSelector) -> Result<Box<dyn WebcamDevice>, DriverFault> {
        self.0.opens.fetch_add(1, SeqCst);
        self.call("open")?;
        self.0.open.fetch_add(1, SeqCst);
        Ok(Box::new(FakeDevice { fake: self.clone(), next: 0 }))
    }
}

impl WebcamDevice for FakeDevice {
    fn formats(&mut self) -> Result<Vec<WebcamFormat>, DriverFault> {
        self.fake.call("formats")?;
        Ok(self.fake.0.formats.clone())
    }

    fn start(&mut self, format: &WebcamFormat, _: f64) -> Result<NegotiatedFormat, DriverFault> {
        self.fake.call("start")?;
        let format = self.fake.0.other.unwrap_or(*format);
        Ok(NegotiatedFormat { format, stride: 0, color: ColorSpace::JPEG })
    }

    fn next(&mut self, _: Duration, pool: &FramePool) -> Result<Option<RawFrame>, DriverFault> {
        self.fake.0.asked.store(self.next + 1, SeqCst);
        let Some(step) = self.fake.0.steps.get(self.next).cloned() else {
            thread::sleep(Duration::from_millis(1));
            return Ok(None);
        };
        self.next += 1;
        let (bytes, number, damaged) = match step {
            Step::Frame(bytes, number) => (bytes, number, false),
            Step::Damaged(number) => (Vec::new(), number, true),
            Step::Trouble(trouble) => return self.fake.meet(Some(trouble)).map(|()| None),
        };
        let mut copy = pool.take(bytes.len());
        copy.copy_from_slice(&bytes);
        let time = Some(Duration::from_millis(40 * u64::from(number)));
        Ok(Some(RawFrame { bytes: copy, number: Some(number), time, damaged }))
    }
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = self.fake.call("close");
        }
        self.fake.0.open.fetch_sub(1, SeqCst);
    }
}

fn small(pixels: WebcamPixels) -> WebcamFormat {
    WebcamFormat { pixels, width: 4, height: 2, rate: Some(30.0) }
}

/// Returns a complete frame of [`small`] in YUYV, all of this luma.
fn frame(luma: u8, number: u32) -> Step {
    Step::Frame([luma, 128].repeat(8), number)
}

/// Returns settings whose timeouts aren't reached.
fn patient() -> WebcamSettings {
    WebcamSettings {
        connect_timeout: LONG,
        stall_timeout: LONG,
        close_timeout: LONG,
        max_age: LONG,
        ..WebcamSettings::default()
    }
}

fn gone() -> Trouble {
    Trouble::Fail(DriverFault::Gone("plugged out".into()))
}

/// Reads to the end. Returns the luma of each picture, the losses, and the final error.
fn drain(webcam: &mut Webcam) -> (Vec<u8>, BTreeMap<DropReason, u64>, Option<SourceError>) {
    let mut pictures = Vec::new();
    let mut lost = BTreeMap::new();
    loop {
        match webcam.next_picture() {
            Ok(Some(picture)) => pictures.push(picture.image.rgb_at(0, 0)[0]),
            Ok(None) => return (pictures, lost, None),
            Err(e) if e.class() == ErrorClass::Skip => {
                let (frames, reason) = e.lost();
                *lost.entry(reason).or_default() += frames;
            }
            Err(e) => return (pictures, lost, Some(e)),
        }
    }
}

#[test]
fn a_camera_gives_pictures_until_it_is_unplugged() {
    let steps = [frame(10, 1), frame(20, 2), Step::Trouble(Trouble::Hang), Step::Trouble(gone())];
    let (fake, guard) = Fake::new(steps, []);
    let mut webcam = fake.webcam("webcam:a", patient()).unwrap();
    assert_eq!(webcam.format(), small(WebcamPixels::Yuyv));
    let info = webcam.info().clone();
    assert_eq!((info.name.as_str(), info.live, info.frame_rate), ("webcam:a", true, Some(30.0)));
    for (luma, pts) in [(10, 0), (20, 40)] {
        let picture = webcam.next_picture().unwrap().unwrap();
        assert_eq!((picture.image.layout(), picture.image.color()), (PixelLayout::Yuyv, ColorSpace::JPEG));
        assert_eq!(picture.image.rgb_at(3, 1), [luma; 3]);
        assert_eq!(picture.pts, Some(Duration::from_millis(pts)));
    }
    drop(guard);
    let error = webcam.next_picture().unwrap_err();
    assert!(matches!(error, SourceError::Disconnected { .. }), "{error}");
    assert_eq!(error.to_string(), "webcam:a: plugged out");
    assert!(matches!(webcam.next_picture(), Ok(None)));
    assert!(matches!(webcam.next_picture(), Ok(None)));
    drop(webcam);
    assert_eq!(fake.0.open.load(SeqCst), 0, "dropping it waits until it is closed");
}

#[test]
fn a_webcam_is_a_source() {
    let steps = (0..50).map(|i| frame(i, u32::from(i))).chain([Step::Trouble(gone())]);
    let (fake, _guard) = Fake::new(steps, []);
    let (pictures, skips) = suite::source(fake.webcam("webcam:suite", patient()).unwrap());
    assert!(pictures >= 2 && skips <= 50, "{pictures} {skips}");
}

#[test]
fn a_late_caller_gets_the_newest_frames() {
    let (fake, _guard) = Fake::new((0..10).map(|i| frame(i * 10, u32::from(i))), []);
    let mut webcam = fake.webcam("webcam:late", patient()).unwrap();
    until("ten frames are out", || fake.0.asked.load(SeqCst) == 11);
    let lost = webcam.next_picture().unwrap_err();
    assert_eq!(lost.lost(), (8, DropReason::Stale));
    for luma in [80, 90] {
        assert_eq!(webcam.next_picture().unwrap().unwrap().image.rgb_at(0, 0)[0], luma);
    }
}

#[test]
fn every_lost_frame_is_counted_by_reason() {
    let short = Step::Frame(vec![1; 15], 5);
    let (fake, _guard) = Fake::new(
        [
            Step::Damaged(u32::MAX),
            frame(1, 2),
            Step::Trouble(Trouble::Hang),
            short,
            Step::Frame(Vec::new(), 6),
            Step::Trouble(gone()),
        ],
        [],
    );
    let mut webcam = fake.webcam("webcam:reasons", patient()).unwrap();
    until("it hangs", || fake.0.asked.load(SeqCst) == 3);
    let mut seen = BTreeMap::new();
    for _ in 0..2 {
        let (frames, reason) = webcam.next_picture().unwrap_err().lost();
        *seen.entry(reason).or_default() += frames;
    }
    // 0 and 1 are missing between the largest number and 2.
    assert_eq!(seen, BTreeMap::from([(DropReason::Undecodable, 1), (DropReason::Network, 2)]));
    assert_eq!(webcam.next_picture().unwrap().unwrap().image.rgb_at(0, 0), [1; 3]);
    drop(_guard);
    let (pictures, lost, error) = drain(&mut webcam);
    assert!(pictures.is_empty());
    assert_eq!(lost, BTreeMap::from([(DropReason::Undecodable, 2), (DropReason::Network, 2)]));
    assert_eq!(error.map(|e| e.class()), Some(ErrorClass::Reset));
}

#[test]
fn a_new_count_of_frames_is_not_a_gap() {
    let numbers = [1_000_000, 0, 0, 5_000, 7];
    let (fake, _guard) =
        Fake::new(numbers.map(|n| frame(0, n)).into_iter().chain([Step::Trouble(gone())]), []);
    let (pictures, lost, _) = drain(&mut fake.webcam("webcam:numbers", patient()).unwrap());
    assert_eq!(pictures.len() as u64 + lost.get(&DropReason::Stale).copied().unwrap_or(0), 5);
    assert_eq!(lost.get(&DropReason::Network), None);
}

#[test]
fn a_driver_that_hangs_at_opening_is_left_behind() {
    for call in ["open", "formats", "start"] {
        let (fake, guard) = Fake::new([], [(call, Trouble::Hang)]);
        let start = Instant::now();
        let settings = WebcamSettings { connect_timeout: SHORT, ..patient() };
        let error = fake.webcam(&format!("webcam:hang at {call}"), settings).unwrap_err();
        assert!((SHORT..SOON).contains(&start.elapsed()), "{call}");
        assert!(matches!(error, SourceError::Disconnected { .. }), "{call}: {error}");
        assert!(error.to_string().ends_with(&format!("the driver gave no answer in {SHORT:.1?}")), "{error}");
        // The device is closed when the call returns. Until then it isn't asked for frames.
        guard.release();
        assert_eq!(fake.0.asked.load(SeqCst), 0);
    }
    let (fake, _guard) = Fake::new([], [("list", Trouble::Hang)]);
    let error = driver::list(Arc::new(fake), SHORT).unwrap_err();
    assert!(matches!(error, SourceError::Disconnected { .. }), "{error}");
}

#[test]
fn a_driver_that_hangs_at_a_frame_is_a_stall() {
    let (fake, guard) = Fake::new([frame(1, 0), frame(2, 1), Step::Trouble(Trouble::Hang)], []);
    let settings = WebcamSettings { stall_timeout: SHORT, close_timeout: SHORT, ..patient() };
    let mut webcam = fake.webcam("webcam:stall", settings).unwrap();
    let start = Instant::now();
    let (pictures, lost, error) = drain(&mut webcam);
    assert_eq!((pictures, lost), (vec![1, 2], BTreeMap::new()));
    assert!(matches!(error, Some(SourceError::Stalled { after: SHORT, .. })), "{error:?}");
    assert!(matches!(webcam.next_picture(), Ok(None)));
    drop(webcam);
    assert!((2 * SHORT..SOON).contains(&start.elapsed()));
    assert_eq!(fake.0.open.load(SeqCst), 1);
    guard.release();
}

#[test]
fn a_silent_camera_is_a_stall() {
    let (fake, _guard) = Fake::new([], []);
    let mut webcam =
        fake.webcam("webcam:silent", WebcamSettings { stall_timeout: SHORT, ..patient() }).unwrap();
    assert!(matches!(webcam.next_picture(), Err(SourceError::Stalled { .. })));
    drop(webcam);
    assert_eq!(fake.0.open.load(SeqCst), 0);
}

#[test]
fn a_driver_that_hangs_at_closing_is_left_behind() {
    let (fake, guard) = Fake::new([frame(1, 0), Step::Trouble(gone())], [("close", Trouble::Hang)]);
    let mut webcam =
        fake.webcam("webcam:close", WebcamSettings { close_timeout: SHORT, ..patient() }).unwrap();
    let (pictures, _, error) = drain(&mut webcam);
    assert_eq!(pictures, [1]);
    assert!(
        matches!(error, Some(SourceError::Disconnected { .. })),
        "the error comes before the close: {error:?}"
    );
    let start = Instant::now();
    drop(webcam);
    assert!((SHORT..SOON).contains(&start.elapsed()));
    assert_eq!(fake.0.open.load(SeqCst), 1);
    guard.release();
}

#[test]
fn a_camera_with_four_hanging_threads_is_not_opened_again() {
    let (fake, guard) = Fake::new([], [("open", Trouble::Hang)]);
    let settings = || WebcamSettings { connect_timeout: SHORT, ..patient() };
    for _ in 0..driver::MAX_DEVICE_THREADS {
        let error = fake.webcam("webcam:greedy", settings()).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
    }
    let error = fake.webcam("webcam:greedy", settings()).unwrap_err();
    assert_eq!(error.to_string(), "webcam:greedy: 4 calls of its driver have not come back");
    assert_eq!((error.class(), fake.0.opens.load(SeqCst)), (ErrorClass::Reset, 4));
    assert!(fake.webcam("webcam:other", settings()).unwrap_err().to_string().contains("no answer"));
    guard.release();
    until("it opens again", || fake.webcam("webcam:greedy", patient()).is_ok());
}

#[test]
fn a_panic_at_opening_is_a_broken_connection() {
    for call in ["open", "formats", "start"] {
        let (fake, _guard) = Fake::new([], [(call, Trouble::Panic)]);
        let error = fake.webcam(&format!("webcam:panic at {call}"), patient()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Reset, "{call}: {error}");
        assert!(error.to_string().ends_with("the call of the driver panicked"), "{error}");
    }
}

#[test]
fn a_panic_at_a_frame_is_a_broken_connection() {
    let (fake, _guard) = Fake::new([frame(7, 0), Step::Trouble(Trouble::Panic)], []);
    let mut webcam = fake.webcam("webcam:panic", patient()).unwrap();
    let (pictures, _, error) = drain(&mut webcam);
    assert_eq!(pictures, [7]);
    assert!(matches!(error, Some(SourceError::Disconnected { .. })), "{error:?}");
    assert!(matches!(webcam.next_picture(), Ok(None)));
    drop(webcam);
    assert_eq!(fake.0.open.load(SeqCst), 0);
}

#[test]
fn a_panic_at_closing_is_ignored() {
    let (fake, _guard) = Fake::new([frame(7, 0)], [("close", Trouble::Panic)]);
    let mut webcam = fake.webcam("webcam:panic at close", patient()).unwrap();
    assert!(webcam.next_picture().unwrap().is_some());
    let start = Instant::now();
    drop(webcam);
    assert!(start.elapsed() < SOON);
}

#[test]
fn faults_keep_their_class() {
    let faults = [
        (DriverFault::Gone("gone".into()), ErrorClass::Reset),
        (DriverFault::Denied("no".into()), ErrorClass::Fatal),
        (DriverFault::Unsupported("thing".into()), ErrorClass::Fatal),
    ];
    for (fault, class) in faults {
        let (fake, _guard) = Fake::new([], [("open", Trouble::Fail(fault.clone()))]);
        assert_eq!(fake.webcam("webcam:class", patient()).unwrap_err().class(), class, "{fault:?}");
    }
}

#[test]
fn cancelling_ends_a_wait_at_once() {
    let (fake, _guard) = Fake::new([frame(1, 0)], []);
    let mut webcam = fake.webcam("webcam:interrupt", patient()).unwrap();
    assert!(webcam.next_picture().unwrap().is_some());
    let cancel = webcam.cancel_handle().unwrap();
    let raiser = thread::Builder::new().name("raiser".into()).spawn({
        let fake = fake.clone();
        move || {
            until("the driver waits", || fake.0.asked.load(SeqCst) == 2);
            cancel.cancel();
        }
    });
    let start = Instant::now();
    assert!(matches!(webcam.next_picture(), Ok(None)));
    assert!(start.elapsed() < SOON);
    raiser.unwrap().join().unwrap();
    until("the cancelled device is closed", || fake.0.open.load(SeqCst) == 0);
}

#[test]
fn another_format_is_read_within_the_limits() {
    let start = |other: WebcamFormat, bytes: usize, limit| {
        let state = State {
            formats: vec![small(WebcamPixels::Yuyv)],
            other: Some(other),
            steps: vec![Step::Frame(vec![9; bytes], 0), Step::Trouble(gone())],
            ..State::default()
        };
        let limits = DecodeLimits { picture_pixels: limit, ..DecodeLimits::default() };
        Fake(Arc::new(state)).webcam(
            "webcam:instead",
            WebcamSettings { context: SourceContext { limits, ..SourceContext::default() }, ..patient() },
        )
    };
    let mut webcam = start(WebcamFormat { width: 8, ..small(WebcamPixels::Nv12) }, 24, 16).unwrap();
    let picture = webcam.next_picture().unwrap().unwrap();
    assert_eq!((picture.image.layout(), picture.image.width()), (PixelLayout::Nv12, 8));
    // The driver reports a larger picture than it sends.
    let mut webcam =
        start(WebcamFormat { width: 640, height: 480, ..small(WebcamPixels::Yuyv) }, 24, 1 << 20).unwrap();
    assert_eq!(webcam.next_picture().unwrap_err().lost(), (1, DropReason::Undecodable));
    let error = start(WebcamFormat { width: 100, ..small(WebcamPixels::Yuyv) }, 24, 16).unwrap_err();
    assert!(matches!(error, SourceError::Unsupported { .. }), "{error}");
    let error = start(small(WebcamPixels::Yuyv), 24, 7).unwrap_err();
    assert!(error.to_string().contains("no format of up to 7 pixels"), "{error}");
}

#[test]
fn cameras_are_named_by_index_name_or_id() {
    for (text, want) in [
        ("0", WebcamSelector::Index(0)),
        ("webcam:2", WebcamSelector::Index(2)),
        ("v4l:/dev/video0", WebcamSelector::Name("/dev/video0".into())),
        ("webcam:HD Camera: front", WebcamSelector::Name("HD Camera: front".into())),
        ("-1", WebcamSelector::Name("-1".into())),
        ("", WebcamSelector::Name(String::new())),
    ] {
        assert_eq!(WebcamSelector::from(text), want);
        assert_eq!(WebcamSelector::from(want.to_string().as_str()), want, "its text has the same meaning");
    }
    let (fake, _guard) = Fake::new([], []);
    let cameras = driver::list(Arc::new(fake), LONG).unwrap();
    for name in ["Fake", "/dev/fake"] {
        assert_eq!(find_named(&cameras, name).unwrap().index, 3);
    }
    assert!(matches!(find_named(&cameras, "fake"), Err(DriverFault::Gone(_))));
}
