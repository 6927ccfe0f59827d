//! Calls a driver on separate threads. If a call hangs, its thread is left behind.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use passerby_types::{DropReason, FramePool, SourceError};

use super::device::{
    DriverFault, NegotiatedFormat, RawFrame, WebcamBackend, WebcamDevice, WebcamInfo, WebcamPixels,
    WebcamSelector,
};
use super::format_choice::{WantedFormat, choose};
use crate::live::inbox::{CodedFrameKind, FrameInbox};

/// The most threads of one device at a time: the working one, and those that hang.
pub(super) const MAX_DEVICE_THREADS: usize = 4;
/// How often a thread that waits for a frame checks for cancellation.
const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The most frames that a gap in a driver's numbers may stand for. If it is larger, the driver has started a new count.
const MAX_GAP: u32 = 1000;
/// The buffers for coded pictures: two in the inbox, one that is being decoded, and one that is being filled.
const CODED_BUFFERS: usize = 4;

/// The number of threads of each device in this process, by its selector. All sources of a device share its driver, so the
/// limit must hold for all of them together.
static DEVICE_THREADS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// The permit for one thread of a device.
struct ThreadPermit(String);

impl ThreadPermit {
    /// Returns `None` if the device has too many threads already.
    fn acquire(device: &str) -> Option<Self> {
        let mut counts = device_threads();
        let threads = counts.entry(device.to_owned()).or_default();
        (*threads < MAX_DEVICE_THREADS).then(|| {
            *threads += 1;
            Self(device.to_owned())
        })
    }
}

impl Drop for ThreadPermit {
    fn drop(&mut self) {
        let mut counts = device_threads();
        if let Some(threads) = counts.get_mut(&self.0) {
            *threads -= 1;
            if *threads == 0 {
                counts.remove(&self.0);
            }
        }
    }
}

fn device_threads() -> MutexGuard<'static, BTreeMap<String, usize>> {
    DEVICE_THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that may be left behind.
pub(super) struct DriverThread {
    handle: JoinHandle<()>,
    /// Disconnected when the thread has ended.
    ended: Receiver<Infallible>,
}

impl DriverThread {
    /// Runs `work`, which calls the driver of this device.
    fn start(device: &str, work: impl FnOnce() + Send + 'static) -> Result<Self, SourceError> {
        let Some(permit) = ThreadPermit::acquire(device) else {
            let what = format!("{MAX_DEVICE_THREADS} calls of its driver have not come back");
            return Err(DriverFault::Gone(what).into_error(device));
        };
        let (alive, ended) = sync_channel::<Infallible>(0);
        let handle = Builder::new().name("capture-webcam".into()).spawn(move || {
            // The permit must be free when `join` sees the end, so it is dropped first.
            let _alive = alive;
            let _permit = permit;
            // After a panic, the channel or inbox of `work` reports the failure.
            let _ = catch_unwind(AssertUnwindSafe(work));
        });
        let handle =
            handle.map_err(|cause: io::Error| SourceError::Io { input: device.to_owned(), cause })?;
        Ok(Self { handle, ended })
    }

    /// Waits up to `timeout` for the thread's end, and then leaves it behind.
    pub(super) fn join(self, timeout: Duration) {
        if matches!(self.ended.recv_timeout(timeout), Err(RecvTimeoutError::Disconnected)) {
            // The thread catches its panics.
            let _ = self.handle.join();
        }
    }
}

/// Waits up to `timeout` for the driver's answer.
fn wait_for_answer<T>(
    answer: &Receiver<Result<T, DriverFault>>,
    timeout: Duration,
    device: &str,
) -> Result<T, SourceError> {
    let fault = match answer.recv_timeout(timeout) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(fault)) => fault,
        Err(RecvTimeoutError::Timeout) => {
            DriverFault::Gone(format!("the driver gave no answer in {timeout:.1?}"))
        }
        Err(RecvTimeoutError::Disconnected) => DriverFault::Gone("the call of the driver panicked".into()),
    };
    Err(fault.into_error(device))
}

/// Returns the cameras of this machine.
pub(super) fn list(
    backend: Arc<dyn WebcamBackend>,
    timeout: Duration,
) -> Result<Vec<WebcamInfo>, SourceError> {
    const ALL: &str = "webcams";
    let (sender, receiver) = sync_channel(1);
    DriverThread::start(ALL, move || {
        // The receiver may have given up.
        let _ = sender.send(backend.list());
    })?;
    wait_for_answer(&receiver, timeout, ALL)
}

