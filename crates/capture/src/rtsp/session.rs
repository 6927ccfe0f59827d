//! The RTSP session with the camera.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use passerby_types::SourceError;
use retina::client::{
    Demuxed, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session, SessionGroup,
    SessionIdPolicy, SessionOptions, SetupOptions, TeardownPolicy, Transport, UnassignedChannelDataPolicy,
    UnknownRtcpSsrcPolicy,
};
use retina::codec::h26x::Framing;
use retina::codec::{
    CodecItem, FrameFormat, ParameterSetInsertion, ParametersRef, VideoFrame, VideoParametersCodec,
};
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::gate::{CameraStream, Gate, GateEnd, GateReport};
#[cfg(feature = "libav")]
use super::intake::inspect_h265;
use super::intake::{Intake, ReceivedFrame, inspect};
use super::settings::RtspSettings;
use crate::h264::nal;
use crate::live::address::Address;
use crate::live::connect_error::{no_connection, no_stream, unknown_host};
use crate::live::inbox::CodedFrameKind;
use crate::live::redirect::{MAX_REDIRECTS, redirect};
use crate::live::rtsp_transport::RtspTransport;
#[cfg(feature = "tls")]
use crate::live::tls::{certificate_fault, client};

/// After this number of packet errors without a frame between them, the session ends.
const MAX_PACKET_ERRORS: u32 = 16;
/// How long a session may take to end.
pub(super) const TEARDOWN_TIMEOUT: Duration = Duration::from_millis(300);
/// The port of an address without one.
const RTSP_PORT: u16 = 554;
const RTSPS_PORT: u16 = 322;
/// The packet type of an RTCP BYE (RFC 3550 6.6).
const BYE: u8 = 203;

/// The codec of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamCodec {
    H264,
    #[cfg(feature = "libav")]
    H265,
    Jpeg,
}

impl fmt::Display for StreamCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            #[cfg(feature = "libav")]
            Self::H265 => "H.265",
            Self::Jpeg => "JPEG",
        })
    }
}

/// A session whose stream plays.
pub(super) struct PlayingSession {
    demuxed: Demuxed,
    gate: Arc<GateReport>,
    pub(super) codec: StreamCodec,
    /// The frames per second, if the camera declares a plausible number.
    pub(super) rate: Option<f64>,
}

/// Opens a session and starts the camera's video stream. Other streams aren't requested. Follows redirections.
pub(super) async fn open(
    address: &Address,
    settings: &RtspSettings,
    group: Arc<SessionGroup>,
) -> Result<PlayingSession, SourceError> {
    let mut to = address.clone();
    for _ in 0..=MAX_REDIRECTS {
        match negotiate(&to, settings, Arc::clone(&group)).await? {
            Negotiated::Playing(session) => return Ok(*session),
            Negotiated::Redirected(location) => {
                let next = redirect(&to, location.as_deref(), &["rtsp", "rtsps"], settings.any_redirect);
                to = next.map_err(|what| SourceError::disconnected(address.to_string(), what))?;
            }
        }
    }
    let what = format!("more than {MAX_REDIRECTS} redirections");
    Err(SourceError::disconnected(address.to_string(), what))
}

/// The result of asking the camera for its stream.
enum Negotiated {
    Playing(Box<PlayingSession>),
    /// The camera names another address, or none.
    Redirected(Option<String>),
}

/// Connects to the first address of the camera that answers.
async fn connect(address: &Address) -> Result<TcpStream, SourceError> {
    let input = address.to_string();
    let host = address.url().host_str().unwrap_or_default().trim_matches(['[', ']']);
    let found = lookup_host((host, port(address))).await;
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in found.map_err(|cause| unknown_host(&input, host, cause))? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(no_connection(&input, port(address), last))
}

