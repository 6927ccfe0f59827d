//! Cameras that give JPEG pictures over HTTP.

mod chunks;
mod connection;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod http;
mod receiver;
mod settings;
mod stop_signal;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Codec, CodedDemand, CodedOffer, FrameSource, Picture, SourceError, SourceInfo, Timestamp,
};

use crate::context::SourceContext;
use crate::handover::RecvError;
use crate::jpeg;
use crate::live::address::Address;
use crate::live::inbox::{FrameInbox, FrameOrLoss, InboxLimits};
use crate::monotonic_pts::MonotonicPts;
use http::SCHEMES;
use receiver::{CodedPicture, Receiver};
pub use settings::MjpegSettings;
use stop_signal::StopSignal;

/// The most pictures that wait for the decoder: one, and another that comes together with it.
const MAX_WAITING_PICTURES: usize = 2;
/// How long one wait at the inbox lasts.
const RECV_TIMEOUT: Duration = Duration::from_secs(60);

/// A camera that gives JPEG pictures over HTTP.
///
/// The camera either streams them (`multipart/x-mixed-replace`, or one after another), or gives one per request. The content
/// type of its response decides, or the first bytes of the response if the content type doesn't help.
///
/// A separate thread receives, and [`next_picture`](FrameSource::next_picture) decodes. Pictures are `Gray8` if they have no
/// colour, and `Rgb8` otherwise. A rotation in their EXIF data doesn't apply. Time stamps count from the first picture, by
/// the arrival of each picture's last byte, and rise. The camera's own clock (`X-Timestamp`) isn't used.
///
/// A late caller gets the newest pictures. Pictures that became too old, or had to make room, are [`SourceError::Lost`] as
/// [`DropReason::Stale`](passerby_types::DropReason::Stale). A broken picture is [`SourceError::Damaged`], one that is too
/// large counts as `Undecodable`, and the next ones follow. If a camera of single pictures repeats the bytes of the picture
/// before, this isn't a new picture and doesn't count. If the connection ends, the source returns
/// [`SourceError::Disconnected`] once, and then `Ok(None)`. If the camera keeps its connection but sends nothing,
/// `next_picture` waits until it is cancelled.
///
/// If the camera asks for a login (basic, or digest with MD5 or SHA-256), the source uses the name and password of the
/// address. It sends them only to the address's own scheme, host and port, even if the camera redirects elsewhere.
///
/// ```no_run
/// use passerby_capture::{Mjpeg, MjpegSettings};
/// use passerby_types::FrameSource;
///
/// let mut camera = Mjpeg::connect("http://viewer:secret@192.168.1.21/video.mjpg", MjpegSettings::default())?;
/// for picture in camera.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Mjpeg {
    info: SourceInfo,
    inbox: Arc<FrameInbox<CodedPicture>>,
    stop: Arc<StopSignal>,
    receiver: Option<JoinHandle<()>>,
    context: SourceContext,
    first_arrival: Option<Timestamp>,
    pts: MonotonicPts,
    coded: CodedOffer,
    ended: bool,
}

impl Mjpeg {
    /// Connects to a camera and waits for the first bytes of its response.
    ///
    /// The address begins with `http://` or, with the feature `tls`, `https://`, and may hold a name and a password. The
    /// system looks up the host's name, and has its own timeout for that.
    ///
    /// # Errors
    /// Another try is of no use after these: [`SourceError::Malformed`] if the address is wrong; [`SourceError::Denied`] if the
    /// login is missing or wrong; [`SourceError::Unsupported`] for `https://` without the feature. The caller may try again
    /// after [`SourceError::Disconnected`], since a camera that is starting may answer anything: it isn't there, doesn't
    /// respond in time, responds with an error such as 404, with something that isn't HTTP, or with something other than
    /// JPEG pictures.
    pub fn connect(url: &str, settings: MjpegSettings) -> Result<Self, SourceError> {
        let address = Address::parse(url, &SCHEMES)?;
        let name = address.to_string();
        let max_bytes = settings.max_picture_bytes.min(settings.context.limits.bytes);
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let limits = InboxLimits {
            frames: MAX_WAITING_PICTURES,
            bytes: max_bytes.saturating_mul(MAX_WAITING_PICTURES),
            max_age: settings.max_age,
        };
        let inbox = FrameInbox::new(limits, Arc::clone(&settings.context.clock));
        let stop = Arc::new(StopSignal::default());
        let receiver =
            Receiver::connect(&address, &settings, max_bytes, Arc::clone(&inbox), Arc::clone(&stop))?;
        let thread = std::thread::Builder::new().name("capture-mjpeg".into());
        let receiver = thread
            .spawn(move || receiver.run())
            .map_err(|cause| SourceError::Io { input: name.clone(), cause })?;
        let (format, codec) = (Some("JPEG".into()), Some(Codec::Jpeg));
        let info = SourceInfo { name, live: true, format, codec, ..SourceInfo::default() };
        Ok(Self {
            info,
            inbox,
            stop,
            receiver: Some(receiver),
            context: settings.context,
            first_arrival: None,
            pts: MonotonicPts::default(),
            coded: CodedOffer::default(),
            ended: false,
        })
    }

    /// Returns the time stamp of a picture that arrived at `at`.
    fn next_pts(&mut self, at: Timestamp) -> Duration {
        self.pts.next(at.since(*self.first_arrival.get_or_insert(at)))
    }
}

impl FrameSource for Mjpeg {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        while !self.ended {
            match self.inbox.recv_timeout(RECV_TIMEOUT) {
                Ok(FrameOrLoss::Frame(arrived)) => {
                    let CodedPicture { bytes, number } = arrived.item;
                    let SourceContext { limits, pool, .. } = &self.context;
                    let image = jpeg::decode(&bytes, limits, pool).map_err(|what| SourceError::Damaged {
                        input: self.info.name.clone(),
                        frame: number,
                        what,
                    })?;
                    let pts = Some(self.next_pts(arrived.at));
                    let coded = self.coded.jpeg(|| bytes, image.width(), image.height());
                    return Ok(Some(Picture { image, pts, age: self.inbox.age_of(arrived.at), coded }));
                }
                Ok(FrameOrLoss::Loss(loss)) => return Err(loss.into_error(&self.info.name)),
                Err(RecvError::TimedOut(_)) => {}
                Err(RecvError::Closed(error)) => {
                    self.ended = true;
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
                stop.raise();
            }
        }))
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.coded.set_demand(demand);
    }
}

impl Drop for Mjpeg {
    fn drop(&mut self) {
        self.inbox.cancel();
        self.stop.raise();
        if let Some(receiver) = self.receiver.take() {
            // If the thread panicked, the stream has ended with an error.
            let _ = receiver.join();
        }
    }
}

impl fmt::Debug for Mjpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mjpeg").field("info", &self.info).field("ended", &self.ended).finish_non_exhaustive()
    }
}
