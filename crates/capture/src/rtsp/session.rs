//! The RTSP session with the camera.

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use passerby_types::SourceError;
use retina::client::{
    Credentials, Demuxed, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session,
    SessionGroup, SessionIdPolicy, SessionOptions, SetupOptions, TeardownPolicy, Transport,
    UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::h26x::Framing;
use retina::codec::{
    CodecItem, FrameFormat, ParameterSetInsertion, ParametersRef, VideoFrame, VideoParametersCodec,
};
use tokio::net::lookup_host;
use tokio::task::coop::has_budget_remaining;
use url::Host;

#[cfg(feature = "libav")]
use super::intake::inspect_h265;
use super::intake::{Intake, ReceivedFrame, inspect};
use crate::h264::nal;
use crate::live::address::Address;
use crate::live::connect_error::{no_connection, no_stream, unknown_host};
use crate::live::inbox::CodedFrameKind;
use crate::live::rtsp_transport::RtspTransport;

/// After this number of packet errors without a frame between them, the session ends.
const MAX_PACKET_ERRORS: u32 = 16;
/// The most reads for one response. `retina` buffers a response until it is complete, without a limit of its own.
const MAX_RESPONSE_READS: u32 = 128;
/// The most reads for one frame. A frame of 3 MB fits even if each packet comes alone.
const MAX_FRAME_READS: u32 = 2048;
/// If more data is there than the runtime lets a task read at once (128 reads at most), it counts as this number of reads.
const FLOOD_READS: u32 = 512;
/// How long a session may take to end.
pub(super) const TEARDOWN_TIMEOUT: Duration = Duration::from_millis(300);
/// The port of an address without one.
const RTSP_PORT: u16 = 554;
/// The packet type of an RTCP BYE (RFC 3550 6.6).
const BYE: u8 = 203;

/// The codec of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    #[cfg(feature = "libav")]
    H265,
    Jpeg,
}

/// A session whose stream plays.
pub(super) struct PlayingSession {
    demuxed: Demuxed,
    pub(super) codec: Codec,
    /// The frames per second, if the camera declares a plausible number.
    pub(super) rate: Option<f64>,
}

/// Opens a session and starts the camera's video stream. Other streams aren't requested.
pub(super) async fn open(
    address: &Address,
    transport: RtspTransport,
    group: Arc<SessionGroup>,
) -> Result<PlayingSession, SourceError> {
    bounded_reads(negotiate(address, transport, group), MAX_RESPONSE_READS).await.unwrap_or_else(|| {
        let what = "an endless response";
        Err(SourceError::disconnected(address.to_string(), what))
    })
}

