//! Reads inputs with an installed ffmpeg program.

mod allowed;
mod command;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod hidden_address;
mod log;
mod nut;
mod process;
mod reader;
mod running;
mod settings;

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use passerby_types::{
    CancelHandle, ColorSpace, DropReason, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
};

use crate::credentials::hide_credentials;
use crate::file::regular_file::source_name;
use crate::handover::RecvError;
use crate::live::certificates::AcceptedCertificates;
use crate::live::inbox::{FrameOrLoss, Loss};
use crate::monotonic_pts::MonotonicPts;
use allowed::{Allowed, V4L2_PREFIX, scheme};
use command::{NEW_PASSTHROUGH, OLD_PASSTHROUGH, file_input, has_scheme};
use reader::RawPicture;
use running::{PictureReceiver, RunningFfmpeg};
pub use settings::FfmpegSettings;

/// How long the first picture waits for its colour space, which comes through the log.
const COLOR_TIMEOUT: Duration = Duration::from_secs(1);

/// A video or camera that an installed ffmpeg program (version 4.3 or later) decodes in a process of its own.
///
/// It reads codecs, containers and protocols that this crate doesn't know, and can decode in hardware.
///
/// Pictures are `I420` and upright. They have the stream's colour space, or BT.601 with limited range if the stream doesn't
/// declare one. 4:2:0 with 8 bits stays as it was decoded, and ffmpeg converts everything else to that. If the size changes
/// within the stream, ffmpeg scales later pictures to the first size. Times count from the first picture, in microseconds.
///
/// If ffmpeg reports that it couldn't decode pictures, they are [`SourceError::Lost`]. It returns pictures with traces of
/// damage without a report. If ffmpeg notices that a file is cut off, the file ends with [`SourceError::Truncated`]. If
/// ffmpeg fails at a file, the file ends with [`SourceError::Io`] and ffmpeg's last message. Errors hold no credentials.
/// On Unix, ffmpeg from version 5.0 on gets an address with a login or a query through a pipe, so other users of the machine cannot
/// see it in the list of processes. They may see it with older versions, on other systems, and with a format or options of your
/// own.
///
/// Formats and protocols are on an allow-list: containers, streams and devices. Others may read other files, load libraries or write
/// files, and need [`FfmpegSettings::unrestricted`]. Certificates are checked ([`FfmpegSettings::certificates`]).
///
/// On Unix the program also ends when this process is killed. The program ends when the source is dropped or cancelled, or gives nothing for [`FfmpegSettings::stall_timeout`]. If the
/// program is a script that leaves a process behind, and that process holds the script's output, the reading threads are left
/// behind, too, until that process ends.
///
/// ```no_run
/// use passerby_capture::{Ffmpeg, FfmpegSettings};
/// use passerby_types::FrameSource;
///
/// let mut video = Ffmpeg::open("holiday.mkv", FfmpegSettings::default())?;
/// for picture in video.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Ffmpeg {
    info: SourceInfo,
    /// The path or address as it stands in errors.
    input: String,
    running: RunningFfmpeg,
    size: (u32, u32),
    color: ColorSpace,
    stall_timeout: Duration,
    /// The pictures returned until now.
    returned: u64,
    pts: MonotonicPts,
    ended: bool,
    /// The error to return at the end, after all losses.
    ending: Option<SourceError>,
}

impl Ffmpeg {
    /// Opens a file.
    ///
    /// No picture is dropped: ffmpeg waits until a picture is taken. The name always means a file, even if it begins with
    /// `-` or looks like an address.
    ///
    /// # Errors
    /// [`SourceError::Io`] and [`SourceError::Empty`] if the system refuses the file or it is empty;
    /// [`SourceError::Unsupported`] if there is no ffmpeg program, with the commands that install it, or if it cannot read
    /// the format; [`SourceError::Malformed`] if ffmpeg fails, with its message; [`SourceError::TooLarge`] if the video
    /// exceeds the limits; [`SourceError::Disconnected`] if no picture came in time.
    #[expect(clippy::needless_pass_by_value, reason = "every source takes its settings by value")]
    pub fn open(path: impl AsRef<Path>, settings: FfmpegSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let io = |cause| SourceError::io(path, cause);
        let metadata = File::open(path).and_then(|file| file.metadata()).map_err(io)?;
        if metadata.is_dir() {
            return Err(io(io::ErrorKind::IsADirectory.into()));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(SourceError::Empty { input: path.display().to_string() });
        }
        let input = path.display().to_string();
        let name = source_name(path);
        Self::start(&file_input(path.as_os_str()), input, name, false, &settings)
    }

