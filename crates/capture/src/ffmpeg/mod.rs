//! Whatever an installed ffmpeg program reads.

mod child;
mod command;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod log;
mod nut;

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby_types::{
    Buffer, CancelHandle, Clock, ColorSpace, DropReason, FramePool, FrameSource, Image, Picture, PixelLayout,
    SourceError, SourceInfo, SystemClock,
};

use crate::address::hide;
use crate::inbox::{Inbox, Kind, Room, Taken};
use crate::limits::DecodeLimits;
use crate::rising::Rising;
use crate::transport::RtspTransport;
use child::Process;
use log::Log;
use nut::Nut;

/// Pictures of a live source that may wait.
const WAITING: usize = 4;
/// How long a program whose pictures have ended may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// How long the threads that read from a program may take to end after it.
const AFTER: Duration = Duration::from_millis(200);
/// How often a wait for a file's picture looks whether it is to end.
const TICK: Duration = Duration::from_millis(25);
/// How long the first picture waits for its colours, which come another way.
const COLORS: Duration = Duration::from_secs(1);

/// How an [`Ffmpeg`] source is read.
#[derive(Clone)]
pub struct FfmpegSettings {
    /// The program: a name that is looked for in `PATH`, or a path. `ffmpeg` by default.
    pub program: PathBuf,
    /// What decodes, as `-hwaccel` has it: `auto`, `vaapi`, `cuda`, … `None`, the default: the processor.
    pub hwaccel: Option<String>,
    /// Threads that decode. 1 by default, since the cameras are the parallelism; 0: as many as ffmpeg likes.
    pub threads: usize,
    /// The input's format where ffmpeg cannot tell it from the content, as its `-f` has it: `v4l2`, `lavfi`, ….
    pub format: Option<String>,
    /// How packets come from `rtsp://`. TCP by default.
    pub transport: RtspTransport,
    /// More options for the input, as they stand before ffmpeg's `-i`.
    pub options: Vec<String>,
    /// How long it may take until the first picture is there. 8 s by default: ffmpeg itself looks at a stream for up to 5.
    pub connect: Duration,
    /// How old a live picture may get before it is dropped, from when ffmpeg gave it. 500 ms by default.
    pub age: Duration,
    /// How long a picture is waited for before the program is ended. 30 s by default.
    pub stall: Duration,
    /// What keeps memory bounded: `video_pixels` counts.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
    /// What tells the age.
    pub clock: Arc<dyn Clock>,
}

