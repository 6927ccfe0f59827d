//! Cameras at this machine.

mod choice;
mod device;
mod driver;
#[cfg(any(target_os = "macos", windows))]
mod native;
mod raw;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod v4l;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, FramePool, FrameSource, Picture, SourceError, SourceInfo, SystemClock,
};

use crate::inbox::{Arrived, Inbox, Room, Taken};
use crate::limits::DecodeLimits;
use crate::rising::Rising;
use choice::Wanted;
use device::{Backend, Raw, Stream};
pub use device::{Pixels, Selector, WebcamFormat, WebcamInfo};
use driver::Thread;

/// Frames that may wait to be taken: one, and one that comes while the one before is made a picture.
const WAITING: usize = 2;

/// How a [`Webcam`] is used.
#[derive(Clone)]
pub struct WebcamSettings {
    /// The width that is wanted, in pixels. 1280 by default.
    pub width: u32,
    /// The height that is wanted, in pixels. 720 by default.
    pub height: u32,
    /// The rate that is wanted, in frames a second. 30 by default.
    pub rate: f64,
    /// Nothing but this, whatever it costs. `None`, the default: what is best.
    pub pixels: Option<Pixels>,
    /// How long finding, opening and starting it may take, together. 5 s by default.
    pub connect: Duration,
    /// How long the driver may give no frame. 5 s by default.
    pub stall: Duration,
    /// How long dropping it waits for the driver to close it. 1 s by default.
    pub close: Duration,
    /// How old a frame may get before it is dropped. 500 ms by default.
    pub age: Duration,
    /// What keeps memory bounded: `picture_pixels` is for a picture, `bytes` for the frames that wait.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
    /// Tells when frames arrive.
    pub clock: Arc<dyn Clock>,
}

impl Default for WebcamSettings {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            rate: 30.0,
            pixels: None,
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(5),
            close: Duration::from_secs(1),
            age: Duration::from_millis(500),
            limits: DecodeLimits::default(),
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for WebcamSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebcamSettings")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("rate", &self.rate)
            .field("pixels", &self.pixels)
            .field("connect", &self.connect)
            .field("stall", &self.stall)
            .field("close", &self.close)
            .field("age", &self.age)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A camera at this machine: through Video4Linux on Linux, AVFoundation on macOS, Media Foundation on Windows.
///
/// Of what the camera offers, the format is chosen that gives the most of the wanted size and rate, then the smallest,
/// then the one that is read with the least work: NV12, then 4:2:2, then RGB, then JPEG, which alone reaches size and
/// rate on USB 2; grey only where there is nothing in colour. Pictures keep the layout that the camera gives; nothing
/// is converted to RGB but JPEG. Time stamps count from the first picture, by the driver's clock where it has one, and
/// rise.
///
/// Drivers hang. Every call of one runs on a thread of its own, and whoever waits for it waits for a limited time:
/// [`connect`](WebcamSettings::connect), [`stall`](WebcamSettings::stall), [`close`](WebcamSettings::close). A thread
/// that does not come back is left behind and ends when its driver lets go of it; while four of a camera are out, it is
/// not opened again.
///
/// A taker that is late gets the newest frames; those that waited for too long, or had to make room, are
/// [`SourceError::Lost`] as [`DropReason::Stale`](passerby_types::DropReason::Stale), those that are missing in the
/// camera's own count as `Network`, those that the driver calls damaged as `Undecodable`. Bytes that are no picture are
/// [`SourceError::Damaged`], and the next ones follow. A camera that is plugged out, or whose driver fails, is one
/// [`SourceError::Disconnected`], one that gives nothing for too long one [`SourceError::Stalled`], and then
/// `Ok(None)`. After it was plugged in again it may have another index, but the same name and id.
pub struct Webcam {
    info: SourceInfo,
    inbox: Arc<Inbox<Raw>>,
    thread: Option<Thread>,
    stream: Stream,
    settings: WebcamSettings,
    /// Frames that came or were lost.
    frames: u64,
    first: Option<Duration>,
    times: Rising,
    over: bool,
}

impl Webcam {
    /// Opens a camera by its index (`0`, `"0"`, `"webcam:0"`), its name or id, or on Linux the path of its node
    /// (`"v4l:/dev/video0"`), and starts it. Does not wait for its first picture.
    ///
    /// # Errors
    /// [`SourceError::Disconnected`] where there is no such camera, another program has it, or its driver does not answer
    /// in time: try again later. [`SourceError::Denied`] where it may not be used: give the user the right to.
    /// [`SourceError::Unsupported`] for what is no camera, or one that gives nothing that can be read, or nothing within
    /// the limits: choose another one.
    pub fn open(selector: impl Into<Selector>, settings: WebcamSettings) -> Result<Self, SourceError> {
        Self::open_with(backend()?, selector.into(), settings)
    }

