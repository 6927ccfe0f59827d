//! The connection to a camera.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::stop_signal::StopSignal;
use crate::live::certificates::AcceptedCertificates;

/// How long one attempt to connect lasts.
///
/// A system sends its first packet again after a second (RFC 6298 section 2), so a new attempt then costs nothing. A thread
/// that should end doesn't wait longer than that.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection, with or without TLS.
pub(super) struct Connection {
    socket: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<rustls::ClientConnection>>,
}

impl Connection {
    /// Connects to the first of the addresses that answers. `encrypted` are the certificates that are accepted if the connection
    /// is encrypted.
    pub(super) fn open(
        addresses: &[SocketAddr],
        host: &str,
        encrypted: Option<&AcceptedCertificates>,
        stop: &StopSignal,
        deadline: Instant,
    ) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::AddrNotAvailable, "the host has no address");
        let mut retry = true;
        while retry {
            retry = false;
            for address in addresses {
                let left = deadline.saturating_duration_since(Instant::now());
                if stop.is_raised() || left.is_zero() {
                    return Err(last);
                }
                match TcpStream::connect_timeout(address, left.min(ATTEMPT_TIMEOUT)) {
                    Ok(socket) => return Self::new(socket, host, encrypted, stop, deadline),
                    Err(e) => {
                        retry |= e.kind() == ErrorKind::TimedOut;
                        last = e;
                    }
                }
            }
        }
        Err(last)
    }

    fn new(
        socket: TcpStream,
        host: &str,
        encrypted: Option<&AcceptedCertificates>,
        stop: &StopSignal,
        deadline: Instant,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        socket.set_write_timeout(Some(left))?;
        // The first message of an encrypted connection waits for the handshake.
        socket.set_read_timeout(Some(left))?;
        if !stop.watch(&socket)? {
            return Err(io::Error::new(ErrorKind::Interrupted, "stopped"));
        }
        #[cfg(feature = "tls")]
        return Ok(Self {
            socket,
            tls: match encrypted {
                Some(accepted) => Some(Box::new(crate::live::tls::client(host, accepted)?)),
                None => None,
            },
        });
        #[cfg(not(feature = "tls"))]
        {
            debug_assert!(encrypted.is_none() && !host.is_empty(), "https:// was refused before");
            Ok(Self { socket })
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            let mut stream = rustls::Stream::new(&mut **tls, &mut self.socket);
            stream.write_all(bytes)?;
            return stream.flush();
        }
        self.socket.write_all(bytes)
    }

    /// Reads the available bytes. Waits for them until `deadline`, or for ever without one. Returns 0 if the camera has
    /// closed the connection.
    pub(super) fn read(&mut self, bytes: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(left)?;
            match self.read_once(bytes) {
                // The kind depends on the system. The time is checked above.
                Err(e)
                    if deadline.is_some()
                        && matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // The other side of a TLS connection ended without a message.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
        }
    }

    fn read_once(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return rustls::Stream::new(&mut **tls, &mut self.socket).read(bytes);
        }
        self.socket.read(bytes)
    }
}
