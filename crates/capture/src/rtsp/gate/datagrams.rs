//! The packets of a camera that sends over UDP.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

/// How often a pair of ports is looked for.
const MAX_TRIES: u32 = 100;
/// An RTP packet and an RTCP packet without content. They let a firewall pass the camera's packets.
const OPENERS: [&[u8]; 2] = [&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0x80, 201, 0, 1, 0, 0, 0, 0]];

/// Two sockets at neighbouring ports, the first of which is even (RFC 3550, 11): one for RTP and one for RTCP.
pub(super) struct Datagrams {
    sockets: [UdpSocket; 2],
    /// The first port.
    pub(super) port: u16,
    /// Packets from other hosts are dropped.
    camera: IpAddr,
}

impl Datagrams {
    /// Opens the sockets at this address of the machine, for a camera at that address.
    pub(super) fn bind(local: IpAddr, camera: IpAddr) -> io::Result<Self> {
        let open = |port| {
            let socket = std::net::UdpSocket::bind(SocketAddr::new(local, port))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        for _ in 0..MAX_TRIES {
            let first = open(0)?;
            let port = first.local_addr()?.port();
            if port.is_multiple_of(2)
                && let Ok(second) = open(port + 1)
            {
                return Ok(Self { sockets: [first, second], port, camera });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no two neighbouring UDP ports are free"))
    }

    /// Sends a packet to each of the camera's ports, so that a firewall lets the camera's packets in.
    pub(super) async fn open_firewall(&self, port: u16) {
        for (index, socket) in self.sockets.iter().enumerate() {
            let to = SocketAddr::new(self.camera, port.saturating_add(index as u16));
            // Without a firewall the packets come anyway.
            let _ = socket.send_to(OPENERS[index], to).await;
        }
    }

    /// Waits for the next packet of the camera. Returns 0 for RTP or 1 for RTCP, and the length of the packet in `buffer`.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<(u8, usize)> {
        loop {
            let (index, ready) = tokio::select! {
                ready = self.sockets[0].readable() => (0, ready),
                ready = self.sockets[1].readable() => (1, ready),
            };
            ready?;
            match self.sockets[usize::from(index)].try_recv_from(buffer) {
                Ok((len, from)) if from.ip() == self.camera => return Ok((index, len)),
                // Another host, or a port that is closed at the camera (an ICMP message).
                Ok(_) => {}
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused) => {}
                Err(e) => return Err(e),
            }
        }
    }
}
