//! Cameras that give JPEG pictures over HTTP.

mod chunks;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod http;
mod parts;
mod receive;
mod stop;
#[cfg(feature = "tls")]
mod tls;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, FramePool, FrameSource, Picture, SourceError, SourceInfo, SystemClock, Timestamp,
};

use crate::address::Address;
use crate::inbox::{Inbox, Room, Taken};
use crate::jpeg;
use crate::limits::DecodeLimits;
use crate::rising::Rising;
use receive::{Coded, Receiver};
use stop::Stop;

const SCHEMES: [&str; 2] = ["http", "https"];
/// Pictures that may wait to be decoded: one, and one that comes together with it.
const WAITING: usize = 2;
/// How long a wait for a picture is before it begins anew.
const PATIENCE: Duration = Duration::from_secs(60);

/// How an [`Mjpeg`] camera is read.
#[derive(Clone)]
pub struct MjpegSettings {
    /// How long connecting and each answer's header may take. 5 s by default.
    pub connect: Duration,
    /// How old a picture may get before it is dropped. 500 ms by default.
    pub age: Duration,
    /// How often a camera that gives single pictures is asked, at most, in times a second. 25 by default. What is no
    /// positive number stands for the default.
    pub rate: f64,
    /// What keeps memory bounded. `bytes` is for one coded picture, 16 MiB by default; `picture_pixels` is for a decoded
    /// one.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
    /// Tells when pictures arrive.
    pub clock: Arc<dyn Clock>,
}

impl Default for MjpegSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            age: Duration::from_millis(500),
            rate: 25.0,
            limits: DecodeLimits { bytes: 16 << 20, ..DecodeLimits::default() },
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for MjpegSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MjpegSettings")
            .field("connect", &self.connect)
            .field("age", &self.age)
            .field("rate", &self.rate)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A camera that gives JPEG pictures over HTTP: a stream of them (`multipart/x-mixed-replace`, or one after another), or
/// one at each request. Which of the two, its answer says by its content type, or else by its first bytes.
///
/// A thread receives; [`next_picture`](FrameSource::next_picture) decodes. Pictures are `Rgb8`, or `Gray8` where they
/// have no colour, as they come: a rotation in their EXIF data does not apply. Time stamps count from the first
/// picture, by the arrival of each one's last byte, and rise. The clocks of cameras (`X-Timestamp`) are not used.
///
/// A taker that is late gets the newest pictures; those that waited for too long, or had to make room, are
/// [`SourceError::Lost`] as [`DropReason::Stale`](passerby_types::DropReason::Stale). A picture that is broken or too
/// large is [`SourceError::Damaged`] or counted as `Undecodable`, and the next ones follow. When a camera that is asked
/// for single pictures answers with the very bytes of the picture before, that is no new picture and is not counted; a
/// camera that does so for ever gives nothing. A connection that ends is one [`SourceError::Disconnected`], and then
/// `Ok(None)`. A camera that keeps its connection and says nothing makes `next_picture` wait until it is interrupted.
///
/// Name and password of the address are used where the camera asks for them (basic, or digest with MD5 or SHA-256), and
/// only at the address's own scheme, host and port, wherever it redirects to.
pub struct Mjpeg {
    info: SourceInfo,
    inbox: Arc<Inbox<Coded>>,
    stop: Arc<Stop>,
    receiver: Option<JoinHandle<()>>,
    settings: MjpegSettings,
    first: Option<Timestamp>,
    times: Rising,
    over: bool,
}

impl Mjpeg {
    /// Connects to `http://` or, with the feature `tls`, `https://`, with name and password in the address where the camera
    /// wants them, and waits for the first bytes of its answer. The host's name is looked up by the system, which has its
    /// own time limit.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] for what is no such address, or where the answer is no HTTP or says that there is nothing
    /// (404, say); [`SourceError::Denied`] for a login that is missing or wrong; [`SourceError::Disconnected`] where the
    /// camera is not there, does not answer in time, or cannot now (503, say): try again later;
    /// [`SourceError::Unsupported`] for `https://` without the feature; [`SourceError::Unrecognised`] where it sends
    /// something else than JPEG pictures.
    pub fn connect(url: &str, settings: MjpegSettings) -> Result<Self, SourceError> {
        let address = Address::parse(url, &SCHEMES)?;
        let name = address.to_string();
        let bytes = usize::try_from(settings.limits.bytes).unwrap_or(usize::MAX);
        let room = Room { frames: WAITING, bytes: bytes.saturating_mul(WAITING), age: settings.age };
        let inbox = Inbox::new(room, Arc::clone(&settings.clock));
        let stop = Arc::new(Stop::default());
        let receiver = Receiver::connect(&address, &settings, bytes, Arc::clone(&inbox), Arc::clone(&stop))?;
        let thread = std::thread::Builder::new().name("capture-mjpeg".into());
        let receiver = thread
            .spawn(move || receiver.run())
            .map_err(|cause| SourceError::Io { input: name.clone(), cause })?;
        let info = SourceInfo { name, live: true, frame_rate: None, frames: None };
        let receiver = Some(receiver);
        Ok(Self { info, inbox, stop, receiver, settings, first: None, times: Rising::default(), over: false })
    }

    /// The time stamp of a picture that arrived then.
    fn pts(&mut self, at: Timestamp) -> Duration {
        self.times.give(at.since(*self.first.get_or_insert(at)))
    }
}

impl FrameSource for Mjpeg {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        while !self.over {
            match self.inbox.take(PATIENCE) {
                Taken::Frame(arrived) => {
                    let Coded { bytes, frame } = arrived.item;
                    let image = jpeg::decode(&bytes, &self.settings.limits, &self.settings.pool);
                    let input = || self.info.name.clone();
                    let image = image.map_err(|what| SourceError::Damaged { input: input(), frame, what })?;
                    let pts = Some(self.pts(arrived.at));
                    return Ok(Some(Picture { image, pts, age: self.inbox.age_of(arrived.at) }));
                }
                Taken::Lost(frames, reason, what) => {
                    return Err(SourceError::Lost { input: self.info.name.clone(), frames, reason, what });
                }
                Taken::Nothing => {}
                Taken::Over(error) => {
                    self.over = true;
                    return error.map_or(Ok(None), Err);
                }
            }
        }
        Ok(None)
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let stop = Arc::downgrade(&self.stop);
        Some(self.inbox.cancel_handle(move || {
            if let Some(stop) = stop.upgrade() {
                stop.cancel();
            }
        }))
    }
}

impl Drop for Mjpeg {
    fn drop(&mut self) {
        self.inbox.interrupt();
        self.stop.cancel();
        if let Some(receiver) = self.receiver.take() {
            // It catches nothing, so that a panic in it has ended the inbox and was told.
            let _ = receiver.join();
        }
    }
}

impl fmt::Debug for Mjpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mjpeg").field("info", &self.info).field("over", &self.over).finish_non_exhaustive()
    }
}
