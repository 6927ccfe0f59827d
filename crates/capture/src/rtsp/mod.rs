//! Network cameras that speak RTSP.

#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod gate;
mod intake;
mod key_frame_watch;
mod receiver;
mod session;
mod settings;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passerby_types::{
    CancelHandle, Codec, CodedDemand, CodedOffer, CodedPicture, DropReason, FrameSource, Picture,
    SourceError, SourceInfo, Timestamp,
};
use tokio::sync::Notify;

use crate::context::SourceContext;
#[cfg(feature = "libav")]
use crate::h264::LibavDecoder;
use crate::h264::{
    AccessUnit, AutoDecoder, DecodeError, H264Offer, LOST_IN_DECODER, UnitsInside, VideoDecoder,
    source_error, with_size,
};
use crate::handover::RecvError;
use crate::jpeg;
use crate::live::address::Address;
use crate::live::inbox::{FrameInbox, FrameOrLoss, InboxLimits, Loss};
use crate::monotonic_pts::MonotonicPts;
use intake::QueuedFrame;
use key_frame_watch::KeyFrameWatch;
use receiver::{Opened, Receiver};
use session::StreamCodec;
pub use settings::RtspSettings;

/// The most frames that wait for the decoder. In practice their age is the limit.
const MAX_WAITING_FRAMES: usize = 256;
/// The most bytes that wait for the decoder.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// How long one wait at the inbox lasts.
const RECV_TIMEOUT: Duration = Duration::from_secs(1);

/// A camera that speaks RTSP (RFC 2326), with H.264 (RFC 6184), JPEG (RFC 2435) or, with the feature `libav`, H.265 (RFC 7798).
///
/// Pictures of H.264 and H.265 are `I420` or `Nv12`, and those of JPEG `Rgb8` or `Gray8`. Their size may change from one picture to the next.
/// The stream begins with its first key frame. If frames come but no key frame, the source returns
/// [`SourceError::AwaitingKeyFrame`] every second, and [`SourceError::Disconnected`] after
/// [`RtspSettings::key_frame_timeout`]. Time stamps count from there, by the camera's clock, and continue to rise
/// when that clock is set. The source asks for the video stream only, not for sound. A picture comes as soon as its order is
/// known ([`RustyDecoder::low_delay`](crate::RustyDecoder::low_delay)).
///
/// A separate thread receives, so a slow reader doesn't delay the network. If frames are older than
/// [`RtspSettings::max_age`], the source drops them before decoding, from key frame to key frame, and counts them as
/// [`DropReason::Stale`](passerby_types::DropReason::Stale). Frames that the network lost count as
/// [`DropReason::Network`](passerby_types::DropReason::Network). Their number comes from the time stamps. It is exact if the
/// camera has a steady rate and doesn't reorder frames, and at least one otherwise.
///
/// When the stream ends, the camera sends an RTCP BYE, or the connection breaks, the source returns
/// [`SourceError::Disconnected`] once, after the pictures until then. If the camera is silent, reading waits. Dropping the
/// source ends the session with the camera, within a third of a second.
///
/// If the camera asks for a login (digest or basic), the source uses the name and password in the address. It never shows
/// them. `rtsp://` isn't encrypted; `rtsps://` (feature `tls`)
/// is. If the camera refuses TCP, its packets come over UDP, and a [`SourceError::Notice`] says
/// so. The source follows redirections to the camera's own host.
///
/// Everything that the camera sends is bounded in bytes: 64 KiB for the lines of a message, 1 MiB for its body, and 12 MiB for
/// packets from which no whole frame comes.
///
/// ```no_run
/// use passerby_capture::{Rtsp, RtspSettings};
/// use passerby_types::FrameSource;
///
/// let mut camera = Rtsp::connect("rtsp://viewer:secret@192.168.1.20/live", RtspSettings::default())?;
/// for picture in camera.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Rtsp {
    info: SourceInfo,
    inbox: Arc<FrameInbox<QueuedFrame>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    decoder: StreamDecoder,
    context: SourceContext,
    pictures: DecodedPictures,
    /// The error that ended the stream. It is returned after the last pictures.
    ending: Option<SourceError>,
    ended: bool,
    /// A remark about the connection for the user.
    notice: Option<&'static str>,
    key_frames: KeyFrameWait,
}

/// The pictures that came out of the decoder.
#[derive(Default)]
struct DecodedPictures {
    decoded: Vec<Picture>,
    ready: VecDeque<Picture>,
    inside: UnitsInside<Duration, FrameInside>,
    pts: MonotonicPts,
}