async fn negotiate(
    address: &Address,
    settings: &RtspSettings,
    group: Arc<SessionGroup>,
) -> Result<Negotiated, SourceError> {
    let input = address.to_string();
    let socket = connect(address).await?;
    let report = Arc::new(GateReport::default());
    let no_gate = |cause| SourceError::Io { input: input.clone(), cause };
    socket.set_nodelay(true).map_err(no_gate)?;
    let camera = match address.url().scheme() {
        "rtsps" => encrypt(address, socket, settings).await?,
        _ => CameraStream::plain(socket),
    };
    let gate = Gate::new(address, settings.transport, camera, Arc::clone(&report)).await.map_err(no_gate)?;
    let url = gate.url().clone();
    tokio::spawn(gate.run());
    let asked = ask(url, &input, group, Arc::clone(&report)).await;
    match (asked, report.ended()) {
        (Ok(session), _) => Ok(Negotiated::Playing(Box::new(session))),
        (Err(_), Some(GateEnd::Redirect(to))) => Ok(Negotiated::Redirected(to)),
        (Err(AskError::Source(error)), _) => Err(error),
        (Err(AskError::Retina(_)), Some(end)) => Err(gate_error(address, end)),
        (Err(AskError::Retina(error)), None) => Err(source_error(address, settings.transport, &error)),
    }
}

/// Encrypts the connection.
#[cfg(feature = "tls")]
async fn encrypt(
    address: &Address,
    socket: TcpStream,
    settings: &RtspSettings,
) -> Result<CameraStream, SourceError> {
    let lost = |e: io::Error| {
        let what = certificate_fault(&e).unwrap_or_else(|| format!("no encrypted connection: {e}"));
        SourceError::disconnected(address.to_string(), what).caused_by(e)
    };
    let host = address.url().host_str().unwrap_or_default();
    let connection = client(host, &settings.certificates).map_err(lost)?;
    CameraStream::encrypted(socket, connection).await.map_err(lost)
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "with the feature it waits")]
async fn encrypt(address: &Address, _: TcpStream, _: &RtspSettings) -> Result<CameraStream, SourceError> {
    Err(needs_tls(address))
}

/// Returns the error for an encrypted camera in a build without the feature.
#[cfg(not(feature = "tls"))]
pub(super) fn needs_tls(address: &Address) -> SourceError {
    let what = "rtsps://: passerby was built without the feature `tls`";
    SourceError::unsupported(address.to_string(), what).needs_feature("tls")
}

/// Why a session could not be opened.
enum AskError {
    Retina(retina::Error),
    Source(SourceError),
}

impl From<retina::Error> for AskError {
    fn from(error: retina::Error) -> Self {
        Self::Retina(error)
    }
}

/// Asks the camera behind the gate at `url` for its stream.
async fn ask(
    url: Url,
    input: &str,
    group: Arc<SessionGroup>,
    gate: Arc<GateReport>,
) -> Result<PlayingSession, AskError> {
    // These are the tolerant choices, since many cameras get the details wrong. The gate logs in.
    let options = SessionOptions::default()
        .user_agent(concat!("passerby/", env!("CARGO_PKG_VERSION")).into())
        .session_group(group)
        .teardown(TeardownPolicy::Auto)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst);
    let mut session = Session::describe(url, options).await?;

    let videos = || {
        let video = |s: &retina::client::Stream| matches!(s.media(), "video" | "image");
        session.streams().iter().enumerate().filter(move |(_, s)| video(s))
    };
    let find = |name| videos().find(|(_, stream)| stream.encoding_name() == name).map(|(i, _)| i);
    let known = [
        ("h264", StreamCodec::H264),
        #[cfg(feature = "libav")]
        ("h265", StreamCodec::H265),
        ("jpeg", StreamCodec::Jpeg),
    ];
    let Some((index, codec)) = known.into_iter().find_map(|(name, codec)| Some((find(name)?, codec))) else {
        let names: Vec<_> = videos().map(|(_, s)| s.encoding_name().to_uppercase()).collect();
        return Err(AskError::Source(unsupported_codec(input.to_owned(), &names)));
    };
    let format = FrameFormat {
        h26x_framing: Framing::AnnexB,
        parameter_set_insertion: ParameterSetInsertion::EachKeyFrame,
        ..FrameFormat::SIMPLE
    };
    let setup = SetupOptions::default().transport(Transport::Tcp(Default::default())).frame_format(format);
    session.setup(index, setup).await?;
    let stream = &session.streams()[index];
    let rate = stream.framerate().map(f64::from).or_else(|| match stream.parameters() {
        Some(ParametersRef::Video(video)) => {
            video.frame_rate().map(|(seconds, per)| f64::from(per) / f64::from(seconds))
        }
        _ => None,
    });
    let play = PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Ignore)
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets);
    let demuxed = session.play(play).await.and_then(Session::demuxed)?;
    Ok(PlayingSession { demuxed, gate, codec, rate: rate.filter(|rate| (0.1..=1000.0).contains(rate)) })
}

