//! Calls of a driver, on threads that are left behind where one does not come back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use passerby_types::{DropReason, FramePool, SourceError};

use super::choice::{Wanted, choose};
use super::device::{Backend, Device, Fault, Pixels, Raw, Selector, Stream, WebcamInfo};
use crate::inbox::{Inbox, Kind};

/// How many threads may be with one device at a time, the one that works and those that hang in it.
pub(crate) const THREADS: usize = 4;
/// How often a thread that waits for a frame looks whether anybody still wants it.
const TICK: Duration = Duration::from_millis(100);
/// Frames that one gap in a driver's numbers may stand for. Beyond it the driver has begun to count anew.
const GAP: u32 = 1000;
/// Buffers for coded pictures: those in the inbox, one that is decoded, and one that is filled.
const CODED: usize = 4;

/// How many threads are with each device, by what it was asked for by.
static BUSY: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// A thread's place at a device.
struct Place(String);

impl Place {
    /// `None`: it has too many threads already.
    fn take(device: &str) -> Option<Self> {
        let mut busy = busy();
        let threads = busy.entry(device.to_owned()).or_default();
        (*threads < THREADS).then(|| {
            *threads += 1;
            Self(device.to_owned())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = busy();
        if let Some(threads) = busy.get_mut(&self.0) {
            *threads -= 1;
            if *threads == 0 {
                busy.remove(&self.0);
            }
        }
    }
}

fn busy() -> MutexGuard<'static, BTreeMap<String, usize>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that may be left behind.
pub(crate) struct Thread {
    handle: JoinHandle<()>,
    /// Closed when it has ended.
    ended: Receiver<Infallible>,
}

impl Thread {
    /// Runs something that calls the driver of this device.
    fn start(device: &str, work: impl FnOnce() + Send + 'static) -> Result<Self, SourceError> {
        let Some(place) = Place::take(device) else {
            let what = format!("{THREADS} calls of its driver have not come back");
            return Err(Fault::Gone(what).of(device));
        };
        let (alive, ended) = sync_channel::<Infallible>(0);
        let handle = Builder::new().name("capture-webcam".into()).spawn(move || {
            // In this order: whoever sees the end finds the place free.
            let _alive = alive;
            let _place = place;
            // What a panic means is told by the channel or the inbox that `work` leaves without an answer.
            let _ = catch_unwind(AssertUnwindSafe(work));
        });
        let handle =
            handle.map_err(|cause: io::Error| SourceError::Io { input: device.to_owned(), cause })?;
        Ok(Self { handle, ended })
    }

    /// Waits for its end so long at most, then leaves it behind.
    pub(crate) fn join(self, patience: Duration) {
        if matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected)) {
            // It catches its panics.
            let _ = self.handle.join();
        }
    }
}

/// What the driver answered, within the limit.
fn answer<T>(answer: &Receiver<Result<T, Fault>>, limit: Duration, device: &str) -> Result<T, SourceError> {
    let fault = match answer.recv_timeout(limit) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(fault)) => fault,
        Err(RecvTimeoutError::Timeout) => Fault::Gone(format!("the driver gave no answer in {limit:.1?}")),
        Err(RecvTimeoutError::Disconnected) => Fault::Gone("the call of the driver panicked".into()),
    };
    Err(fault.of(device))
}

/// The cameras of this machine.
pub(crate) fn list(backend: Arc<dyn Backend>, limit: Duration) -> Result<Vec<WebcamInfo>, SourceError> {
    const ALL: &str = "webcams";
    let (sender, receiver) = sync_channel(1);
    Thread::start(ALL, move || {
        // Nobody may be waiting any more.
        let _ = sender.send(backend.list());
    })?;
    answer(&receiver, limit, ALL)
}

/// Opens a camera, and has its frames put into the inbox until that is interrupted or the device fails.
pub(crate) fn open(
    backend: Arc<dyn Backend>,
    selector: Selector,
    wanted: Wanted,
    inbox: &Arc<Inbox<Raw>>,
    pool: FramePool,
    limit: Duration,
) -> Result<(Thread, Stream), SourceError> {
    let device = selector.to_string();
    let name = device.clone();
    let (sender, receiver) = sync_channel(1);
    let thread = Thread::start(&device, {
        let inbox = Arc::clone(inbox);
        move || {
            let work = || run(&*backend, &selector, &wanted, &inbox, &pool, &name, sender);
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                inbox.end(Some(Fault::Gone("a call of the driver panicked".into()).of(&name)));
            }
        }
    })?;
    match answer(&receiver, limit, &device) {
        Ok(stream) => Ok((thread, stream)),
        Err(e) => {
            // Where the driver comes back after all, it is to close the device again.
            inbox.interrupt();
            Err(e)
        }
    }
}

fn run(
    backend: &dyn Backend,
    selector: &Selector,
    wanted: &Wanted,
    inbox: &Inbox<Raw>,
    pool: &FramePool,
    name: &str,
    opened: SyncSender<Result<Stream, Fault>>,
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
    let coded = FramePool::new(CODED);
    let pool = if stream.format.pixels == Pixels::Mjpeg { &coded } else { pool };
    // Told before the device is closed, which may take for ever.
    inbox.end(pump(&mut *device, inbox, pool).err().map(|fault| fault.of(name)));
}

fn start(
    backend: &dyn Backend,
    selector: &Selector,
    wanted: &Wanted,
) -> Result<(Box<dyn Device>, Stream), Fault> {
    let mut device = backend.open(selector)?;
    let formats = device.formats()?;
    let format = choose(&formats, wanted).ok_or_else(|| {
        let only = wanted.pixels.map(|pixels| format!("{} ", pixels.code())).unwrap_or_default();
        Fault::Unsupported(format!(
            "camera: it gives nothing {only}of up to {} pixels that can be read ({} formats)",
            wanted.most,
            formats.len()
        ))
    })?;
    let stream = device.start(&format, wanted.rate)?;
    let (width, height) = (stream.format.width, stream.format.height);
    if u64::from(width) * u64::from(height) > wanted.most {
        return Err(Fault::Unsupported(format!(
            "camera: asked for {format} it gives {width}x{height}, over the limit of {} pixels",
            wanted.most
        )));
    }
    Ok((device, stream))
}

/// Frames from the device into the inbox. `Ok`: nobody wants any more.
fn pump(device: &mut dyn Device, inbox: &Inbox<Raw>, pool: &FramePool) -> Result<(), Fault> {
    let mut last = None;
    while !inbox.is_interrupted() {
        let Some(raw) = device.next(TICK, pool)? else { continue };
        if let (Some(last), Some(number)) = (last, raw.number) {
            let missing = number.wrapping_sub(last).wrapping_sub(1);
            if (1..=GAP).contains(&missing) {
                inbox.lose(missing.into(), DropReason::Network, "the camera's numbers have a gap", false);
            }
        }
        last = raw.number;
        if raw.damaged {
            inbox.lose(1, DropReason::Undecodable, "the driver says that it is damaged", false);
        } else {
            let bytes = raw.bytes.len();
            // Whether anybody wants more is asked above.
            let _ = inbox.push(raw, Kind::Key, bytes);
        }
    }
    Ok(())
}
