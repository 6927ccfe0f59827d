//! Reads a camera all the time and records each event with its time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby::capture::{Reconnect, ReconnectSettings};
use passerby::types::{BoxError, CancelHandle, ErrorClass, FrameSource, Image, SourceError};

/// The longest time to wait for an event.
const EVENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection must last before it is broken: after that, `Reconnect` takes it for a good one.
const GOOD_CONNECTION: Duration = Duration::from_millis(2200);

/// An event of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A good picture of this size.
    Good(u32, u32),
    /// A bad picture, or the message that one is lost.
    Bad,
    /// The message that the connection is gone.
    Interrupted,
}

/// An event and its time.
pub(crate) type TimedEvent = (Instant, Event);

/// The measured times of one fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The time from the fault's beginning to the message that the connection is gone.
    pub(crate) noticed: Option<Duration>,
    /// The time from the fault's end to the first good picture.
    pub(crate) back: Duration,
}

/// A source under `Reconnect`, read on a thread of its own until it is dropped.
pub(crate) struct Camera {
    log: Arc<Log>,
    cancel: Option<CancelHandle>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<TimedEvent>>,
    more: Condvar,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<TimedEvent>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera {
    /// Begins to read. A picture is good if it differs from the previous one and `garbage` returns false for it.
    pub(crate) fn new(
        garbage: fn(&Image) -> bool,
        open: impl Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync + 'static,
    ) -> Result<Self, BoxError> {
        let settings =
            ReconnectSettings { freeze_timeout: Some(Duration::from_secs(3)), ..Default::default() };
        let mut source = Reconnect::new("camera", open, settings);
        let log = Arc::new(Log::default());
        let cancel = source.cancel_handle();
        let tell = Arc::clone(&log);
        let read = move || {
            let mut last = 0;
            loop {
                let given = source.next_picture();
                let event = match &given {
                    Ok(Some(picture)) => {
                        let image = &picture.image;
                        let same = std::mem::replace(&mut last, print(image)) == last;
                        if same || garbage(image) {
                            Event::Bad
                        } else {
                            Event::Good(image.width(), image.height())
                        }
                    }
                    Ok(None) => return,
                    Err(e) if e.class() == ErrorClass::Skip => Event::Bad,
                    Err(_) => {
                        last = 0;
                        Event::Interrupted
                    }
                };
                tell.lock().push((Instant::now(), event));
                tell.more.notify_all();
            }
        };
        let thread = Some(thread::Builder::new().name("camera".into()).spawn(read)?);
        Ok(Self { log, cancel, thread })
    }

    /// Waits until `find` finds a value in the events so far.
    pub(crate) fn wait<T>(&self, find: impl Fn(&[TimedEvent]) -> Option<T>) -> Result<T, BoxError> {
        let end = Instant::now() + EVENT_TIMEOUT;
        let mut seen = self.log.lock();
        loop {
            if let Some(found) = find(&seen) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!(
                    "nothing good for {EVENT_TIMEOUT:?}: {:?}",
                    &seen[seen.len().saturating_sub(5)..]
                )
                .into());
            }
            seen = self.log.more.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Breaks the camera for this time, once it runs well.
    pub(crate) fn suffer(
        &self,
        lasts: Duration,
        mut begin: impl FnMut(),
        mut end: impl FnMut(),
    ) -> Result<Timing, BoxError> {
        let from = Instant::now();
        self.wait(|seen| {
            let since = seen
                .iter()
                .rposition(|(_, event)| matches!(event, Event::Interrupted))
                .map_or(0, |at| at + 1);
            let well = seen.get(since..)?.iter().find(|(at, event)| is_good(*event) && *at >= from)?.0;
            seen.last().filter(|(at, event)| is_good(*event) && *at - well >= GOOD_CONNECTION).map(|_| ())
        })?;
        let began = Instant::now();
        begin();
        thread::sleep(lasts);
        end();
        let ended = Instant::now();
        let back = self.wait(|seen| {
            seen.iter().find(|(at, event)| is_good(*event) && *at >= ended).map(|(at, _)| *at - ended)
        })?;
        let noticed =
            |(at, event): &TimedEvent| (*event == Event::Interrupted && *at >= began).then(|| *at - began);
        let noticed = self.log.lock().iter().find_map(noticed);
        Ok(Timing { noticed, back })
    }

    /// Waits for the first change of the picture size from `from` on. `back` is the time from the last old picture to
    /// the first new one, less the period.
    pub(crate) fn resized(&self, from: Instant, period: Duration) -> Result<Timing, BoxError> {
        let back = self.wait(|seen| {
            let good = |(at, event): &TimedEvent| match *event {
                Event::Good(width, height) if *at >= from => Some((*at, width, height)),
                _ => None,
            };
            let good: Vec<_> = seen.iter().filter_map(good).collect();
            let change = good.windows(2).find(|two| (two[0].1, two[0].2) != (two[1].1, two[1].2))?;
            Some((change[1].0 - change[0].0).saturating_sub(period))
        })?;
        Ok(Timing { noticed: None, back })
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.cancel.iter().for_each(CancelHandle::cancel);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread shows as missing pictures, so its result is not needed.
            let _ = thread.join();
        }
    }
}

/// Repeats the same fault this many times.
pub(crate) fn repeat(
    times: usize,
    mut once: impl FnMut() -> Result<Timing, BoxError>,
) -> Result<Vec<Timing>, BoxError> {
    (0..times).map(|_| once()).collect()
}

pub(crate) fn is_good(event: Event) -> bool {
    matches!(event, Event::Good(..))
}

fn rows(image: &Image) -> impl Iterator<Item = &[u8]> {
    (0..image.layout().planes())
        .map(|i| image.plane(i))
        .flat_map(|plane| (0..plane.rows).map(move |y| plane.row(y)))
}

/// Returns a hash of every byte of the picture (multiply and fold).
fn print(image: &Image) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    rows(image).flatten().fold(u64::from(image.width()), |hash, &byte| mix(hash, byte))
}