    /// Connects to a camera.
    ///
    /// `input` is anything that ffmpeg has a protocol or device for, as it would stand behind ffmpeg's `-i`. Pictures that
    /// aren't taken in time are dropped and counted. The end of the stream is [`SourceError::Disconnected`].
    ///
    /// # Errors
    /// As [`Ffmpeg::open`]. [`SourceError::Denied`] if the name or password is wrong. [`SourceError::Disconnected`] if the
    /// camera isn't there or gives no picture in time.
    #[expect(clippy::needless_pass_by_value, reason = "every source takes its settings by value")]
    pub fn connect(input: &str, settings: FfmpegSettings) -> Result<Self, SourceError> {
        let name = hide_credentials(input);
        if has_scheme(OsStr::new(input), &["rtsps"]) && settings.certificates != AcceptedCertificates::Any {
            let what = "rtsps:// through ffmpeg, which does not check the camera's certificate; leave out ffmpeg: (feature \
                        `tls`), or accept every certificate (#certificate=any)";
            return Err(SourceError::unsupported(name, what));
        }
        let is_path = settings.format.is_none() && scheme(input).is_none() && !input.starts_with(V4L2_PREFIX);
        let input = if is_path { file_input(OsStr::new(input)) } else { input.into() };
        Self::start(&input, name.clone(), name, true, &settings)
    }

    fn start(
        input: &OsStr,
        shown: String,
        name: String,
        live: bool,
        settings: &FfmpegSettings,
    ) -> Result<Self, SourceError> {
        let allowed = Allowed::new(input, settings);
        let allowed = allowed.map_err(|what| SourceError::unsupported(shown.clone(), what))?;
        let mut started = Err(io::ErrorKind::NotFound.into());
        // Versions before 5.0 cannot hide an address, and versions before 5.1 know another name of the option.
        for (option, hide) in [(NEW_PASSTHROUGH, true), (OLD_PASSTHROUGH, true), (OLD_PASSTHROUGH, false)] {
            started = RunningFfmpeg::start(input, live, option, allowed.as_ref(), settings, hide);
            let is_old = matches!(&started, Ok((running, None)) if running.lacks_option(option) || running.lacks_hiding());
            if !is_old {
                break;
            }
        }
        let (mut running, size) = started.map_err(|cause| start_error(&shown, &cause, &settings.program))?;
        let Some((width, height)) = size else {
            return Err(running.refusal(shown, live, settings.connect_timeout));
        };
        let limit = settings.context.limits.video_pixels;
        let fits = width.saturating_mul(height) <= limit;
        let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        let Some(size) = sides.filter(|(w, h)| fits && *w.max(h) <= Image::MAX_SIDE) else {
            let what = format!("a video of {width}x{height} pixels");
            let limit = format!("{limit} pixels, {} a side", Image::MAX_SIDE);
            return Err(SourceError::TooLarge { input: shown, what, limit });
        };
        let color = running.log.color(COLOR_TIMEOUT).unwrap_or_default();
        let info = SourceInfo { name, live, frame_rate: running.log.rate(), ..SourceInfo::default() };
        Ok(Self {
            info,
            input: shown,
            running,
            size,
            color,
            stall_timeout: settings.stall_timeout,
            returned: 0,
            pts: MonotonicPts::default(),
            ended: false,
            ending: None,
        })
    }