/// What belongs to the picture of a frame inside the decoder.
struct FrameInside {
    arrived: Timestamp,
    coded: Option<Arc<CodedPicture>>,
}

/// The wait for the first key frame.
struct KeyFrameWait {
    watch: Arc<KeyFrameWatch>,
    timeout: Duration,
}

enum StreamDecoder {
    /// With the coded pictures for viewers, if viewers can decode the codec.
    Video(Box<dyn VideoDecoder>, Option<Box<H264Offer>>),
    Jpeg(CodedOffer),
}

impl StreamDecoder {
    /// Returns the codec of the coded pictures for viewers.
    fn codec(&self) -> Option<Codec> {
        match self {
            Self::Video(_, offer) => offer.as_ref().map(|_| Codec::H264),
            Self::Jpeg(_) => Some(Codec::Jpeg),
        }
    }
}

impl Rtsp {
    /// Connects to a camera, for example `rtsp://name:password@camera:554/path`, and starts its stream.
    ///
    /// # Errors
    /// Another try is of no use after these: [`SourceError::Malformed`] if the address is wrong; [`SourceError::Denied`]
    /// if the camera wants another name or password; [`SourceError::Unsupported`] for other codecs and transports, with
    /// advice, and for `rtsps://` without the feature `tls`. The caller may try again after these: [`SourceError::Disconnected`] if there is no such
    /// host, no connection, no answer in time, no valid answer or no such path (a camera that is starting may not have it
    /// yet); [`SourceError::Io`] if the system has no thread.
    pub fn connect(url: &str, settings: RtspSettings) -> Result<Self, SourceError> {
        let address = Address::parse(url, &["rtsp", "rtsps"])?;
        let input = address.to_string();
        #[cfg(not(feature = "tls"))]
        if address.url().scheme() == "rtsps" {
            return Err(session::needs_tls(&address));
        }
        let context = settings.context.clone();
        // A decoder that this build lacks is an error before the camera is asked.
        let h264 = AutoDecoder::new(settings.decoder, true, context.limits, context.pool.clone())
            .map_err(|e| source_error(&input, e))?;
        let limits =
            InboxLimits { frames: MAX_WAITING_FRAMES, bytes: MAX_WAITING_BYTES, max_age: settings.max_age };
        let inbox = FrameInbox::new(limits, Arc::clone(&context.clock));
        let stop = Arc::new(Notify::new());
        let watch = Arc::new(KeyFrameWatch::new(Arc::clone(&context.clock)));
        let key_frames = KeyFrameWait { watch: Arc::clone(&watch), timeout: settings.key_frame_timeout };
        let (sender, opened) = sync_channel(1);
        let receiver =
            Receiver { address, settings, inbox: Arc::clone(&inbox), watch, stop: Arc::clone(&stop) };
        let thread = thread::Builder::new()
            .name("capture-rtsp".into())
            .spawn(move || receiver.run(&sender))
            .map_err(|cause| SourceError::Io { input: input.clone(), cause })?;
        let failed = || SourceError::disconnected(input.clone(), "the receiver failed");
        let Opened { codec, rate, notice } = opened.recv().unwrap_or_else(|_| Err(failed()))?;
        let format = Some(codec.to_string());
        let decoder = match codec {
            StreamCodec::H264 => StreamDecoder::Video(Box::new(h264), Some(Box::default())),
            #[cfg(feature = "libav")]
            StreamCodec::H265 => {
                let h265 = LibavDecoder::h265(context.pool.clone(), context.limits.video_pixels);
                StreamDecoder::Video(Box::new(h265.map_err(|e| source_error(&input, e))?), None)
            }
            StreamCodec::Jpeg => StreamDecoder::Jpeg(CodedOffer::default()),
        };
        let codec = decoder.codec();
        Ok(Self {
            info: SourceInfo { name: input, live: true, frame_rate: rate, frames: None, format, codec },
            inbox,
            stop,
            thread: Some(thread),
            decoder,
            context,
            pictures: DecodedPictures::default(),
            ending: None,
            ended: false,
            notice,
            key_frames,
        })
    }