async fn negotiate(
    address: &Address,
    transport: RtspTransport,
    group: Arc<SessionGroup>,
) -> Result<PlayingSession, SourceError> {
    let input = address.to_string();
    let refuse = |e: retina::Error| source_error(address, transport, &e);
    let creds = address
        .login()
        .map(|login| Credentials { username: login.user.clone(), password: login.password.clone() });
    // These are the tolerant choices, since many cameras get the details wrong.
    let options = SessionOptions::default()
        .creds(creds)
        .user_agent(concat!("passerby/", env!("CARGO_PKG_VERSION")).into())
        .session_group(group)
        .teardown(TeardownPolicy::Auto)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst);
    // retina does not say whether the name or the connection failed.
    if let Some(Host::Domain(host)) = address.url().host() {
        let found = lookup_host((host, port(address))).await;
        found.map(drop).map_err(|cause| unknown_host(&input, host, cause))?;
    }
    let mut session = Session::describe(address.url().clone(), options).await.map_err(refuse)?;

    let videos = || {
        let video = |s: &retina::client::Stream| matches!(s.media(), "video" | "image");
        session.streams().iter().enumerate().filter(move |(_, s)| video(s))
    };
    let find = |name| videos().find(|(_, stream)| stream.encoding_name() == name).map(|(i, _)| i);
    let known = [
        ("h264", Codec::H264),
        #[cfg(feature = "libav")]
        ("h265", Codec::H265),
        ("jpeg", Codec::Jpeg),
    ];
    let Some((index, codec)) = known.into_iter().find_map(|(name, codec)| Some((find(name)?, codec))) else {
        let names: Vec<_> = videos().map(|(_, s)| s.encoding_name().to_uppercase()).collect();
        return Err(unsupported_codec(input, &names));
    };
    let format = FrameFormat {
        h26x_framing: Framing::AnnexB,
        parameter_set_insertion: ParameterSetInsertion::EachKeyFrame,
        ..FrameFormat::SIMPLE
    };
    let transport = match transport {
        RtspTransport::Tcp => Transport::Tcp(Default::default()),
        RtspTransport::Udp => Transport::Udp(Default::default()),
    };
    let setup = SetupOptions::default().transport(transport).frame_format(format);
    session.setup(index, setup).await.map_err(refuse)?;
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
    let demuxed = session.play(play).await.and_then(Session::demuxed).map_err(refuse)?;
    Ok(PlayingSession { demuxed, codec, rate: rate.filter(|rate| (0.1..=1000.0).contains(rate)) })
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
    /// Receives until the session ends, and returns the reason.
    pub(super) async fn receive(mut self, intake: &mut Intake) -> String {
        let mut packet_errors = 0;
        // True if the next frame may lack packets.
        let mut suspect = false;
        loop {
            let Some(next) = bounded_reads(self.demuxed.next(), MAX_FRAME_READS).await else {
                return "an endless frame".into();
            };
            match next {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
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
                        return first_line(&e);
                    }
                }
                None => return "the camera closed the connection".into(),
            }
        }
    }

    /// Passes a frame on to the intake.
    fn pass_on(&self, frame: VideoFrame, suspect: bool, intake: &mut Intake) -> ControlFlow<()> {
        let (kind, complete_start) = match self.codec {
            Codec::H264 => inspect(frame.data(), frame.is_disposable()),
            #[cfg(feature = "libav")]
            Codec::H265 => inspect_h265(frame.data()),
            Codec::Jpeg => (CodedFrameKind::Key, true),
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

/// Waits for a future that reads from the network. Returns `None` if it takes more than `max_reads` reads.
///
/// A read is the data that is there when the future is woken.
async fn bounded_reads<F: Future>(future: F, max_reads: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = max_reads;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left = left.saturating_sub(if has_budget_remaining() { 1 } else { FLOOD_READS });
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

/// The words with which retina's message begins if it had no connection. Its error has no other mark, and no `source()`.
const NO_CONNECTION: &str = "Unable to connect to RTSP server: ";

/// Converts the error of a response, or of a missing one, to the source's error.
fn source_error(address: &Address, transport: RtspTransport, error: &retina::Error) -> SourceError {
    let input = address.to_string();
    let text = first_line(error);
    if let Some(reason) = text.strip_prefix(NO_CONNECTION) {
        return no_connection(&input, port(address), io_error(reason));
    }
    let Some(status) = error.status_code() else {
        // A web server answers like this. The bytes are in the lines below the first one.
        let what = if error.to_string().contains("HTTP/1.") {
            let port = port(address);
            format!(
                "port {port} speaks HTTP, not RTSP: check the port ({RTSP_PORT} by default), or begin the address with http://"
            )
        } else {
            format!("no valid RTSP answer: {text}")
        };
        return SourceError::disconnected(input, what).caused_by(text);
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
                RtspTransport::Tcp => "transport TCP; the camera may speak UDP",
                RtspTransport::Udp => "transport UDP; the camera may speak TCP",
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
    address.url().port().unwrap_or(RTSP_PORT)
}

/// Returns the system's error from its text, which ends with its number: `Connection refused (os error 111)`.
fn io_error(text: &str) -> io::Error {
    let number = text.rsplit_once("(os error ").and_then(|(_, rest)| rest.strip_suffix(')'));
    let number = number.and_then(|number| number.parse().ok());
    number.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error)
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
