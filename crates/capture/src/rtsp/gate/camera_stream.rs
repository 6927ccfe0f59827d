//! The connection to the camera, encrypted or not.

use std::io;

use tokio::net::TcpStream;

/// Waits for bytes and reads them. Returns 0 at the end of the connection.
pub(super) async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// Writes all bytes.
pub(super) async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A connection to a camera.
pub(in crate::rtsp) struct CameraStream {
    pub(super) socket: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<encrypted::Encryption>>,
}

impl CameraStream {
    /// A connection without encryption.
    pub(in crate::rtsp) fn plain(socket: TcpStream) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Waits for bytes and reads them. Returns 0 at the end of the connection. If the wait is dropped, no byte is lost.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&self.socket, buffer).await;
        }
        read(&self.socket, buffer).await
    }

    /// Writes all bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&self.socket, bytes).await;
        }
        write(&self.socket, bytes).await
    }
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::io::{self, ErrorKind, Read, Write};

    use rustls::ClientConnection;
    use tokio::net::TcpStream;

    use super::{CameraStream, read};

    /// The bytes to read at a time: one record and its header.
    const RECORD_LEN: usize = 17 << 10;

    /// The state of an encrypted connection. It does no input or output by itself.
    pub(super) struct Encryption {
        connection: ClientConnection,
        coded: Vec<u8>,
        /// Coded bytes that the camera has not got yet.
        unsent: Vec<u8>,
    }

    impl CameraStream {
        /// Encrypts the connection.
        ///
        /// # Errors
        /// The errors of the connection, and that of the camera's certificate.
        pub(in crate::rtsp) async fn encrypted(
            socket: TcpStream,
            connection: ClientConnection,
        ) -> io::Result<Self> {
            let coded = vec![0; RECORD_LEN];
            let mut tls = Box::new(Encryption { connection, coded, unsent: Vec::new() });
            while tls.connection.is_handshaking() {
                tls.send(&socket).await?;
                if tls.connection.is_handshaking() && !tls.receive(&socket).await? {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            tls.send(&socket).await?;
            Ok(Self { socket, tls: Some(tls) })
        }
    }

    impl Encryption {
        pub(super) async fn read(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                match self.connection.reader().read(buffer) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    // The other side ended without a message.
                    Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                    result => return result,
                }
                if !self.receive(socket).await? {
                    return Ok(0);
                }
                self.send(socket).await?;
            }
        }

        pub(super) async fn write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<()> {
            self.connection.writer().write_all(bytes)?;
            self.send(socket).await
        }

        /// Decodes the bytes that come next. Returns false at the end of the connection.
        async fn receive(&mut self, socket: &TcpStream) -> io::Result<bool> {
            let len = read(socket, &mut self.coded).await?;
            let mut coded = &self.coded[..len];
            while !coded.is_empty() {
                self.connection.read_tls(&mut coded)?;
                self.connection.process_new_packets().map_err(io::Error::other)?;
            }
            Ok(len > 0)
        }

        /// Sends the coded bytes that wait.
        async fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
            while self.connection.wants_write() {
                self.connection.write_tls(&mut self.unsent)?;
            }
            while !self.unsent.is_empty() {
                socket.writable().await?;
                match socket.try_write(&self.unsent) {
                    Ok(len) => drop(self.unsent.drain(..len)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        }
    }
}