/// Returns the error for a camera whose video streams have these codecs.
fn unsupported_codec(input: String, names: &[String]) -> SourceError {
    if names.is_empty() {
        return SourceError::unsupported(input, "stream: it has no video");
    }
    let is_for_libav = !cfg!(feature = "libav") && names.iter().any(|name| name == "H265");
    let names = names.join(", ");
    let ways = if is_for_libav {
        "build with the feature `libav` (--features libav), or read it through ffmpeg (feature `ffmpeg`, ffmpeg:rtsp://…)"
    } else {
        "or read it through ffmpeg (feature `ffmpeg`, ffmpeg:rtsp://…)"
    };
    let error = SourceError::unsupported(input, format!("codec {names}; set the camera to H.264, {ways}"));
    match (is_for_libav, cfg!(feature = "ffmpeg")) {
        (true, _) => error.needs_feature("libav"),
        (false, false) => error.needs_feature("ffmpeg"),
        (false, true) => error,
    }
}

impl PlayingSession {
    /// Returns a remark about the connection for the user, although the connection is good.
    pub(super) fn notice(&self) -> Option<&'static str> {
        let fell_back = self.gate.fell_back();
        fell_back.then_some(
            "the camera refuses TCP and sends over UDP, where packets may get lost (#transport=udp)",
        )
    }

    /// Receives until the session ends, and returns the reason.
    pub(super) async fn receive(mut self, intake: &mut Intake) -> String {
        let mut packet_errors = 0;
        // True if the next frame may lack packets.
        let mut suspect = false;
        loop {
            match self.demuxed.next().await {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    self.gate.framed();
                    if self.pass_on(frame, suspect, intake).is_break() {
                        return "cancelled".into();
                    }
                    packet_errors = 0;
                    suspect = false;
                }
                Some(Ok(CodecItem::Rtcp(packet))) => {
                    if packet.pkts().any(|packet| packet.payload_type() == BYE) {
                        return "the camera ended the stream".into();
                    }
                }
                Some(Ok(_)) => {}
                // An invalid packet costs its frame. A broken connection returns one error after another.
                Some(Err(e)) => {
                    packet_errors += 1;
                    suspect = true;
                    if packet_errors >= MAX_PACKET_ERRORS {
                        return self.broken().unwrap_or_else(|| first_line(&e));
                    }
                }
                None => return self.broken().unwrap_or_else(|| "the camera closed the connection".into()),
            }
        }
    }

    /// Returns why the gate ended the connection, if it did.
    fn broken(&self) -> Option<String> {
        match self.gate.ended()? {
            GateEnd::Broken(what) | GateEnd::Login(what) => Some(what),
            GateEnd::Http | GateEnd::Redirect(_) => None,
        }
    }

    /// Passes a frame on to the intake.
    fn pass_on(&self, frame: VideoFrame, suspect: bool, intake: &mut Intake) -> ControlFlow<()> {
        let (kind, complete_start) = match self.codec {
            StreamCodec::H264 => inspect(frame.data(), frame.is_disposable()),
            #[cfg(feature = "libav")]
            StreamCodec::H265 => inspect_h265(frame.data()),
            StreamCodec::Jpeg => (CodedFrameKind::Key, true),
        };
        let time = frame.timestamp();
        let nanos = i128::from(time.elapsed()) * 1_000_000_000 / i128::from(time.clock_rate().get());
        let nanos = nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let received = ReceivedFrame { nanos, loss: suspect || frame.loss() > 0, kind, complete_start };
        // The depacketizer removes the parameter sets, and returns them before IDR pictures only.
        let needs_sets =
            !frame.is_random_access_point() && (kind == CodedFrameKind::Key || frame.has_new_parameters());
        let mut data = if needs_sets { self.parameter_sets(frame.stream_id()) } else { Vec::new() };
        if data.is_empty() {
            data = frame.into_data();
        } else {
            data.extend_from_slice(frame.data());
        }
        intake.push(received, data)
    }

    /// Returns the known parameter sets of the stream as Annex B.
    fn parameter_sets(&self, stream: usize) -> Vec<u8> {
        let Some(ParametersRef::Video(video)) = self.demuxed.streams()[stream].parameters() else {
            return Vec::new();
        };
        let sets = match video.codec_params() {
            VideoParametersCodec::H264 { sps, pps } => vec![sps, pps],
            #[cfg(feature = "libav")]
            VideoParametersCodec::H265 { vps, sps, pps } => vec![vps, sps, pps],
            _ => Vec::new(),
        };
        let mut out = Vec::new();
        sets.into_iter().for_each(|set| nal::push(&mut out, set));
        out
    }
}

