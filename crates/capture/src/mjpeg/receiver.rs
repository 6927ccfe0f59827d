//! The thread that receives pictures and puts them into the inbox.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby_types::{Buffer, DropReason, SourceError};

use super::http::{Client, Head};
use super::settings::MjpegSettings;
use super::stop_signal::StopSignal;
use crate::jpeg::multipart::{MultipartParser, Part};
use crate::live::address::Address;
use crate::live::inbox::{CodedFrameKind, FrameInbox};

/// One coded picture.
pub(super) struct CodedPicture {
    pub(super) bytes: Buffer,
    /// Its number, from 0.
    pub(super) number: u64,
}

/// Receives the pictures of one camera.
pub(super) struct Receiver {
    client: Client,
    name: String,
    inbox: Arc<FrameInbox<CodedPicture>>,
    stop: Arc<StopSignal>,
    delivery: Delivery,
    /// The first bytes of the body.
    start: Vec<u8>,
    period: Duration,
    max_bytes: usize,
    pictures: u64,
}

/// How the camera delivers its pictures.
enum Delivery {
    Multipart(MultipartParser),
    /// One after another without a separator, or only one.
    Bare,
    Single,
}

/// Ends the inbox when the thread ends, even if it panics. If the inbox has ended already, this has no effect.
struct EndOnDrop(Arc<FrameInbox<CodedPicture>>, String);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let what = "the receiving thread has failed";
        self.0.end(Some(SourceError::disconnected(std::mem::take(&mut self.1), what)));
    }
}

impl Receiver {
    /// Connects to the camera and finds out how it delivers its pictures.
    pub(super) fn connect(
        address: &Address,
        settings: &MjpegSettings,
        max_bytes: usize,
        inbox: Arc<FrameInbox<CodedPicture>>,
        stop: Arc<StopSignal>,
    ) -> Result<Self, SourceError> {
        let deadline = Instant::now() + settings.connect_timeout;
        let mut client = Client::new(address, settings, Arc::clone(&stop))?;
        let head = client.get()?;
        let mut start = Vec::new();
        let delivery = detect_delivery(&mut client, &head, max_bytes, &mut start, deadline)?;
        let rate = if settings.rate > 0.0 { settings.rate } else { MjpegSettings::DEFAULT_RATE };
        let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or_default();
        let name = address.to_string();
        Ok(Self { client, name, inbox, stop, delivery, start, period, max_bytes, pictures: 0 })
    }

    /// Receives until the connection ends or the inbox is cancelled.
    pub(super) fn run(mut self) {
        let _end = EndOnDrop(Arc::clone(&self.inbox), self.name.clone());
        let start = std::mem::take(&mut self.start);
        let result = match std::mem::replace(&mut self.delivery, Delivery::Single) {
            Delivery::Multipart(parser) => self.stream(parser, start),
            Delivery::Bare => self.bare(start),
            Delivery::Single => self.poll(start),
        };
        let error = match result {
            Ok(()) => None,
            // The stop signal ended the connection.
            Err(_) if self.stop.is_raised() => None,
            // A camera that responded once may do so again, unless the login is wrong.
            Err(e @ (SourceError::Denied { .. } | SourceError::Disconnected { .. })) => Some(e),
            Err(e) => Some(self.client.lost(e.to_string())),
        };
        self.inbox.end(error);
    }

    /// Reads one endless body.
    fn stream(&mut self, mut parser: MultipartParser, mut piece: Vec<u8>) -> Result<(), SourceError> {
        self.client.ignore_length();
        let mut found = Vec::new();
        loop {
            parser.push(&piece, &mut found);
            for part in found.drain(..) {
                if self.hand_over(part).is_break() {
                    return Ok(());
                }
            }
            piece.clear();
            let more = self.client.read(&mut piece, None);
            if !matches!(more, Ok(true)) && parser.is_in_picture() {
                self.inbox.lose(1, DropReason::Network, "the connection ended in a picture", false);
            }
            if !more? {
                return Err(self.client.lost("the camera ended the stream".into()));
            }
        }
    }