    /// The cameras at this machine, by index, and what they can give. Empty where there are none.
    ///
    /// # Errors
    /// [`SourceError::Disconnected`] where a driver does not answer in five seconds; [`SourceError::Denied`] where there
    /// are cameras, but none may be used.
    pub fn list() -> Result<Vec<WebcamInfo>, SourceError> {
        driver::list(backend()?, WebcamSettings::default().connect)
    }

    /// What the camera gives. The rate is the one that it was set to, where the driver says so; in the dark many give
    /// fewer.
    #[must_use]
    pub fn format(&self) -> WebcamFormat {
        self.stream.format
    }

    fn open_with(
        backend: Arc<dyn Backend>,
        selector: Selector,
        settings: WebcamSettings,
    ) -> Result<Self, SourceError> {
        let name = selector.to_string();
        let bytes = usize::try_from(settings.limits.bytes).unwrap_or(usize::MAX);
        let room = Room { frames: WAITING, bytes, age: settings.age };
        let inbox = Inbox::new(room, Arc::clone(&settings.clock));
        let wanted = Wanted {
            width: settings.width,
            height: settings.height,
            rate: settings.rate,
            pixels: settings.pixels,
            most: settings.limits.picture_pixels,
        };
        let pool = settings.pool.clone();
        let (thread, stream) = driver::open(backend, selector, wanted, &inbox, pool, settings.connect)?;
        let info = SourceInfo { name, live: true, frame_rate: stream.format.rate, frames: None };
        let thread = Some(thread);
        Ok(Self {
            info,
            inbox,
            thread,
            stream,
            settings,
            frames: 0,
            first: None,
            times: Rising::default(),
            over: false,
        })
    }

    fn picture(&mut self, Arrived { item: raw, at }: Arrived<Raw>) -> Result<Picture, SourceError> {
        let frame = self.frames;
        self.frames += 1;
        let image = raw::picture(raw.bytes, &self.stream, &self.settings.limits, &self.settings.pool)
            .map_err(|what| SourceError::Damaged { input: self.info.name.clone(), frame, what })?;
        let time = raw.time.unwrap_or(at.0);
        let pts = self.times.give(time.saturating_sub(*self.first.get_or_insert(time)));
        Ok(Picture { image, pts: Some(pts), age: self.inbox.age_of(at) })
    }
}

impl FrameSource for Webcam {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.over {
            return Ok(None);
        }
        match self.inbox.take(self.settings.stall) {
            Taken::Frame(arrived) => self.picture(arrived).map(Some),
            Taken::Lost(frames, reason, what) => {
                self.frames += frames;
                Err(SourceError::Lost { input: self.info.name.clone(), frames, reason, what })
            }
            Taken::Nothing => {
                self.over = true;
                self.inbox.interrupt();
                Err(SourceError::Stalled { input: self.info.name.clone(), after: self.settings.stall })
            }
            Taken::Over(error) => {
                self.over = true;
                error.map_or(Ok(None), Err)
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        Some(self.inbox.cancel_handle(|| ()))
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        self.inbox.interrupt();
        if let Some(thread) = self.thread.take() {
            thread.join(self.settings.close);
        }
    }
}

impl fmt::Debug for Webcam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webcam")
            .field("info", &self.info)
            .field("format", &self.stream.format)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

/// What reaches the cameras of this machine.
#[cfg(target_os = "linux")]
fn backend() -> Result<Arc<dyn Backend>, SourceError> {
    Ok(Arc::new(v4l::V4l))
}

/// What reaches the cameras of this machine.
#[cfg(any(target_os = "macos", windows))]
fn backend() -> Result<Arc<dyn Backend>, SourceError> {
    Ok(Arc::new(native::Native))
}

/// What reaches the cameras of this machine.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn backend() -> Result<Arc<dyn Backend>, SourceError> {
    let what = "cameras at this machine: the feature `webcam` is for Linux, macOS and Windows".into();
    Err(SourceError::Unsupported { input: "webcam".into(), what })
}