/// Opens a camera and starts a thread that puts its frames into the inbox until the inbox is cancelled or the device fails.
pub(super) fn open(
    backend: Arc<dyn WebcamBackend>,
    selector: WebcamSelector,
    wanted: WantedFormat,
    inbox: &Arc<FrameInbox<RawFrame>>,
    pool: FramePool,
    timeout: Duration,
) -> Result<(DriverThread, NegotiatedFormat), SourceError> {
    let device = selector.to_string();
    let name = device.clone();
    let (sender, receiver) = sync_channel(1);
    let thread = DriverThread::start(&device, {
        let inbox = Arc::clone(inbox);
        move || {
            let work = || run(&*backend, &selector, &wanted, &inbox, &pool, &name, sender);
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                inbox.end(Some(DriverFault::Gone("a call of the driver panicked".into()).into_error(&name)));
            }
        }
    })?;
    match wait_for_answer(&receiver, timeout, &device) {
        Ok(format) => Ok((thread, format)),
        Err(e) => {
            // If the call of the driver returns after all, the thread must close the device.
            inbox.cancel();
            Err(e)
        }
    }
}

fn run(
    backend: &dyn WebcamBackend,
    selector: &WebcamSelector,
    wanted: &WantedFormat,
    inbox: &FrameInbox<RawFrame>,
    pool: &FramePool,
    name: &str,
    opened: SyncSender<Result<NegotiatedFormat, DriverFault>>,
) {
    let (mut device, stream) = match start(backend, selector, wanted) {
        Ok(started) => started,
        Err(fault) => {
            let _ = opened.send(Err(fault));
            return;
        }
    };
    if opened.send(Ok(stream)).is_err() {
        return;
    }
    drop(opened);
    let coded = FramePool::new(CODED_BUFFERS);
    let pool = if stream.format.pixels == WebcamPixels::Mjpeg { &coded } else { pool };
    // The inbox ends before the device is closed, which may take for ever.
    inbox.end(pump(&mut *device, inbox, pool).err().map(|fault| fault.into_error(name)));
}

fn start(
    backend: &dyn WebcamBackend,
    selector: &WebcamSelector,
    wanted: &WantedFormat,
) -> Result<(Box<dyn WebcamDevice>, NegotiatedFormat), DriverFault> {
    let mut device = backend.open(selector)?;
    let formats = device.formats()?;
    let format = choose(&formats, wanted).ok_or_else(|| {
        let only = wanted.pixels.map(|pixels| format!("{} ", pixels.code())).unwrap_or_default();
        DriverFault::Unsupported(format!(
            "camera: it has no format {only}of up to {} pixels that can be read ({} formats)",
            wanted.max_pixels,
            formats.len()
        ))
    })?;
    let stream = device.start(&format, wanted.rate)?;
    let width = stream.format.width;
    let height = stream.format.height;
    if u64::from(width) * u64::from(height) > wanted.max_pixels {
        return Err(DriverFault::Unsupported(format!(
            "camera: asked for {format}, it gives {width}x{height}, over the limit of {} pixels",
            wanted.max_pixels
        )));
    }
    Ok((device, stream))
}

/// Moves frames from the device into the inbox. Returns `Ok` when the inbox was cancelled.
fn pump(
    device: &mut dyn WebcamDevice,
    inbox: &FrameInbox<RawFrame>,
    pool: &FramePool,
) -> Result<(), DriverFault> {
    let mut last = None;
    while !inbox.is_cancelled() {
        let Some(raw) = device.next(CANCEL_POLL_INTERVAL, pool)? else { continue };
        if let (Some(last), Some(number)) = (last, raw.number) {
            let missing = number.wrapping_sub(last).wrapping_sub(1);
            if (1..=MAX_GAP).contains(&missing) {
                inbox.lose(missing.into(), DropReason::Network, "a gap in the camera's frame numbers", false);
            }
        }
        last = raw.number;
        if raw.damaged {
            inbox.lose(1, DropReason::Undecodable, "the driver reports it as damaged", false);
        } else {
            let bytes = raw.bytes.len();
            // The loop checks for cancellation.
            let _ = inbox.push(raw, CodedFrameKind::Key, bytes);
        }
    }
    Ok(())
}
