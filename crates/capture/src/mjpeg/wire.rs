//! The connection to a camera.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::stop::Stop;

/// How long one attempt waits. A system sends its first packet again after a second (RFC 6298 section 2), so that a new
/// attempt then costs nothing, and a thread that is to end does not stay in one.
const ATTEMPT: Duration = Duration::from_secs(1);

/// A connection, with or without TLS.
pub(super) struct Wire {
    socket: TcpStream,
    #[cfg(feature = "tls")]
    secret: Option<Box<rustls::ClientConnection>>,
}

impl Wire {
    /// Connects to the first of the addresses that answers.
    pub(super) fn open(
        addresses: &[SocketAddr],
        host: &str,
        secret: bool,
        stop: &Stop,
        end: Instant,
    ) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::AddrNotAvailable, "the host has no address");
        let mut again = true;
        while again {
            again = false;
            for address in addresses {
                let left = end.saturating_duration_since(Instant::now());
                if stop.is_raised() || left.is_zero() {
                    return Err(last);
                }
                match TcpStream::connect_timeout(address, left.min(ATTEMPT)) {
                    Ok(socket) => return Self::new(socket, host, secret, stop, end),
                    Err(e) => {
                        again |= e.kind() == ErrorKind::TimedOut;
                        last = e;
                    }
                }
            }
        }
        Err(last)
    }

    fn new(socket: TcpStream, host: &str, secret: bool, stop: &Stop, end: Instant) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        socket.set_write_timeout(Some(left))?;
        // The first message of an encrypted connection waits for its handshake.
        socket.set_read_timeout(Some(left))?;
        if !stop.watch(&socket)? {
            return Err(io::Error::new(ErrorKind::Interrupted, "stopped"));
        }
        #[cfg(feature = "tls")]
        return Ok(Self {
            socket,
            secret: if secret { Some(Box::new(super::tls::client(host)?)) } else { None },
        });
        #[cfg(not(feature = "tls"))]
        {
            debug_assert!(!secret && !host.is_empty(), "https:// is refused before");
            Ok(Self { socket })
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(secret) = &mut self.secret {
            let mut stream = rustls::Stream::new(&mut **secret, &mut self.socket);
            stream.write_all(bytes)?;
            return stream.flush();
        }
        self.socket.write_all(bytes)
    }

    /// Reads what is there, waiting for it until `end` at most, or for as long as it takes. 0: the camera has closed it.
    pub(super) fn read(&mut self, bytes: &mut [u8], end: Option<Instant>) -> io::Result<usize> {
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(left)?;
            match self.take(bytes) {
                // Which of the two it is depends on the system; the time is looked at above.
                Err(e)
                    if end.is_some() && matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // The other side of a TLS connection that goes without a word.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secret) = &mut self.secret {
            return rustls::Stream::new(&mut **secret, &mut self.socket).read(bytes);
        }
        self.socket.read(bytes)
    }
}
