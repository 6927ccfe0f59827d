//! Cameras at this machine.

mod device;
mod driver;
mod format_choice;
#[cfg(any(target_os = "macos", windows))]
mod native;
mod raw_frame;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod v4l;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Codec, CodedDemand, CodedOffer, FrameSource, Picture, SourceError, SourceInfo,
};

use crate::context::SourceContext;
use crate::handover::RecvError;
use crate::live::inbox::{Arrived, FrameInbox, FrameOrLoss, InboxLimits};
use crate::monotonic_pts::MonotonicPts;
use device::{NegotiatedFormat, RawFrame, WebcamBackend};
pub use device::{WebcamFormat, WebcamInfo, WebcamPixels, WebcamSelector};
use driver::DriverThread;
use format_choice::WantedFormat;
pub use settings::WebcamSettings;

/// The most frames that wait: one, and another that comes while the one before is converted.
const MAX_WAITING_FRAMES: usize = 2;

/// A camera at this machine: through Video4Linux on Linux, AVFoundation on macOS, and Media Foundation on Windows.
///
/// The source chooses the format that comes nearest to the wanted size and rate. If there are several, it takes the
/// smallest, and among these the one that costs the least work: NV12, then 4:2:2, then RGB, then JPEG. On USB 2 only JPEG
/// reaches the usual size and rate. Grey is chosen only if the camera has no format with colour. Pictures keep the camera's
/// layout, except JPEG, which becomes RGB. Time stamps count from the first picture and rise. They follow the driver's clock
/// if it has one.
///
/// Drivers hang. Every call of a driver therefore runs on a thread of its own, and every wait for it has a timeout:
/// [`connect_timeout`](WebcamSettings::connect_timeout), [`stall_timeout`](WebcamSettings::stall_timeout) or
/// [`close_timeout`](WebcamSettings::close_timeout). If a call hangs, its thread is left behind, and ends when the call
/// returns. If four threads of a camera hang, the camera isn't opened again until one of them ends.
///
/// A late caller gets the newest frames. Frames that became too old, or had to make room, are [`SourceError::Lost`] as
/// [`DropReason::Stale`](passerby_types::DropReason::Stale). Frames that are missing in the camera's own count are lost as
/// `Network`, and those that the driver reports as damaged as `Undecodable`. Bytes that aren't a picture are
/// [`SourceError::Damaged`], and the next picture follows. If the camera is unplugged or its driver fails, the source
/// returns [`SourceError::Disconnected`] once; if no frame comes for too long, [`SourceError::Stalled`] once; and then
/// `Ok(None)`. After the camera is plugged in again it may have another index, but it has the same name and id.
///
/// ```no_run
/// use passerby_capture::{Webcam, WebcamSettings};
/// use passerby_types::FrameSource;
///
/// for camera in Webcam::list()? {
///     println!("{}: {}", camera.index, camera.name);
/// }
/// let mut webcam = Webcam::open(0, WebcamSettings::default())?;
/// for picture in webcam.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Webcam {
    info: SourceInfo,
    inbox: Arc<FrameInbox<RawFrame>>,
    thread: Option<DriverThread>,
    format: NegotiatedFormat,
    context: SourceContext,
    stall_timeout: Duration,
    close_timeout: Duration,
    /// The frames that came or were lost until now.
    frames: u64,
    first_time: Option<Duration>,
    pts: MonotonicPts,
    coded: CodedOffer,
    ended: bool,
}

impl Webcam {
    /// Opens and starts a camera. Doesn't wait for its first picture.
    ///
    /// The selector is the camera's index (`0`, `"0"`, `"webcam:0"`), its name or id, or on Linux the path of its node
    /// (`"v4l:/dev/video0"`).
    ///
    /// # Errors
    /// [`SourceError::Disconnected`] if there is no such camera, another program uses it, or its driver doesn't respond in
    /// time; the caller may try again later. [`SourceError::Denied`] if the user has no right to use it.
    /// [`SourceError::Unsupported`] if the device isn't a camera, or has no format that can be read within the limits;
    /// another camera is needed.
    pub fn open(selector: impl Into<WebcamSelector>, settings: WebcamSettings) -> Result<Self, SourceError> {
        Self::open_with(backend()?, selector.into(), settings)
    }

    /// Returns the cameras at this machine with their formats, sorted by index. The list is empty if there are none.
    ///
    /// # Errors
    /// [`SourceError::Disconnected`] if a driver doesn't respond within five seconds; [`SourceError::Denied`] if there are
    /// cameras, but the user has no right to use any of them.
    pub fn list() -> Result<Vec<WebcamInfo>, SourceError> {
        driver::list(backend()?, WebcamSettings::default().connect_timeout)
    }