    /// Converts the bytes of a picture.
    fn picture(&mut self, raw: RawPicture, age: Duration) -> Result<Picture, SourceError> {
        let (width, height) = self.size;
        let (luma_row, luma_rows) = PixelLayout::I420.plane_size(0, width, height);
        let (chroma_row, chroma_rows) = PixelLayout::I420.plane_size(1, width, height);
        let luma_len = luma_row * luma_rows;
        let offsets = [0, luma_len, luma_len + chroma_row * chroma_rows];
        let strides = [luma_row, chroma_row, chroma_row];
        let layout = PixelLayout::I420;
        let image = Image::from_planes(layout, width, height, self.color, offsets, strides, raw.bytes)
            .map_err(|e| SourceError::Damaged {
                input: self.input.clone(),
                frame: self.returned,
                what: e.to_string(),
            })?;
        let pts = self.pts.next(raw.pts);
        self.returned += 1;
        Ok(Picture { age, ..Picture::new(image, Some(pts)) })
    }

    /// Returns the error with which the stream ended, or `None` for a normal end.
    fn ending(&mut self) -> Option<SourceError> {
        let input = self.input.clone();
        if self.running.cancelled.load(Ordering::Acquire) {
            return None;
        }
        match self.running.wait_for_exit() {
            None if self.info.live => Some(SourceError::disconnected(input, "the stream has ended")),
            None if self.running.log.is_truncated() => {
                Some(SourceError::Truncated { input, frames: self.returned, expected: None })
            }
            None => None,
            Some(what) if self.info.live => Some(SourceError::disconnected(input, what)),
            Some(what) => {
                let cause = io::Error::other(format!("after {} frames: {what}", self.returned));
                Some(SourceError::Io { input, cause })
            }
        }
    }
}

impl FrameSource for Ffmpeg {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if let Some((frames, what)) = self.running.log.take_undecoded() {
                let loss = Loss { frames, reason: DropReason::Undecodable, what };
                return Err(loss.into_error(&self.input));
            }
            if self.ended {
                return self.ending.take().map_or(Ok(None), Err);
            }
            match self.running.recv_timeout(self.stall_timeout) {
                Ok(FrameOrLoss::Frame((raw, age))) => return self.picture(raw, age).map(Some),
                Ok(FrameOrLoss::Loss(loss)) => return Err(loss.into_error(&self.input)),
                Err(RecvError::TimedOut(after)) => {
                    self.running.process.kill();
                    self.ended = true;
                    return Err(SourceError::Stalled { input: self.input.clone(), after });
                }
                Err(RecvError::Closed(_)) => {
                    self.ending = self.ending();
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
        let cancelled = Arc::clone(&self.running.cancelled);
        let inbox = match &self.running.pictures {
            PictureReceiver::Live(inbox) => Some(Arc::downgrade(inbox)),
            PictureReceiver::File(_) => None,
        };
        Some(CancelHandle::new(move || {
            cancelled.store(true, Ordering::Release);
            if let Some(process) = process.upgrade() {
                process.kill();
            }
            if let Some(inbox) = inbox.as_ref().and_then(std::sync::Weak::upgrade) {
                inbox.cancel();
            }
        }))
    }
}

impl fmt::Debug for Ffmpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ffmpeg")
            .field("info", &self.info)
            .field("returned", &self.returned)
            .finish_non_exhaustive()
    }
}

/// Returns the error for a program that cannot be started.
fn start_error(input: &str, cause: &io::Error, program: &Path) -> SourceError {
    if cause.kind() != io::ErrorKind::NotFound {
        let cause = io::Error::new(cause.kind(), format!("the program {}: {cause}", program.display()));
        return SourceError::Io { input: input.to_owned(), cause };
    }
    let what = format!(
        "without the program {}, which is not installed; install it (apt install ffmpeg, dnf install ffmpeg, brew \
         install ffmpeg, winget install ffmpeg)",
        program.display()
    );
    SourceError::unsupported(input.to_owned(), what)
}
