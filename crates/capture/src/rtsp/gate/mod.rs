//! The gate between the camera and `retina`, the library that speaks RTSP.
//!
//! `retina` opens its connection itself and has no limit for an unfinished message, so it connects to this gate on the loopback
//! interface, and the gate to the camera. The gate bounds every message and frame in bytes, and corrects what `retina` cannot be
//! told: challenges, senders of packets, redirections, and cameras that speak UDP only, whose packets `retina` gets over TCP.

mod camera_stream;
mod datagrams;
mod dialog;
mod message;
mod report;
mod rtp_stream;

use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::live::address::Address;
use crate::live::rtsp_transport::RtspTransport;
pub(super) use camera_stream::CameraStream;
use camera_stream::{read, write};
use datagrams::Datagrams;
use dialog::{Dialog, Step};
use message::{Message, MessageReader};
pub(super) use report::{GateEnd, GateReport};

/// The bytes to read from a connection at a time.
const READ_SIZE: usize = 64 << 10;
const REQUEST_READ_SIZE: usize = 4 << 10;
/// The most bytes of packets from which no whole frame comes. Half of them may wait in the system's buffers.
const MAX_UNFRAMED: usize = 12 << 20;
/// The memory that a unit within a packet costs, beside its bytes.
const UNIT_COST: usize = 64;

/// A gate that waits for `retina`.
pub(super) struct Gate {
    listener: TcpListener,
    camera: CameraStream,
    dialog: Dialog,
    /// The address for `retina`.
    url: Url,
    report: Arc<GateReport>,
}

impl Gate {
    /// Opens a gate to the camera behind this connection.
    pub(super) async fn new(
        address: &Address,
        transport: RtspTransport,
        camera: CameraStream,
        report: Arc<GateReport>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_addr()?.port();
        // Other programs of this machine could connect, too. They don't know the key.
        let key = [0, 1].map(|n| RandomState::new().hash_one(n));
        let text = format!("rtsp://127.0.0.1:{port}/{:016x}{:016x}", key[0], key[1]);
        let url = Url::parse(&text).map_err(io::Error::other)?;
        let hosts = (camera.socket.local_addr()?.ip(), camera.socket.peer_addr()?.ip());
        let dialog = Dialog::new(address, text, transport, hosts, Arc::clone(&report));
        Ok(Self { listener, camera, dialog, url, report })
    }

    /// Returns the address for `retina`.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Passes messages on until one side closes the connection.
    pub(super) async fn run(self) {
        let Self { listener, camera, dialog, url, report } = self;
        let Ok((client, requests)) = accept(&listener, &url).await else { return };
        drop(listener);
        let mut relay = Relay {
            camera,
            client,
            requests,
            responses: MessageReader::default(),
            dialog,
            early: Vec::new(),
            report: Arc::clone(&report),
        };
        if let Err(what) = relay.run().await {
            report.end(GateEnd::Broken(what));
        }
    }
}

/// Waits for the connection that knows the address of the gate. Returns it with the bytes that came.
async fn accept(listener: &TcpListener, url: &Url) -> io::Result<(TcpStream, MessageReader)> {
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let len = read(&client, &mut buffer).await?;
        let start = String::from_utf8_lossy(&buffer[..len]);
        if start.split(' ').nth(1) == Some(url.as_str()) {
            let mut requests = MessageReader::default();
            requests.push(&buffer[..len]);
            return Ok((client, requests));
        }
    }
}

/// The two connections of a gate.
struct Relay {
    camera: CameraStream,
    client: TcpStream,
    requests: MessageReader,
    responses: MessageReader,
    dialog: Dialog,
    /// The packets that came before the response to PLAY. `retina` would drop them, and with them the first key frame.
    early: Vec<u8>,
    report: Arc<GateReport>,
}