    /// Returns the format of the camera's frames.
    ///
    /// The rate is the one that the driver was set to, if the driver reports it. In the dark many cameras give fewer frames.
    #[must_use]
    pub fn format(&self) -> WebcamFormat {
        self.format.format
    }

    fn open_with(
        backend: Arc<dyn WebcamBackend>,
        selector: WebcamSelector,
        settings: WebcamSettings,
    ) -> Result<Self, SourceError> {
        let name = selector.to_string();
        let context = settings.context;
        let limits = InboxLimits {
            frames: MAX_WAITING_FRAMES,
            bytes: usize::try_from(context.limits.bytes).unwrap_or(usize::MAX),
            max_age: settings.max_age,
        };
        let inbox = FrameInbox::new(limits, Arc::clone(&context.clock));
        let wanted = WantedFormat {
            width: settings.width,
            height: settings.height,
            rate: settings.rate,
            pixels: settings.pixels,
            max_pixels: context.limits.picture_pixels,
        };
        let pool = context.pool.clone();
        let (thread, format) =
            driver::open(backend, selector, wanted, &inbox, pool, settings.connect_timeout)?;
        let format_name = Some(format.format.pixels.code().to_owned());
        let codec = (format.format.pixels == WebcamPixels::Mjpeg).then_some(Codec::Jpeg);
        let info = SourceInfo {
            name,
            live: true,
            frame_rate: format.format.rate,
            frames: None,
            format: format_name,
            codec,
        };
        Ok(Self {
            info,
            inbox,
            thread: Some(thread),
            format,
            context,
            stall_timeout: settings.stall_timeout,
            close_timeout: settings.close_timeout,
            frames: 0,
            first_time: None,
            pts: MonotonicPts::default(),
            coded: CodedOffer::default(),
            ended: false,
        })
    }

    fn picture(&mut self, Arrived { item: raw, at }: Arrived<RawFrame>) -> Result<Picture, SourceError> {
        let frame = self.frames;
        self.frames += 1;
        let SourceContext { limits, pool, .. } = &self.context;
        let jpeg = self.info.codec.filter(|_| self.coded.is_wanted()).map(|_| raw.bytes.clone());
        let image = raw_frame::to_image(raw.bytes, &self.format, limits, pool)
            .map_err(|what| SourceError::Damaged { input: self.info.name.clone(), frame, what })?;
        let time = raw.time.unwrap_or(at.0);
        let pts = self.pts.next(time.saturating_sub(*self.first_time.get_or_insert(time)));
        let coded = jpeg.and_then(|jpeg| self.coded.jpeg(|| jpeg, image.width(), image.height()));
        Ok(Picture { image, pts: Some(pts), age: self.inbox.age_of(at), coded })
    }
}

impl FrameSource for Webcam {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        match self.inbox.recv_timeout(self.stall_timeout) {
            Ok(FrameOrLoss::Frame(arrived)) => self.picture(arrived).map(Some),
            Ok(FrameOrLoss::Loss(loss)) => {
                self.frames += loss.frames;
                Err(loss.into_error(&self.info.name))
            }
            Err(RecvError::TimedOut(after)) => {
                self.ended = true;
                self.inbox.cancel();
                Err(SourceError::Stalled { input: self.info.name.clone(), after })
            }
            Err(RecvError::Closed(error)) => {
                self.ended = true;
                error.map_or(Ok(None), Err)
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.coded.set_demand(demand);
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        Some(self.inbox.cancel_handle(|| ()))
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        self.inbox.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join(self.close_timeout);
        }
    }
}

impl fmt::Debug for Webcam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webcam")
            .field("info", &self.info)
            .field("format", &self.format.format)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Returns the access to the cameras of this machine.
#[cfg(target_os = "linux")]
fn backend() -> Result<Arc<dyn WebcamBackend>, SourceError> {
    Ok(Arc::new(v4l::V4l))
}

/// Returns the access to the cameras of this machine.
#[cfg(any(target_os = "macos", windows))]
fn backend() -> Result<Arc<dyn WebcamBackend>, SourceError> {
    Ok(Arc::new(native::Native))
}

/// Returns the access to the cameras of this machine.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn backend() -> Result<Arc<dyn WebcamBackend>, SourceError> {
    let what = "cameras at this machine: the feature `webcam` is for Linux, macOS and Windows";
    Err(SourceError::unsupported("webcam", what))
}
