//! Network cameras that speak RTSP.

#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod intake;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, FramePool, FrameSource, Picture, SourceError, SourceInfo, SystemClock, Timestamp,
};
use retina::client::SessionGroup;
use tokio::sync::Notify;
use tokio::time::timeout;

use self::intake::{Coded, Intake};
use crate::address::Address;
use crate::decode::{Decoder, Decoding, fatal};
use crate::h264::{AccessUnit, DecodeError};
use crate::inbox::{Inbox, Room, Taken};
use crate::jpeg;
use crate::limits::DecodeLimits;
use crate::rising::Rising;
use crate::transport::RtspTransport;

/// Frames and bytes that may wait for the decoder. The age is what bounds them in practice.
const FRAMES: usize = 256;
const BYTES: usize = 64 << 20;
/// How long one look into the inbox lasts.
const PATIENCE: Duration = Duration::from_secs(1);
/// More pictures than a decoder may hold back.
const INSIDE: usize = 32;

/// How an [`Rtsp`] camera is read.
#[derive(Clone)]
pub struct RtspSettings {
    /// How packets come. TCP by default.
    pub transport: RtspTransport,
    /// Which decoder to use for H.264.
    pub decoder: Decoder,
    /// What happens after a loss. False, the default: frames up to the next key frame, which would show traces of it,
    /// are dropped and counted, too. True: they are given; needed for encoders that send no key frames but refresh
    /// pictures bit by bit.
    pub damage: bool,
    /// How long connecting may take, until the camera has agreed to play. 5 s by default.
    pub connect: Duration,
    /// How old a frame may get before it is decoded. What is older is dropped and counted. 500 ms by default.
    pub age: Duration,
    /// What keeps memory bounded.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
    /// What tells the age.
    pub clock: Arc<dyn Clock>,
}