impl Default for FfmpegSettings {
    fn default() -> Self {
        Self {
            program: "ffmpeg".into(),
            hwaccel: None,
            threads: 1,
            format: None,
            transport: RtspTransport::default(),
            options: Vec::new(),
            connect: Duration::from_secs(8),
            age: Duration::from_millis(500),
            stall: Duration::from_secs(30),
            limits: DecodeLimits::default(),
            pool: FramePool::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// Without the options, which may hold a password.
impl fmt::Debug for FfmpegSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FfmpegSettings")
            .field("program", &self.program)
            .field("hwaccel", &self.hwaccel)
            .field("threads", &self.threads)
            .field("format", &self.format)
            .field("transport", &self.transport)
            .field("connect", &self.connect)
            .field("age", &self.age)
            .field("stall", &self.stall)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A video or camera that an ffmpeg program, version 4.3 or later, decodes in a process of its own: other codecs,
/// containers and protocols than this crate knows, and decoding by hardware.
///
/// Pictures are `I420`, upright, with the stream's colour space (BT.601 with limited range where it says nothing); 4:2:0
/// with 8 bits comes as it was decoded, and everything else is converted to that by ffmpeg. Where the size changes within
/// the stream, ffmpeg scales what follows to the first one. Times count from the first picture, to a microsecond.
///
/// What ffmpeg could not decode is [`SourceError::Lost`], as far as it says so; it gives pictures with traces of damage
/// without a word. A file that is cut off ends with [`SourceError::Truncated`] where ffmpeg notices, and one at which
/// ffmpeg fails with [`SourceError::Io`] and ffmpeg's last complaint. Errors hold no credentials; but while it runs, other
/// users of the machine may see them in the list of processes, as ffmpeg takes its input by the command line.
///
/// The program ends when the source is dropped, interrupted, or gave nothing for [`FfmpegSettings::stall`]. Where the
/// program is a script that leaves a process behind which holds its output, the threads that read are left behind, too,
/// until that ends.
pub struct Ffmpeg {
    info: SourceInfo,
    running: Running,
    size: (u32, u32),
    color: ColorSpace,
    settings: FfmpegSettings,
    given: u64,
    times: Rising,
    ended: bool,
    /// What is told at the end, when what was lost has been told.
    ending: Option<SourceError>,
}

/// The program and the threads that read from it.
struct Running {
    process: Arc<Process>,
    log: Arc<Log>,
    pictures: Pictures,
    /// What was wrong with the stream of pictures.
    broken: Arc<OnceLock<io::Error>>,
    interrupted: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Where pictures wait. Those of a file wait for their taker, and ffmpeg with them; those of a camera do not.
enum Pictures {
    File(Receiver<Raw>),
    Live(Arc<Inbox<Raw>>),
}

enum Outlet {
    File(SyncSender<Raw>),
    Live(Arc<Inbox<Raw>>),
}

/// A picture's bytes.
#[derive(Debug)]
struct Raw {
    bytes: Buffer,
    pts: Duration,
}

/// What came of looking for the next picture.
enum Got {
    Picture(Raw, Duration),
    Lost(u64, DropReason, String),
    Nothing,
    End,
}

impl Ffmpeg {
    /// Opens a file. Nothing of it is lost: ffmpeg waits for whoever reads. The name stands for the file alone, also where
    /// it begins with `-` or looks like an address.
    ///
    /// # Errors
    /// [`SourceError::Io`] and [`SourceError::Empty`] for what the system refuses, [`SourceError::Unsupported`] where there
    /// is no ffmpeg program, with what installs it, or where it lacks what the input needs, [`SourceError::Malformed`] for
    /// what it cannot read, with its words, [`SourceError::TooLarge`] for a video beyond the limits, and
    /// [`SourceError::Disconnected`] where no picture came in time.
    pub fn open(path: impl AsRef<Path>, settings: FfmpegSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let io = |cause| SourceError::io(path, cause);
        let data = File::open(path).and_then(|file| file.metadata()).map_err(io)?;
        if data.is_dir() {
            return Err(io(io::ErrorKind::IsADirectory.into()));
        }
        if data.is_file() && data.len() == 0 {
            return Err(SourceError::Empty { input: path.display().to_string() });
        }
        let input = path.display().to_string();
        let name = path.file_name().map_or_else(|| input.clone(), |n| n.to_string_lossy().into_owned());
        Self::start(&command::file(path.as_os_str()), input, name, false, settings)
    }

    /// Connects to a camera: anything that ffmpeg has a protocol or device for, as it stands after ffmpeg's `-i`. Pictures
    /// that are not taken in time are dropped and counted. The end of the stream is [`SourceError::Disconnected`].
    ///
    /// # Errors
    /// As [`Ffmpeg::open`]; [`SourceError::Denied`] where name or password are wrong, and [`SourceError::Disconnected`]
    /// where the camera is not there or gives no picture in time.
    pub fn connect(input: &str, settings: FfmpegSettings) -> Result<Self, SourceError> {
        let name = hide(input);
        Self::start(OsStr::new(input), name.clone(), name, true, settings)
    }

    fn start(
        input: &OsStr,
        shown: String,
        name: String,
        live: bool,
        settings: FfmpegSettings,
    ) -> Result<Self, SourceError> {
        let mut begun = Err(io::ErrorKind::NotFound.into());
        for keep_times in command::KEEP_TIMES {
            begun = Running::start(input, live, keep_times, &settings);
            // Versions before 5.1 know another name of this option.
            if !matches!(&begun, Ok((running, None)) if running.lacks(keep_times)) {
                break;
            }
        }
        let (mut running, opened) = begun.map_err(|cause| missing(&shown, &cause, &settings.program))?;
        let Some((width, height)) = opened else {
            return Err(running.refusal(shown, live, settings.connect));
        };
        let (pixels, limit) = (width.saturating_mul(height), settings.limits.video_pixels);
        let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        let Some((width, height)) = size.filter(|(w, h)| pixels <= limit && *w.max(h) <= Image::MAX_SIDE)
        else {
            let what = format!("a video of {width}x{height} pixels");
            let limit = format!("{limit} pixels, {} a side", Image::MAX_SIDE);
            return Err(SourceError::TooLarge { input: shown, what, limit });
        };
        let color = running.log.color(COLORS).unwrap_or_default();
        let info = SourceInfo { name, live, frame_rate: running.log.rate(), frames: None };
        Ok(Self {
            info,
            running,
            size: (width, height),
            color,
            settings,
            given: 0,
            times: Rising::default(),
            ended: false,
            ending: None,
        })
    }

    /// A picture of these bytes.
    fn picture(&mut self, raw: Raw, age: Duration) -> Result<Picture, SourceError> {
        let (w, h) = self.size;
        let (row, rows) = PixelLayout::I420.plane_size(0, w, h);
        let (chroma, chroma_rows) = PixelLayout::I420.plane_size(1, w, h);
        let offsets = [0, row * rows, row * rows + chroma * chroma_rows];
        let strides = [row, chroma, chroma];
        let image = Image::from_planes(PixelLayout::I420, w, h, self.color, offsets, strides, raw.bytes)
            .map_err(|e| SourceError::Damaged {
                input: self.info.name.clone(),
                frame: self.given,
                what: e.to_string(),
            })?;
        let pts = self.times.give(raw.pts);
        self.given += 1;
        Ok(Picture { image, pts: Some(pts), age })
    }

    /// How it ended.
    fn over(&mut self) -> Option<SourceError> {
        let input = self.info.name.clone();
        if self.running.interrupted.load(Ordering::Acquire) {
            return None;
        }
        let what = self.running.end();
        match what {
            None if self.info.live => {
                Some(SourceError::Disconnected { input, what: "the stream has ended".into() })
            }
            None if self.running.log.partial() => {
                Some(SourceError::Truncated { input, frames: self.given, expected: None })
            }
            None => None,
            Some(what) if self.info.live => Some(SourceError::Disconnected { input, what }),
            Some(what) => {
                let cause = io::Error::other(format!("after {} frames: {what}", self.given));
                Some(SourceError::Io { input, cause })
            }
        }
    }
}

impl FrameSource for Ffmpeg {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let lost = |source: &Self, frames, reason, what| {
            Err(SourceError::Lost { input: source.info.name.clone(), frames, reason, what })
        };
        loop {
            if let Some((frames, what)) = self.running.log.undecoded() {
                return lost(self, frames, DropReason::Undecodable, what);
            }
            if self.ended {
                return self.ending.take().map_or(Ok(None), Err);
            }
            match self.running.next(self.settings.stall) {
                Got::Picture(raw, age) => return self.picture(raw, age).map(Some),
                Got::Lost(frames, reason, what) => return lost(self, frames, reason, what),
                Got::Nothing => {
                    self.running.process.kill();
                    self.ended = true;
                    return Err(SourceError::Stalled {
                        input: self.info.name.clone(),
                        after: self.settings.stall,
                    });
                }
                Got::End => {
                    self.ending = self.over();
                    self.ended = true;
                }
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let process = Arc::downgrade(&self.running.process);
        let interrupted = Arc::clone(&self.running.interrupted);
        let inbox = match &self.running.pictures {
            Pictures::Live(inbox) => Some(Arc::downgrade(inbox)),
            Pictures::File(_) => None,
        };
        Some(CancelHandle::new(move || {
            interrupted.store(true, Ordering::Release);
            if let Some(process) = process.upgrade() {
                process.kill();
            }
            if let Some(inbox) = inbox.as_ref().and_then(std::sync::Weak::upgrade) {
                inbox.interrupt();
            }
        }))
    }
}

impl fmt::Debug for Ffmpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ffmpeg").field("info", &self.info).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Running {
    /// Starts the program and waits for its first picture: gives their size, or nothing where none came in time.
    fn start(
        input: &OsStr,
        live: bool,
        keep_times: &str,
        settings: &FfmpegSettings,
    ) -> io::Result<(Self, Option<(u64, u64)>)> {
        let command = command::command(input, live, keep_times, settings);
        let (process, out, err) = Process::start(command)?;
        let process = Arc::new(process);
        let (log, log_thread) = Log::spawn(input.to_string_lossy().into_owned(), err)?;
        let (outlet, pictures) = if live {
            let room = Room { frames: WAITING, bytes: usize::MAX, age: settings.age };
            let inbox = Inbox::new(room, Arc::clone(&settings.clock));
            (Outlet::Live(Arc::clone(&inbox)), Pictures::Live(inbox))
        } else {
            let (sender, receiver) = sync_channel(1);
            (Outlet::File(sender), Pictures::File(receiver))
        };
        let broken = Arc::new(OnceLock::new());
        let (tell, told) = sync_channel(1);
        let reader = Reader { pool: settings.pool.clone(), limit: settings.limits.video_pixels };
        let fault = Arc::clone(&broken);
        let run = move || {
            if let Err(e) = reader.run(out, &outlet, &tell) {
                let _ = fault.set(e);
            }
            // What waits on the other side is woken after the fault is known: the outlet goes last.
            drop(outlet);
        };
        let mut running = Self {
            process,
            log,
            pictures,
            broken,
            interrupted: Arc::new(AtomicBool::new(false)),
            threads: vec![log_thread],
        };
        running.threads.push(thread::Builder::new().name("capture-ffmpeg".into()).spawn(run)?);
        let opened = told.recv_timeout(settings.connect).ok();
        Ok((running, opened))
    }

    /// The next picture, as far as one comes within `patience`.
    fn next(&self, patience: Duration) -> Got {
        match &self.pictures {
            Pictures::File(receiver) => {
                let end = Instant::now() + patience;
                loop {
                    let left = end.saturating_duration_since(Instant::now());
                    let raw = receiver.recv_timeout(left.min(TICK));
                    // What was ready when somebody wanted it to end is not given.
                    if self.interrupted.load(Ordering::Acquire) {
                        return Got::End;
                    }
                    match raw {
                        Ok(raw) => return Got::Picture(raw, Duration::ZERO),
                        Err(RecvTimeoutError::Timeout) if left.is_zero() => return Got::Nothing,
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => return Got::End,
                    }
                }
            }
            Pictures::Live(inbox) => match inbox.take(patience) {
                Taken::Frame(frame) => Got::Picture(frame.item, inbox.age_of(frame.at)),
                Taken::Lost(frames, reason, what) => Got::Lost(frames, reason, what),
                Taken::Nothing => Got::Nothing,
                Taken::Over(_) => Got::End,
            },
        }
    }

    /// Waits for the program's end. What it died of, where it was no good end.
    fn end(&mut self) -> Option<String> {
        let status = self.process.end(GRACE);
        // Everything that was said has been read when this thread is through.
        self.threads.drain(..).for_each(|thread| child::join(thread, AFTER));
        let said = self.log.complaint().0;
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match (status, self.broken.get()) {
            (_, Some(e)) if e.kind() == io::ErrorKind::InvalidData => {
                Some(format!("ffmpeg gave no pictures ({e}){said}"))
            }
            (Some(status), None) if status.success() => None,
            (Some(status), _) => Some(format!("ffmpeg ended with {status}{said}")),
            (None, _) => Some(format!("ffmpeg did not end after its last picture{said}")),
        }
    }

    /// Whether the program has ended since it does not know an option.
    fn lacks(&self, option: &str) -> bool {
        // A program that waits for a slow input has not ended, and has said nothing of the kind.
        if self.broken.get().is_none() {
            return false;
        }
        self.log.finish(GRACE);
        let said = self.log.complaint().1;
        said.contains("Unrecognized option") && said.contains(option.trim_start_matches('-'))
    }

    /// Why there is no picture at all.
    fn refusal(&mut self, input: String, live: bool, patience: Duration) -> SourceError {
        let late = self.broken.get().is_none();
        if late {
            self.process.kill();
        }
        let ended = self.end().unwrap_or_else(|| "no pictures".into());
        let (last, all) = self.log.complaint();
        let says = |texts: &[&str]| texts.iter().any(|text| all.contains(text));
        if late {
            let said = if last.is_empty() { last } else { format!(" ({last})") };
            let what = format!("ffmpeg gave no picture within {patience:.1?}{said}");
            return SourceError::Disconnected { input, what };
        }
        if says(&["401 Unauthorized", "403 Forbidden", "authorization failed"]) {
            return SourceError::Denied { input, what: last };
        }
        if says(&["matches no streams", "does not contain any stream"]) {
            return SourceError::Malformed { input, what: "no video track (ffmpeg)".into() };
        }
        const LACKS: [&str; 8] = [
            "Protocol not found",
            "Unknown decoder",
            "Decoder not found",
            "no decoder found",
            "not found for input stream",
            "Unknown input format",
            "Unrecognized option",
            "Option not found",
        ];
        if says(&LACKS) {
            return SourceError::Unsupported { input, what: format!("input for this ffmpeg: {last}") };
        }
        if live {
            return SourceError::Disconnected { input, what: ended };
        }
        SourceError::Malformed { input, what: ended }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill();
        match &mut self.pictures {
            Pictures::Live(inbox) => inbox.interrupt(),
            // A reader that waits for its picture to be taken finds that nobody will.
            Pictures::File(receiver) => *receiver = sync_channel(1).1,
        }
        self.process.end(AFTER);
        self.threads.drain(..).for_each(|thread| child::join(thread, AFTER));
    }
}

/// What the thread that reads pictures works with.
struct Reader {
    pool: FramePool,
    limit: u64,
}

impl Reader {
    /// Reads everything, and tells the pictures' size when it is known. `Ok`: the stream has ended, or nobody wants more.
    fn run(&self, from: ChildStdout, outlet: &Outlet, tell: &SyncSender<(u64, u64)>) -> io::Result<()> {
        let mut nut = Nut::open(BufReader::with_capacity(64 << 10, from))?;
        let (width, height) = nut.size();
        let _ = tell.send((width, height));
        let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        let Some((w, h)) = sides.filter(|_| width.saturating_mul(height) <= self.limit) else {
            return Ok(());
        };
        let len = PixelLayout::I420.tight_len(w, h);
        let mut first = None;
        while let Some(head) = nut.next()? {
            if head.size != len as u64 {
                let what = format!("a picture of {} bytes where {len} belong", head.size);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let mut bytes = self.pool.take(len);
            nut.read(head, &mut bytes)?;
            let pts = nut.time(head.pts, *first.get_or_insert(head.pts));
            let raw = Raw { bytes, pts };
            let wanted = match outlet {
                Outlet::File(sender) => sender.send(raw).is_ok(),
                Outlet::Live(inbox) => inbox.push(raw, Kind::Key, len).is_continue(),
            };
            if !wanted {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Self::Live(inbox) = self {
            inbox.end(None);
        }
    }
}

/// Why the program does not start.
fn missing(input: &str, cause: &io::Error, program: &Path) -> SourceError {
    if cause.kind() != io::ErrorKind::NotFound {
        let cause = io::Error::new(cause.kind(), format!("the program {}: {cause}", program.display()));
        return SourceError::Io { input: input.to_owned(), cause };
    }
    let what = format!(
        "without the program {}, which is not there; install it (apt install ffmpeg, dnf install ffmpeg, brew install \
         ffmpeg, winget install ffmpeg)",
        program.display()
    );
    SourceError::Unsupported { input: input.to_owned(), what }
}
