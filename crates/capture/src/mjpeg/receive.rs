//! The thread that receives: from what the camera sends to pictures that wait to be decoded.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby_types::{DropReason, SourceError};

use super::MjpegSettings;
use super::http::{Client, Head};
use super::parts::{Part, Parts};
use super::stop::Stop;
use crate::address::Address;
use crate::inbox::{Inbox, Kind};

/// One coded picture.
pub(super) struct Coded {
    pub(super) bytes: Arc<Vec<u8>>,
    /// Its number, from 0.
    pub(super) frame: u64,
}

/// Receives from one camera.
pub(super) struct Receiver {
    client: Client,
    name: String,
    inbox: Arc<Inbox<Coded>>,
    stop: Arc<Stop>,
    way: Way,
    /// The first bytes of the body.
    begun: Vec<u8>,
    period: Duration,
    limit: usize,
    frames: u64,
}

/// How the camera gives its pictures.
enum Way {
    Stream(Parts),
    /// One after another without anything that says so, or only one.
    Bare,
    Single,
}

/// Tells that the thread has ended, also where it panicked. Only the first word counts.
struct Ending(Arc<Inbox<Coded>>, String);

impl Drop for Ending {
    fn drop(&mut self) {
        let what = "the thread that receives has failed".into();
        self.0.end(Some(SourceError::Disconnected { input: std::mem::take(&mut self.1), what }));
    }
}

impl Receiver {
    /// Asks the camera, and finds out how it gives its pictures.
    pub(super) fn connect(
        address: &Address,
        settings: &MjpegSettings,
        limit: usize,
        inbox: Arc<Inbox<Coded>>,
        stop: Arc<Stop>,
    ) -> Result<Self, SourceError> {
        let end = Instant::now() + settings.connect;
        let mut client = Client::new(address, settings.connect, Arc::clone(&stop))?;
        let head = client.get()?;
        let mut begun = Vec::new();
        let way = find_way(&mut client, &head, limit, &mut begun, end)?;
        let rate = if settings.rate > 0.0 { settings.rate } else { MjpegSettings::default().rate };
        let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or_default();
        let name = address.to_string();
        Ok(Self { client, name, inbox, stop, way, begun, period, limit, frames: 0 })
    }

    /// Receives until the connection ends, or nobody wants any more.
    pub(super) fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.inbox), self.name.clone());
        let begun = std::mem::take(&mut self.begun);
        let result = match std::mem::replace(&mut self.way, Way::Single) {
            Way::Stream(parts) => self.stream(parts, begun),
            Way::Bare => self.bare(begun),
            Way::Single => self.poll(begun),
        };
        let error = match result {
            Ok(()) => None,
            // What was seen of a connection that we ended ourselves.
            Err(_) if self.stop.is_raised() => None,
            // A camera that answered once may do so again, whatever it says now; but not without a login.
            Err(e @ (SourceError::Denied { .. } | SourceError::Disconnected { .. })) => Some(e),
            Err(e) => Some(self.client.lost(e.to_string())),
        };
        self.inbox.end(error);
    }

    /// Reads one endless body.
    fn stream(&mut self, mut parts: Parts, mut piece: Vec<u8>) -> Result<(), SourceError> {
        self.client.endless();
        let mut found = Vec::new();
        loop {
            parts.push(&piece, &mut found);
            for part in found.drain(..) {
                if self.hand_over(part).is_break() {
                    return Ok(());
                }
            }
            piece.clear();
            let more = self.client.read(&mut piece, None);
            if !matches!(more, Ok(true)) && parts.is_in_picture() {
                self.inbox.lose(1, DropReason::Network, "the connection ended in a picture", false);
            }
            if !more? {
                return Err(self.client.lost("the camera ended the stream".into()));
            }
        }
    }

    /// Reads pictures without anything around them. Where there is only one, the next one has to be asked for.
    fn bare(&mut self, piece: Vec<u8>) -> Result<(), SourceError> {
        let result = self.stream(Parts::bare(self.limit), piece);
        if self.frames != 1 || self.stop.is_raised() {
            return result;
        }
        self.client.close();
        self.stop.sleep(self.period);
        self.client.get()?;
        self.poll(Vec::new())
    }

    /// Asks for one picture after another; the first one's answer has begun.
    fn poll(&mut self, mut body: Vec<u8>) -> Result<(), SourceError> {
        let mut last = Arc::new(Vec::new());
        let mut next = Instant::now() + self.period;
        loop {
            let mut whole = true;
            while whole && self.client.read(&mut body, None)? {
                whole = body.len() <= self.limit;
            }
            let flow = if !whole {
                self.client.close();
                self.hand_over(Part::Lost("a picture that is larger than the limit"))
            } else if !body.starts_with(&[0xFF, 0xD8]) {
                self.hand_over(Part::Lost("an answer that is no JPEG picture"))
            } else if body == *last {
                ControlFlow::Continue(())
            } else {
                last = Arc::new(std::mem::take(&mut body));
                self.push(Arc::clone(&last))
            };
            if flow.is_break() {
                return Ok(());
            }
            self.stop.sleep(next.saturating_duration_since(Instant::now()));
            if self.stop.is_raised() {
                return Ok(());
            }
            // What was missed is not made up for.
            next = (next + self.period).max(Instant::now());
            body.clear();
            self.client.get()?;
        }
    }

    fn hand_over(&mut self, part: Part) -> ControlFlow<()> {
        match part {
            Part::Picture(bytes) => self.push(Arc::new(bytes)),
            Part::Lost(what) => {
                self.frames += 1;
                self.inbox.lose(1, DropReason::Undecodable, what, false);
                if self.inbox.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
    }

    fn push(&mut self, bytes: Arc<Vec<u8>>) -> ControlFlow<()> {
        let (frame, len) = (self.frames, bytes.len());
        self.frames += 1;
        self.inbox.push(Coded { bytes, frame }, Kind::Key, len)
    }
}

/// How the camera gives its pictures, by the content type, or by the first bytes, where that says nothing of use.
fn find_way(
    client: &mut Client,
    head: &Head,
    limit: usize,
    begun: &mut Vec<u8>,
    end: Instant,
) -> Result<Way, SourceError> {
    let kind = head.kind.as_deref().unwrap_or("");
    if kind.starts_with("multipart/") {
        return Ok(Way::Stream(Parts::new(head.boundary(), limit)));
    }
    if kind == "image/jpeg" || kind == "image/jpg" || kind == "image/pjpeg" {
        return Ok(Way::Single);
    }
    loop {
        match begun.trim_ascii_start() {
            [0xFF, 0xD8, ..] if head.bounded => return Ok(Way::Single),
            [0xFF, 0xD8, ..] => return Ok(Way::Bare),
            [b'-', b'-', ..] => return Ok(Way::Stream(Parts::new(head.boundary(), limit))),
            [] | [0xFF] | [b'-'] if begun.len() < 1024 => {}
            _ => break,
        }
        if !client.read(begun, Some(end))? {
            break;
        }
    }
    let found = match begun.trim_ascii_start() {
        [] => return Err(client.lost("the camera's answer is empty".into())),
        [b'<', ..] => Some("a web page"),
        _ if kind.starts_with("video/") => Some("a video"),
        _ => None,
    };
    Err(client.unrecognised(found))
}