    /// Reads pictures without separators. If the body holds only one, asks for the next one.
    fn bare(&mut self, piece: Vec<u8>) -> Result<(), SourceError> {
        let result = self.stream(MultipartParser::bare(self.max_bytes), piece);
        if self.pictures != 1 || self.stop.is_raised() {
            return result;
        }
        self.client.close();
        self.stop.sleep(self.period);
        self.client.get()?;
        self.poll(Vec::new())
    }

    /// Asks for one picture after another. The response with the first one has begun.
    fn poll(&mut self, mut body: Vec<u8>) -> Result<(), SourceError> {
        let mut last = Buffer::default();
        let mut next = Instant::now() + self.period;
        loop {
            let mut fits = true;
            while fits && self.client.read(&mut body, None)? {
                fits = body.len() <= self.max_bytes;
            }
            let flow = if !fits {
                self.client.close();
                self.hand_over(Part::Lost("a picture that is larger than the limit"))
            } else if !body.starts_with(&[0xFF, 0xD8]) {
                self.hand_over(Part::Lost("a response that is not a JPEG picture"))
            } else if *body == *last {
                ControlFlow::Continue(())
            } else {
                last = Buffer::from(std::mem::take(&mut body));
                self.push(last.clone())
            };
            if flow.is_break() {
                return Ok(());
            }
            self.stop.sleep(next.saturating_duration_since(Instant::now()));
            if self.stop.is_raised() {
                return Ok(());
            }
            // Missed requests aren't made up for.
            next = (next + self.period).max(Instant::now());
            body.clear();
            self.client.get()?;
        }
    }

    fn hand_over(&mut self, part: Part) -> ControlFlow<()> {
        match part {
            Part::Picture(bytes) => self.push(bytes.into()),
            Part::Lost(what) => {
                self.pictures += 1;
                self.inbox.lose(1, DropReason::Undecodable, what, false);
                if self.inbox.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
    }

    fn push(&mut self, bytes: Buffer) -> ControlFlow<()> {
        let number = self.pictures;
        let len = bytes.len();
        self.pictures += 1;
        self.inbox.push(CodedPicture { bytes, number }, CodedFrameKind::Key, len)
    }
}

/// Returns how the camera delivers its pictures, by the content type, or by the first bytes if that doesn't help.
///
/// The bytes of the body that this reads are appended to `start`.
fn detect_delivery(
    client: &mut Client,
    head: &Head,
    max_bytes: usize,
    start: &mut Vec<u8>,
    deadline: Instant,
) -> Result<Delivery, SourceError> {
    let kind = head.kind.as_deref().unwrap_or("");
    if kind.starts_with("multipart/") {
        return Ok(Delivery::Multipart(MultipartParser::new(head.boundary(), max_bytes)));
    }
    if kind == "image/jpeg" || kind == "image/jpg" || kind == "image/pjpeg" {
        return Ok(Delivery::Single);
    }
    loop {
        match start.trim_ascii_start() {
            [0xFF, 0xD8, ..] if head.has_length => return Ok(Delivery::Single),
            [0xFF, 0xD8, ..] => return Ok(Delivery::Bare),
            [b'-', b'-', ..] => {
                return Ok(Delivery::Multipart(MultipartParser::new(head.boundary(), max_bytes)));
            }
            [] | [0xFF] | [b'-'] if start.len() < 1024 => {}
            _ => break,
        }
        if !client.read(start, Some(deadline))? {
            break;
        }
    }
    let found = match start.trim_ascii_start() {
        [] => return Err(client.lost("the camera's response is empty".into())),
        [b'<', ..] => "a web page; the stream has another path",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "a video, not JPEG pictures; ffmpeg:http://… plays it",
        _ if kind.starts_with("video/") => "a video, not JPEG pictures; ffmpeg:http://… plays it",
        _ => "no JPEG pictures",
    };
    Err(client.lost(format!("the camera sends {found}")))
}