impl Relay {
    /// Passes messages on until one side closes the connection. The error describes why the camera's side broke.
    async fn run(&mut self) -> Result<(), String> {
        let mut buffer = vec![0; READ_SIZE];
        let mut request = vec![0; REQUEST_READ_SIZE];
        let mut datagram = vec![0; READ_SIZE];
        self.pass_requests().await?;
        loop {
            tokio::select! {
                len = self.camera.read(&mut buffer) => {
                    let len = len.map_err(|e| format!("the connection failed: {e}"))?;
                    if len == 0 {
                        return Ok(());
                    }
                    self.responses.push(&buffer[..len]);
                    if !self.pass_responses().await? {
                        return Ok(());
                    }
                }
                len = read(&self.client, &mut request) => {
                    let Ok(len @ 1..) = len else { return Ok(()) };
                    self.requests.push(&request[..len]);
                    self.pass_requests().await?;
                }
                // Packets that come before the response to PLAY wait in the sockets.
                received = receive(self.dialog.datagrams.as_ref().filter(|_| self.dialog.playing), &mut datagram) => {
                    let (index, len) = received.map_err(|e| format!("UDP failed: {e}"))?;
                    let mut out = Vec::new();
                    let from = self.dialog.media.as_ref().map_or(0, |media| media.from);
                    self.pass_packet(from.saturating_add(index), &mut datagram[..len], &mut out)?;
                    if write(&self.client, &out).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Passes the requests on that have come.
    async fn pass_requests(&mut self) -> Result<(), String> {
        while let Some(message) = self.requests.next()? {
            if let Message::Text(request) = message {
                let request = self.dialog.request(request)?;
                let sent = self.camera.write(&request).await;
                sent.map_err(|e| format!("the connection failed: {e}"))?;
            }
        }
        Ok(())
    }

    /// Passes the responses and packets on that have come. Returns false if the connection must end.
    async fn pass_responses(&mut self) -> Result<bool, String> {
        let mut out = Vec::new();
        let go_on = self.process_responses(&mut out).await;
        // Messages before a fault are still good. If retina has closed its side, the gate ends with it.
        let written = write(&self.client, &out).await.is_ok();
        go_on.map(|go_on| go_on && written)
    }

    /// Appends to `out` what `retina` gets of the responses and packets that have come. Returns false if the connection must end.
    async fn process_responses(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
        let mut packet = Vec::new();
        while let Some(message) = self.responses.next()? {
            match message {
                Message::Data { channel, payload } => {
                    packet.clear();
                    packet.extend_from_slice(self.responses.bytes(payload));
                    self.pass_packet(channel, &mut packet, out)?;
                }
                Message::Text(response) if response.start.starts_with("HTTP/") => {
                    self.report.end(GateEnd::Http);
                    return Ok(false);
                }
                Message::Text(response) => match self.dialog.response(response) {
                    Step::Answer(response) => {
                        self.open_firewall().await;
                        out.extend(response);
                        if self.dialog.playing {
                            out.append(&mut self.early);
                        }
                    }
                    Step::Ask(request) => {
                        let sent = self.camera.write(&request).await;
                        sent.map_err(|e| format!("the connection failed: {e}"))?;
                    }
                    Step::Drop => {}
                    Step::End => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    async fn open_firewall(&mut self) {
        if let (Some(datagrams), Some(media)) = (&self.dialog.datagrams, &mut self.dialog.media)
            && let Some(port) = media.server_port.take()
        {
            datagrams.open_firewall(port).await;
        }
    }

    /// Appends a packet to `out` if it belongs to the stream. Early packets are kept until the camera plays.
    fn pass_packet(&mut self, channel: u8, packet: &mut [u8], out: &mut Vec<u8>) -> Result<(), String> {
        let Some(media) = &mut self.dialog.media else { return Ok(()) };
        let index = channel.wrapping_sub(media.from);
        if index > 1 || index == 0 && !media.stream.accept(packet) {
            return Ok(());
        }
        let cost = 4 + packet.len() + UNIT_COST * (1 + units(packet));
        if self.report.add_unframed(cost) > MAX_UNFRAMED {
            return Err(format!(
                "an endless frame: packets of {} MiB without a whole frame",
                MAX_UNFRAMED >> 20
            ));
        }
        let Ok(len) = u16::try_from(packet.len()) else { return Ok(()) };
        let out = if self.dialog.playing { out } else { &mut self.early };
        out.extend([b'$', media.to + index]);
        out.extend(len.to_be_bytes());
        out.extend_from_slice(packet);
        Ok(())
    }
}

/// Returns the number of units in a packet that holds several (STAP-A of H.264, AP of H.265), and 0 for other packets.
fn units(packet: &[u8]) -> usize {
    let Some((&first, mut rest)) = packet.get(12..).and_then(<[u8]>::split_first) else { return 0 };
    match (first & 0x1f, first >> 1 & 0x3f) {
        (24, _) => {}
        (_, 48) => rest = rest.get(1..).unwrap_or_default(),
        _ => return 0,
    }
    let mut units = 0;
    while let Some(([high, low], after)) = rest.split_first_chunk() {
        units += 1;
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        rest = after.get(len..).unwrap_or_default();
    }
    units
}

/// Waits for the next packet over UDP, if the camera sends over UDP, and for ever otherwise.
async fn receive(datagrams: Option<&Datagrams>, buffer: &mut [u8]) -> io::Result<(u8, usize)> {
    match datagrams {
        Some(datagrams) => datagrams.receive(buffer).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_within_a_packet_count() {
        let packet = |payload: &[u8]| [&[0; 12][..], payload].concat();
        assert_eq!(units(&packet(&[24, 0, 1, 9, 0, 0, 0, 200])), 3);
        assert_eq!(units(&packet(&[48 << 1, 1, 0, 1, 9, 0, 0])), 2);
        assert_eq!(units(&packet(&[0x65, 1, 2])), 0);
        assert_eq!(units(&[0; 12]), 0);
    }
}