    /// Decodes a frame that arrived at `at`.
    fn decode(&mut self, frame: QueuedFrame, at: Timestamp) -> Result<(), SourceError> {
        let QueuedFrame { data, pts, number } = frame;
        let input = &self.info.name;
        let damaged = |what| SourceError::Damaged { input: input.clone(), frame: number, what };
        let pictures = &mut self.pictures;
        pictures.inside.enter(pts, FrameInside { arrived: at, coded: None });
        match &mut self.decoder {
            StreamDecoder::Video(decoder, offer) => {
                let result =
                    decoder.decode(AccessUnit { data: &data, pts: Some(pts) }, &mut pictures.decoded);
                pictures.ready.extend(pictures.decoded.drain(..));
                offer.iter_mut().for_each(|offer| offer.observe(&data));
                match result {
                    Ok(()) => {
                        let coded = offer.as_mut().and_then(|offer| offer.picture(data.into()));
                        if let Some(frame) = pictures.inside.last_mut() {
                            frame.coded = coded;
                        }
                        Ok(())
                    }
                    Err(DecodeError::Damaged(what)) => {
                        pictures.inside.remove_last();
                        Err(damaged(what))
                    }
                    Err(e) => {
                        self.ending = Some(source_error(input, e));
                        self.ended = true;
                        self.stop.notify_one();
                        Ok(())
                    }
                }
            }
            StreamDecoder::Jpeg(offer) => {
                let SourceContext { limits, pool, .. } = &self.context;
                let image = jpeg::decode(&data, limits, pool).map_err(|what| {
                    pictures.inside.remove_last();
                    damaged(what)
                })?;
                let coded = offer.jpeg(|| data.into(), image.width(), image.height());
                if let Some(frame) = pictures.inside.last_mut() {
                    frame.coded = coded;
                }
                pictures.ready.push_back(Picture::new(image, Some(pts)));
                Ok(())
            }
        }
    }

    /// Sets the age of a picture and its coded data, and makes its time stamp rise.
    fn finish(&mut self, mut picture: Picture) -> Picture {
        if let Some(pts) = picture.pts {
            if let Some(FrameInside { arrived, coded }) = self.pictures.inside.leave(&pts) {
                picture.age = self.inbox.age_of(arrived);
                picture.coded = with_size(coded, &picture.image);
            }
            picture.pts = Some(self.pictures.pts.next(pts));
        }
        picture
    }

    /// Returns an error if frames have come without a key frame. After too long, the stream ends.
    fn check_key_frame(&mut self) -> Result<(), SourceError> {
        let Some(after) = self.key_frames.watch.take() else { return Ok(()) };
        let input = self.info.name.clone();
        if after < self.key_frames.timeout {
            return Err(SourceError::AwaitingKeyFrame { input, after });
        }
        let what =
            format!("no key frame within {after:.1?}: set a shorter interval of key frames (I frames)");
        self.stop.notify_one();
        self.end(Some(SourceError::disconnected(input, what)));
        Ok(())
    }

    /// Ends the stream. If it failed, the pictures inside the decoder still come.
    fn end(&mut self, error: Option<SourceError>) {
        if let (Some(_), StreamDecoder::Video(decoder, _)) = (&error, &mut self.decoder) {
            decoder.flush(&mut self.pictures.decoded);
            self.pictures.ready.extend(self.pictures.decoded.drain(..));
        }
        self.ending = error;
        self.ended = true;
    }
}

impl FrameSource for Rtsp {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if self.inbox.is_cancelled() {
                return Ok(None);
            }
            if let Some(what) = self.notice.take() {
                return Err(SourceError::notice(self.info.name.clone(), what));
            }
            if let Some(picture) = self.pictures.ready.pop_front() {
                return Ok(Some(self.finish(picture)));
            }
            if let StreamDecoder::Video(decoder, _) = &mut self.decoder {
                let frames = decoder.take_lost();
                if frames > 0 {
                    let what = LOST_IN_DECODER.into();
                    let loss = Loss { frames, reason: DropReason::Undecodable, what };
                    return Err(loss.into_error(&self.info.name));
                }
            }
            if self.ended {
                return self.ending.take().map_or(Ok(None), Err);
            }
            match self.inbox.recv_timeout(RECV_TIMEOUT) {
                Ok(FrameOrLoss::Frame(frame)) => self.decode(frame.item, frame.at)?,
                Ok(FrameOrLoss::Loss(loss)) => return Err(loss.into_error(&self.info.name)),
                Err(RecvError::TimedOut(_)) => self.check_key_frame()?,
                Err(RecvError::Closed(error)) => self.end(error),
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let stop = Arc::clone(&self.stop);
        Some(self.inbox.cancel_handle(move || stop.notify_one()))
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        match &mut self.decoder {
            StreamDecoder::Video(_, offer) => offer.iter_mut().for_each(|offer| offer.set_demand(demand)),
            StreamDecoder::Jpeg(offer) => offer.set_demand(demand),
        }
    }
}

impl Drop for Rtsp {
    fn drop(&mut self) {
        self.inbox.cancel();
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, the stream has ended with that as its error.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Rtsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtsp").field("info", &self.info).finish_non_exhaustive()
    }
}
