//! A running ffmpeg program and the threads that read from it.

use std::ffi::OsStr;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby_types::SourceError;

use super::allowed::Allowed;
use super::command::build_command;
use super::log::Log;
use super::process::{Process, join_within};
use super::reader::{PictureReader, PictureSender, RawPicture};
use super::settings::FfmpegSettings;
use crate::handover::RecvError;
use crate::live::inbox::{FrameInbox, FrameOrLoss, InboxLimits};

/// The most pictures of a live source that wait.
const MAX_WAITING_PICTURES: usize = 4;
/// How long a program may take to end after its last picture.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the threads may take to end after their program.
const JOIN_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a wait for a file's picture checks for cancellation.
const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// A program with its threads. Dropping it kills the program.
pub(super) struct RunningFfmpeg {
    pub(super) process: Arc<Process>,
    pub(super) log: Arc<Log>,
    pub(super) pictures: PictureReceiver,
    /// The error in the stream of pictures, if there is one.
    stream_error: Arc<OnceLock<io::Error>>,
    pub(super) cancelled: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The other end of [`PictureSender`].
pub(super) enum PictureReceiver {
    File(Receiver<RawPicture>),
    Live(Arc<FrameInbox<RawPicture>>),
}

impl RunningFfmpeg {
    /// Starts the program and waits for its first picture.
    ///
    /// If `hide` is true, the arguments of the program do not show an address with secrets, if that is possible.
    ///
    /// Returns the picture's width and height, or `None` if no picture came in time.
    pub(super) fn start(
        input: &OsStr,
        live: bool,
        passthrough_option: &str,
        allowed: Option<&Allowed>,
        settings: &FfmpegSettings,
        hide: bool,
    ) -> io::Result<(Self, Option<(u64, u64)>)> {
        let built = build_command(input, live, passthrough_option, allowed, settings, hide);
        let (process, stdout, stderr) = Process::start(built.command, built.list.as_deref())?;
        let process = Arc::new(process);
        let (log, log_thread) = Log::spawn(input.to_string_lossy().into_owned(), stderr)?;
        let context = &settings.context;
        let (sender, pictures) = if live {
            let limits =
                InboxLimits { frames: MAX_WAITING_PICTURES, bytes: usize::MAX, max_age: settings.max_age };
            let inbox = FrameInbox::new(limits, Arc::clone(&context.clock));
            (PictureSender::Live(Arc::clone(&inbox)), PictureReceiver::Live(inbox))
        } else {
            let (sender, receiver) = sync_channel(1);
            (PictureSender::File(sender), PictureReceiver::File(receiver))
        };
        let stream_error = Arc::new(OnceLock::new());
        let (opened_sender, opened) = sync_channel(1);
        let reader = PictureReader { pool: context.pool.clone(), max_pixels: context.limits.video_pixels };
        let error = Arc::clone(&stream_error);
        let run = move || {
            if let Err(e) = reader.run(stdout, &sender, &opened_sender) {
                let _ = error.set(e);
            }
            // Dropping the sender wakes the receiver, so the error must be set before.
            drop(sender);
        };
        let mut running = Self {
            process,
            log,
            pictures,
            stream_error,
            cancelled: Arc::new(AtomicBool::new(false)),
            threads: vec![log_thread],
        };
        running.threads.push(thread::Builder::new().name("capture-ffmpeg".into()).spawn(run)?);
        let size = opened.recv_timeout(settings.connect_timeout).ok();
        Ok((running, size))
    }

    /// Returns the next picture with its age, or a loss. Waits for it up to `timeout`.
    pub(super) fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> Result<FrameOrLoss<(RawPicture, Duration)>, RecvError> {
        let receiver = match &self.pictures {
            PictureReceiver::File(receiver) => receiver,
            PictureReceiver::Live(inbox) => {
                return inbox.recv_timeout(timeout).map(|item| match item {
                    FrameOrLoss::Frame(frame) => {
                        let age = inbox.age_of(frame.at);
                        FrameOrLoss::Frame((frame.item, age))
                    }
                    FrameOrLoss::Loss(loss) => FrameOrLoss::Loss(loss),
                });
            }
        };
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let picture = receiver.recv_timeout(left.min(CANCEL_POLL_INTERVAL));
            // After a cancellation, a picture that is ready isn't returned.
            if self.cancelled.load(Ordering::Acquire) {
                return Err(RecvError::Closed(None));
            }
            match picture {
                Ok(picture) => return Ok(FrameOrLoss::Frame((picture, Duration::ZERO))),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(RecvError::TimedOut(timeout));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(RecvError::Closed(None)),
            }
        }
    }