impl Default for RtspSettings {
    fn default() -> Self {
        Self {
            transport: RtspTransport::default(),
            decoder: Decoder::default(),
            damage: false,
            connect: Duration::from_secs(5),
            age: Duration::from_millis(500),
            limits: DecodeLimits::default(),
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for RtspSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtspSettings")
            .field("transport", &self.transport)
            .field("decoder", &self.decoder)
            .field("damage", &self.damage)
            .field("connect", &self.connect)
            .field("age", &self.age)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    H264,
    Jpeg,
}

/// A camera that speaks RTSP (RFC 2326), with H.264 (RFC 6184) or JPEG (RFC 2435).
///
/// Pictures of H.264 are `I420`, as those of [`Video`](crate::Video), those of JPEG `Rgb8` or `Gray8`. Their size may
/// change from one to the next. The stream begins with its first key frame, and time stamps count from there, by the
/// camera's clock; they go on rising when that is set. Other streams, sound above all, are not asked for. A picture comes
/// as soon as its order is known ([`RustyDecoder::low_delay`](crate::RustyDecoder::low_delay)).
///
/// A thread of its own receives, so that a slow reader never delays what arrives: frames that are too old by
/// [`RtspSettings::age`] are dropped before they are decoded, from key frame to key frame, and counted as
/// [`DropReason::Stale`](passerby_types::DropReason::Stale). What the network loses counts as
/// [`DropReason::Network`](passerby_types::DropReason::Network); how many frames a gap held is told by the time stamps, and
/// is exact where the camera keeps a steady rate and reorders none, and one at least else.
///
/// The end of the stream, an RTCP BYE and a connection that breaks are [`SourceError::Disconnected`], once, after the
/// pictures until then. Silence is none of these: reading waits. Dropping it says goodbye to the camera, within a third of
/// a second.
///
/// A name and a password in the address are used when the camera asks for them (digest, or basic) and shown nowhere. RTSP
/// does not encrypt.
///
/// ```no_run
/// use passerby_capture::{Rtsp, RtspSettings};
/// use passerby_types::FrameSource;
///
/// let mut camera = Rtsp::connect("rtsp://viewer:secret@192.168.1.20/live", RtspSettings::default())?;
/// while let Some(picture) = camera.next_picture()? {
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Rtsp {
    info: SourceInfo,
    inbox: Arc<Inbox<Coded>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    pictures: Pictures,
    limits: DecodeLimits,
    pool: FramePool,
    decoded: Vec<Picture>,
    ready: VecDeque<Picture>,
    /// When the frames inside the decoder arrived, by their time stamps.
    inside: BTreeMap<Duration, Timestamp>,
    times: Rising,
    /// What ended it, to be told after the last pictures.
    ending: Option<SourceError>,
    over: bool,
}

/// What makes pictures.
enum Pictures {
    H264(Box<Decoding>),
    Jpeg,
}

/// What the receiving thread says of the session it has opened.
type Opened = Result<(Codec, Option<f64>), SourceError>;

impl Rtsp {
    /// Connects to a camera, `rtsp://name:password@camera:554/path`, and has it play.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] for what is no such address, [`SourceError::Denied`] where the camera wants another
    /// name or password, [`SourceError::Unsupported`] for other codecs and transports, with what would help, and for
    /// `rtsps`: trying again is of no use. [`SourceError::Disconnected`] for everything that may pass: no such host, no
    /// connection, no answer in time, an answer that makes no sense. [`SourceError::Io`] where the system has no thread.
    pub fn connect(url: &str, settings: RtspSettings) -> Result<Self, SourceError> {
        let address = Address::parse(url, &["rtsp", "rtsps"])?;
        let input = address.to_string();
        if address.url().scheme() == "rtsps" {
            let what = "RTSP over TLS (rtsps://); read it through ffmpeg (feature `ffmpeg`)".into();
            return Err(SourceError::Unsupported { input, what });
        }
        let decoding = || {
            Decoding::new(settings.decoder, true, settings.limits, settings.pool.clone())
                .map_err(|e| fatal(&input, e))
        };
        let h264 = decoding()?;
        let room = Room { frames: FRAMES, bytes: BYTES, age: settings.age };
        let inbox = Inbox::new(room, Arc::clone(&settings.clock));
        let stop = Arc::new(Notify::new());
        let (tell, told) = sync_channel(1);
        let receiver = Receiver {
            address,
            settings: settings.clone(),
            inbox: Arc::clone(&inbox),
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new()
            .name("capture-rtsp".into())
            .spawn(move || receiver.run(&tell))
            .map_err(|cause| SourceError::Io { input: input.clone(), cause })?;
        let gone = || SourceError::Disconnected { input: input.clone(), what: "the receiver failed".into() };
        let (codec, rate) = told.recv().unwrap_or_else(|_| Err(gone()))?;
        Ok(Self {
            info: SourceInfo { name: input, live: true, frame_rate: rate, frames: None },
            inbox,
            stop,
            thread: Some(thread),
            pictures: match codec {
                Codec::H264 => Pictures::H264(Box::new(h264)),
                Codec::Jpeg => Pictures::Jpeg,
            },
            limits: settings.limits,
            pool: settings.pool,
            decoded: Vec::new(),
            ready: VecDeque::new(),
            inside: BTreeMap::new(),
            times: Rising::default(),
            ending: None,
            over: false,
        })
    }

    /// Decodes one frame.
    fn decode(&mut self, coded: &Coded, at: Timestamp) -> Result<(), SourceError> {
        self.inside.insert(coded.pts, at);
        while self.inside.len() > INSIDE {
            self.inside.pop_first();
        }
        let input = &self.info.name;
        let damaged = |what| SourceError::Damaged { input: input.clone(), frame: coded.number, what };
        match &mut self.pictures {
            Pictures::H264(decoding) => {
                let unit = AccessUnit { data: &coded.data, pts: Some(coded.pts) };
                let result = decoding.decode(unit, &mut self.decoded);
                self.ready.extend(self.decoded.drain(..));
                match result {
                    Ok(()) => Ok(()),
                    Err(DecodeError::Damaged(what)) => Err(damaged(what)),
                    Err(e) => {
                        self.ending = Some(fatal(input, e));
                        self.over = true;
                        self.stop.notify_one();
                        Ok(())
                    }
                }
            }
            Pictures::Jpeg => {
                let image = jpeg::decode(&coded.data, &self.limits, &self.pool).map_err(damaged)?;
                self.ready.push_back(Picture::new(image, Some(coded.pts)));
                Ok(())
            }
        }
    }

    /// Gives a picture its age, and makes its time stamp rise.
    fn finish(&mut self, mut picture: Picture) -> Picture {
        if let Some(pts) = picture.pts {
            if let Some(at) = self.inside.remove(&pts) {
                picture.age = self.inbox.age_of(at);
            }
            picture.pts = Some(self.times.give(pts));
        }
        picture
    }

    /// Nothing more will be received.
    fn end(&mut self, error: Option<SourceError>) {
        if let (Some(_), Pictures::H264(decoding)) = (&error, &mut self.pictures) {
            decoding.flush(&mut self.decoded);
            self.ready.extend(self.decoded.drain(..));
        }
        self.ending = error;
        self.over = true;
    }
}

impl FrameSource for Rtsp {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if self.inbox.is_interrupted() {
                return Ok(None);
            }
            if let Some(picture) = self.ready.pop_front() {
                return Ok(Some(self.finish(picture)));
            }
            if self.over {
                return self.ending.take().map_or(Ok(None), Err);
            }
            match self.inbox.take(PATIENCE) {
                Taken::Frame(frame) => self.decode(&frame.item, frame.at)?,
                Taken::Lost(frames, reason, what) => {
                    return Err(SourceError::Lost { input: self.info.name.clone(), frames, reason, what });
                }
                Taken::Nothing => {}
                Taken::Over(error) => self.end(error),
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
}

impl Drop for Rtsp {
    fn drop(&mut self) {
        self.inbox.interrupt();
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it was told as the end of the stream.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Rtsp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rtsp").field("info", &self.info).finish_non_exhaustive()
    }
}

/// What the receiving thread works with.
struct Receiver {
    address: Address,
    settings: RtspSettings,
    inbox: Arc<Inbox<Coded>>,
    stop: Arc<Notify>,
}

impl Receiver {
    /// Connects, tells what came of it, and receives until the end.
    fn run(self, tell: &SyncSender<Opened>) {
        let input = self.address.to_string();
        // Its only thread beside this one looks up names.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = match runtime.enable_io().enable_time().thread_name("capture-rtsp-dns").build() {
            Ok(runtime) => runtime,
            Err(cause) => return drop(tell.send(Err(SourceError::Io { input, cause }))),
        };
        // Whatever a camera can make the protocol code panic at is the end of the stream.
        let work = || runtime.block_on(self.work(tell));
        let what = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| "the receiver panicked".into());
        self.inbox.end(Some(SourceError::Disconnected { input, what }));
        // A look-up of a name cannot be ended: its thread stays behind until the system has an answer.
        runtime.shutdown_background();
    }

    /// Says what ended the session.
    async fn work(&self, tell: &SyncSender<Opened>) -> String {
        let group = Arc::new(SessionGroup::default());
        let opening = session::open(&self.address, self.settings.transport, Arc::clone(&group));
        let limit = self.settings.connect;
        let opened = timeout(limit, opening).await.unwrap_or_else(|_| {
            let what = format!("no connection within {limit:.1?}");
            Err(SourceError::Disconnected { input: self.address.to_string(), what })
        });
        let what = match opened {
            Err(e) => {
                let _ = tell.send(Err(e));
                String::new()
            }
            Ok(playing) => {
                let _ = tell.send(Ok((playing.codec, playing.rate)));
                let RtspSettings { clock, damage, limits, .. } = &self.settings;
                let damage = *damage || playing.codec == Codec::Jpeg;
                let inbox = Arc::clone(&self.inbox);
                let mut intake = Intake::new(inbox, Arc::clone(clock), damage, limits.bytes, playing.rate);
                tokio::select! {
                    // First, so that no flood of packets is more urgent.
                    biased;
                    () = self.stop.notified() => "interrupted".into(),
                    what = playing.receive(&mut intake) => what,
                }
            }
        };
        let _ = timeout(session::GOODBYE, group.await_teardown()).await;
        what
    }
}