/// Converts the end of the gate to the source's error.
fn gate_error(address: &Address, end: GateEnd) -> SourceError {
    let input = address.to_string();
    match end {
        GateEnd::Broken(what) => SourceError::disconnected(input, format!("no valid RTSP answer: {what}")),
        GateEnd::Login(what) => SourceError::denied(input, what),
        GateEnd::Http => {
            let port = port(address);
            let what = format!(
                "port {port} speaks HTTP, not RTSP: check the port ({RTSP_PORT} by default), or begin the address with http://"
            );
            SourceError::disconnected(input, what)
        }
        GateEnd::Redirect(_) => SourceError::disconnected(input, "the camera redirects"),
    }
}

/// Converts the error of a response, or of a missing one, to the source's error.
fn source_error(address: &Address, transport: RtspTransport, error: &retina::Error) -> SourceError {
    let input = address.to_string();
    let text = first_line(error);
    let Some(status) = error.status_code() else {
        return SourceError::disconnected(input, format!("no valid RTSP answer: {text}")).caused_by(text);
    };
    let error = match status {
        401 => {
            let what = match address.login() {
                Some(_) => "wrong name or password",
                None => "the camera asks for a name and a password (rtsp://name:password@camera/)",
            };
            SourceError::denied(input, what)
        }
        403 => {
            SourceError::denied(input, "the camera forbids this stream: check the rights of this user name")
        }
        404 => SourceError::disconnected(input, no_stream(address)),
        461 => SourceError::unsupported(
            input,
            match transport {
                RtspTransport::Auto => "transport: the camera speaks neither TCP nor UDP",
                RtspTransport::Tcp => "transport TCP; the camera may speak UDP (#transport=udp)",
                RtspTransport::Udp => "transport UDP; the camera may speak TCP (#transport=tcp)",
            },
        ),
        453 | 503 => {
            let what = format!("the camera is too busy (status {status}): it may serve too many viewers");
            SourceError::disconnected(input, what)
        }
        _ => SourceError::disconnected(input, format!("the camera answers with status {status}")),
    };
    error.caused_by(text)
}

/// Returns the port of an address, or that of RTSP if it has none.
fn port(address: &Address) -> u16 {
    address.url().port().unwrap_or(if address.url().scheme() == "rtsps" { RTSPS_PORT } else { RTSP_PORT })
}

/// Returns the first line of retina's error, which holds the reason. The lines below hold addresses and bytes.
fn first_line(error: &retina::Error) -> String {
    const MAX_CHARS: usize = 200;
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches("; buffered:")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARS)
        .collect()
}