    /// Waits for the program's end. Returns a description of the fault if the program failed.
    pub(super) fn wait_for_exit(&mut self) -> Option<String> {
        let status = self.process.wait_or_kill(EXIT_TIMEOUT);
        // When the log's thread has ended, the whole log was read.
        self.threads.drain(..).for_each(|thread| join_within(thread, JOIN_TIMEOUT));
        let said = self.log.complaint().0;
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        match (status, self.stream_error.get()) {
            (_, Some(e)) if e.kind() == io::ErrorKind::InvalidData => {
                Some(format!("ffmpeg gave no pictures ({e}){said}"))
            }
            (Some(status), None) if status.success() => None,
            (Some(status), _) => Some(format!("ffmpeg ended with {status}{said}")),
            (None, _) => Some(format!("ffmpeg did not end after its last picture{said}")),
        }
    }

    /// Returns true if the program has ended because it doesn't know an option.
    pub(super) fn lacks_option(&self, option: &str) -> bool {
        // Without an error in the stream, the program is still waiting for a slow input.
        if self.stream_error.get().is_none() {
            return false;
        }
        self.log.wait_for_end(EXIT_TIMEOUT);
        let said = self.log.complaint().1;
        said.contains("Unrecognized option") && said.contains(option.trim_start_matches('-'))
    }

    /// Returns true if the program has ended because its reader of lists doesn't know options, as before version 5.0.
    pub(super) fn lacks_hiding(&self) -> bool {
        self.stream_error.get().is_some() && {
            self.log.wait_for_end(EXIT_TIMEOUT);
            self.log.complaint().1.contains("unknown keyword 'option'")
        }
    }

    /// Ends the program, which gave no picture, and returns the reason as an error.
    pub(super) fn refusal(&mut self, input: String, live: bool, connect_timeout: Duration) -> SourceError {
        let is_late = self.stream_error.get().is_none();
        if is_late {
            self.process.kill();
        }
        let fault = self.wait_for_exit().unwrap_or_else(|| "no pictures".into());
        let (last, all) = self.log.complaint();
        let says = |texts: &[&str]| texts.iter().any(|text| all.contains(text));
        if is_late {
            let said = if last.is_empty() { last } else { format!(" ({last})") };
            let what = format!("ffmpeg gave no picture within {connect_timeout:.1?}{said}");
            return SourceError::disconnected(input, what);
        }
        if says(&["401 Unauthorized", "403 Forbidden", "authorization failed"]) {
            return SourceError::denied(input, last);
        }
        if says(&["matches no streams", "does not contain any stream"]) {
            return SourceError::malformed(input, "no video track (ffmpeg)");
        }
        if says(&["failed verification", "certificate verify failed", "The certificate is NOT trusted"]) {
            let what = "the camera's certificate is not accepted: name its PEM file (#certificate=FILE)";
            return SourceError::disconnected(input, format!("{what} ({last})"));
        }
        if says(&["Format not on whitelist", "not on whitelist"]) {
            let what =
                format!("format or protocol within it ({last}); if you trust it, add #unrestricted=on");
            return SourceError::unsupported(input, what);
        }
        const UNSUPPORTED: [&str; 8] = [
            "Protocol not found",
            "Unknown decoder",
            "Decoder not found",
            "no decoder found",
            "not found for input stream",
            "Unknown input format",
            "Unrecognized option",
            "Option not found",
        ];
        if says(&UNSUPPORTED) {
            return SourceError::unsupported(input, format!("input for this ffmpeg: {last}"));
        }
        if live {
            return SourceError::disconnected(input, fault);
        }
        SourceError::malformed(input, fault)
    }
}

impl Drop for RunningFfmpeg {
    fn drop(&mut self) {
        self.process.kill();
        match &mut self.pictures {
            PictureReceiver::Live(inbox) => inbox.cancel(),
            // This disconnects the channel, so that a waiting reader ends.
            PictureReceiver::File(receiver) => *receiver = sync_channel(1).1,
        }
        self.process.wait_or_kill(JOIN_TIMEOUT);
        self.threads.drain(..).for_each(|thread| join_within(thread, JOIN_TIMEOUT));
    }
}
