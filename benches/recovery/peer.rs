//! An HTTP camera that fails in a scripted content.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passerby::types::BoxError;

use crate::row::data;

/// The interval between two pictures.
pub(crate) const PERIOD: Duration = Duration::from_millis(40);
/// The interval between two checks for a new connection.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The content that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Pictures, each a little brighter or darker than the one before.
    Well,
    /// Smaller pictures.
    Small,
    /// The same picture over and over.
    Frozen,
    /// Parts that are not pictures.
    Garbage,
    /// Nothing, over connections that it accepts and keeps.
    Silent,
}

/// The camera. Dropping it ends its connections.
pub(crate) struct Peer {
    port: u16,
    play: Arc<Play>,
    server: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

struct Play {
    content: Mutex<Content>,
    /// Connections with an older number end.
    cut: AtomicU64,
    large: Vec<u8>,
    small: Vec<u8>,
}

impl Peer {
    pub(crate) fn new() -> Result<Self, BoxError> {
        let large = fs::read(data("pattern.jpg"))?;
        let small = fs::read(data("tiny.jpg"))?;
        let play = Play { content: Mutex::new(Content::Well), cut: AtomicU64::new(0), large, small };
        let mut peer = Self { port: 0, play: Arc::new(play), server: None };
        peer.listen()?;
        Ok(peer)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Sends this content from now on, also over the present connections.
    pub(crate) fn go(&self, content: Content) {
        *self.play.content() = content;
    }

    /// Ends all connections and accepts new ones.
    pub(crate) fn cut(&self) {
        self.play.cut.fetch_add(1, Ordering::AcqRel);
    }

    /// Listens again, at the same port as before.
    pub(crate) fn listen(&mut self) -> Result<(), BoxError> {
        let listener = TcpListener::bind(("127.0.0.1", self.port))?;
        self.port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let play = Arc::clone(&self.play);
        let over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&over);
        let serve = move || {
            let mut connections = Vec::new();
            while !end.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let play = Arc::clone(&play);
                        let cut = play.cut.load(Ordering::Acquire);
                        let connection = thread::Builder::new().name("peer-connection".into());
                        // An error here means that the client has gone, which is not the camera's fault.
                        connections.extend(connection.spawn(move || drop(play.run(stream, cut))));
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => thread::sleep(POLL_INTERVAL),
                    Err(_) => break,
                }
            }
            play.cut.fetch_add(1, Ordering::AcqRel);
            connections.into_iter().for_each(|connection| drop(connection.join()));
        };
        self.server = Some((over, thread::Builder::new().name("peer".into()).spawn(serve)?));
        Ok(())
    }

    /// Ends all connections and refuses new ones.
    pub(crate) fn refuse(&mut self) {
        if let Some((over, thread)) = self.server.take() {
            over.store(true, Ordering::Release);
            let _ = thread.join();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Play {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection.
    fn run(&self, mut stream: TcpStream, cut: u64) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            request.extend(byte);
        }
        let mut answered = false;
        for number in (0..=u8::MAX).cycle() {
            if self.cut.load(Ordering::Acquire) != cut {
                break;
            }
            let content = *self.content();
            if content != Content::Silent {
                if !answered {
                    let kind = "multipart/x-mixed-replace; boundary=picture";
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n")?;
                    answered = true;
                }
                let part = match content {
                    Content::Garbage => b"no picture".to_vec(),
                    Content::Frozen => self.large.clone(),
                    Content::Small => shade(&self.small, number),
                    Content::Well | Content::Silent => shade(&self.large, number),
                };
                write!(stream, "--picture\r\nContent-Type: image/jpeg\r\n\r\n")?;
                stream.write_all(&[&part, &b"\r\n"[..]].concat())?;
            }
            thread::sleep(PERIOD);
        }
        Ok(())
    }
}

/// Returns the picture with another brightness. The first step of its first quantisation table (ITU-T T.81 B.2.4.1)
/// scales the means of the blocks.
fn shade(picture: &[u8], number: u8) -> Vec<u8> {
    let mut picture = picture.to_vec();
    if let Some(table) = picture.windows(2).position(|two| two == [0xFF, 0xDB])
        && let Some(step) = picture.get_mut(table + 5)
    {
        *step = step.saturating_add(1 + number % 8);
    }
    picture
}
