//! A camera that speaks RTSP over TCP, and breaks the rules as a test wants it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::bytes;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
    a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n";

/// A request of the client.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The value of its `CSeq` line.
    pub(crate) number: String,
    lines: Vec<String>,
}

impl Request {
    /// Returns the value of a line by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The camera's behaviour after its test has seen a request.
pub(crate) enum Act {
    /// It answers as good cameras do.
    Usual,
    /// The test has answered.
    Answered,
    /// It answers, sends this, and closes the connection.
    Play(Vec<u8>),
    Close,
}

/// A connection ends after this time, so that a source that waits for ever fails its test. Clients repeat their last request
/// every half a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// A camera on a port of its own. It serves one connection after another until it is dropped.
pub(crate) struct RtspCamera {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    stays: Arc<AtomicBool>,
}

impl RtspCamera {
    pub(crate) fn new(act: impl Fn(&Request, &mut TcpStream) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let connections = Arc::new(AtomicU32::new(0));
        let stays = Arc::new(AtomicBool::new(false));
        let count = Arc::clone(&connections);
        let stay = Arc::clone(&stays);
        let serve = move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::AcqRel);
                serve(stream, &act, &stay);
            }
        };
        thread::Builder::new().name("rtsp-camera".into()).spawn(serve).expect("a thread");
        Self { address, connections, stays }
    }

    /// A good camera that sends these packets.
    pub(crate) fn playing(stream: Vec<u8>) -> Self {
        Self::new(
            move |request, _| {
                if request.method == "PLAY" { Act::Play(stream.clone()) } else { Act::Usual }
            },
        )
    }

    /// Lets the camera keep its connection after the packets, instead of closing it.
    pub(crate) fn staying(self) -> Self {
        self.stays.store(true, Ordering::Release);
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("rtsp://{}/live", self.address)
    }

    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Acquire)
    }
}

fn serve(mut stream: TcpStream, act: &impl Fn(&Request, &mut TcpStream) -> Act, stays: &AtomicBool) {
    let start = Instant::now();
    let mut requests = BufReader::new(stream.try_clone().expect("a clone"));
    while let Some(request) = read_request(&mut requests).filter(|_| start.elapsed() < PATIENCE) {
        match act(&request, &mut stream) {
            Act::Usual => answer(&request, &mut stream),
            Act::Answered => {}
            Act::Play(packets) => {
                answer(&request, &mut stream);
                let _ = stream.write_all(&packets);
                if stays.load(Ordering::Acquire) {
                    let mut rest = [0; 4096];
                    while start.elapsed() < PATIENCE && requests.read(&mut rest).is_ok_and(|len| len > 0) {}
                }
                return;
            }
            Act::Close => return,
        }
    }
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_owned();
        if !line.is_empty() {
            lines.push(line);
            continue;
        }
        let method = lines.first()?.split(' ').next()?.to_owned();
        let mut request = Request { method, number: String::new(), lines };
        request.number = request.header("cseq").unwrap_or_default().to_owned();
        return Some(request);
    }
}

/// Answers as good cameras do.
fn answer(request: &Request, stream: &mut TcpStream) {
    let number = &request.number;
    let _ = match request.method.as_str() {
        "DESCRIBE" => write!(
            stream,
            "RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        ),
        "SETUP" => {
            set_up(request, stream, "RTP/AVP/TCP;unicast;interleaved=0-1");
            Ok(())
        }
        _ => write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n\r\n"),
    };
}

/// Agrees to this transport.
pub(crate) fn set_up(request: &Request, stream: &mut TcpStream, transport: &str) {
    let number = &request.number;
    let _ =
        write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\nTransport: {transport}\r\n\r\n");
}

/// Returns the access units of a clip with one slice per picture, each as its NAL units.
pub(crate) fn units(name: &str) -> Vec<Vec<Vec<u8>>> {
    let stream = bytes(name);
    let mut units = vec![Vec::new()];
    let starts: Vec<_> = (0..stream.len() - 3).filter(|&i| stream[i..i + 3] == [0, 0, 1]).collect();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(stream.len(), |&next| next);
        let mut nal = stream[start + 3..end].to_vec();
        while nal.last() == Some(&0) {
            nal.pop();
        }
        let last = matches!(nal[0] & 0x1f, 1 | 5);
        units.last_mut().expect("one").push(nal);
        if last {
            units.push(Vec::new());
        }
    }
    units.pop();
    units
}

/// Returns the access units of the small clip. The first one is a key frame, the others need it.
pub(crate) fn clip() -> Vec<Vec<Vec<u8>>> {
    units("tiny.264")
}

/// Returns the interleaved packets of these units, ten a second, with this sender and from this number and tenth of a second
/// on.
pub(crate) fn packets(units: &[Vec<Vec<u8>>], sender: u32, first: u16, tenth: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number = first;
    for (i, unit) in units.iter().enumerate() {
        for (j, nal) in unit.iter().enumerate() {
            let mark = if j + 1 == unit.len() { 0xe0 } else { 0x60 };
            let mut packet = vec![0x80, mark];
            packet.extend(number.to_be_bytes());
            packet.extend((tenth + i as u32).wrapping_mul(9000).to_be_bytes());
            packet.extend(sender.to_be_bytes());
            packet.extend(nal);
            number = number.wrapping_add(1);
            out.extend([b'$', 0]);
            out.extend((packet.len() as u16).to_be_bytes());
            out.extend(packet);
        }
    }
    out
}
