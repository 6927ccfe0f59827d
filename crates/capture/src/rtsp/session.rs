//! The conversation with the camera.

use std::future::poll_fn;
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
use tokio::task::coop::has_budget_remaining;

use super::intake::{Intake, Received, look};
use super::{Codec, RtspTransport};
use crate::address::Address;
use crate::h264::nal;
use crate::inbox::Kind;

/// So many complaints about packets without a frame between them end the session.
const COMPLAINTS: u32 = 16;
/// In so many pieces an answer, and a frame, may arrive. `retina` holds what it has until it is whole and knows no limit; a
/// frame of 3 MB fits even where each packet comes alone.
const ANSWER: u32 = 128;
const FRAME: u32 = 2048;
/// As many pieces count when more is there than the runtime lets a task read at once (128 times at most).
const FLOOD: u32 = 512;
/// How long a session that is over may take to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_millis(300);
/// The packet type of an RTCP BYE (RFC 3550 6.6).
const BYE: u8 = 203;

/// A session that plays.
pub(super) struct Playing {
    demuxed: Demuxed,
    pub(super) codec: Codec,
    /// Frames a second, where the camera says so and is to be believed.
    pub(super) rate: Option<f64>,
}

/// Asks for the camera's video and has it played. Other streams are not asked for.
pub(super) async fn open(
    address: &Address,
    transport: RtspTransport,
    group: Arc<SessionGroup>,
) -> Result<Playing, SourceError> {
    bounded(talk(address, transport, group), ANSWER).await.unwrap_or_else(|| {
        let what = "an answer without an end".into();
        Err(SourceError::Disconnected { input: address.to_string(), what })
    })
}

async fn talk(
    address: &Address,
    transport: RtspTransport,
    group: Arc<SessionGroup>,
) -> Result<Playing, SourceError> {
    let input = address.to_string();
    let refuse = |e: retina::Error| refused(address, transport, &e);
    let creds = address
        .login()
        .map(|login| Credentials { username: login.user.clone(), password: login.password.clone() });
    // The tolerant choices: cameras get these details wrong in many ways.
    let options = SessionOptions::default()
        .creds(creds)
        .user_agent(concat!("passerby/", env!("CARGO_PKG_VERSION")).into())
        .session_group(group)
        .teardown(TeardownPolicy::Auto)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst);
    let mut session = Session::describe(address.url().clone(), options).await.map_err(refuse)?;

    let videos = || {
        let video = |s: &retina::client::Stream| matches!(s.media(), "video" | "image");
        session.streams().iter().enumerate().filter(move |(_, s)| video(s))
    };
    let find = |name| videos().find(|(_, stream)| stream.encoding_name() == name).map(|(i, _)| i);
    let (index, codec) = match (find("h264"), find("jpeg")) {
        (Some(index), _) => (index, Codec::H264),
        (None, Some(index)) => (index, Codec::Jpeg),
        (None, None) => {
            let names: Vec<_> = videos().map(|(_, s)| s.encoding_name().to_uppercase()).collect();
            let what = if names.is_empty() {
                "stream: it has no video".into()
            } else {
                let names = names.join(", ");
                format!(
                    "codec {names}; set the camera to H.264, or read it through ffmpeg (feature `ffmpeg`)"
                )
            };
            return Err(SourceError::Unsupported { input, what });
        }
    };
    let format = FrameFormat {
        h26x_framing: Framing::AnnexB,
        parameter_set_insertion: ParameterSetInsertion::EachKeyFrame,
        ..FrameFormat::SIMPLE
    };
    let way = match transport {
        RtspTransport::Tcp => Transport::Tcp(Default::default()),
        RtspTransport::Udp => Transport::Udp(Default::default()),
    };
    let setup = SetupOptions::default().transport(way).frame_format(format);
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
    Ok(Playing { demuxed, codec, rate: rate.filter(|rate| (0.1..=1000.0).contains(rate)) })
}

impl Playing {
    /// Receives until the session is over, and says why.
    pub(super) async fn receive(mut self, intake: &mut Intake) -> String {
        let mut complaints = 0;
        let mut suspect = false;
        loop {
            let Some(next) = bounded(self.demuxed.next(), FRAME).await else {
                return "a frame without an end".into();
            };
            match next {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    (complaints, suspect) = (0, self.take(frame, suspect, intake).is_break());
                    if suspect {
                        return "interrupted".into();
                    }
                }
                Some(Ok(CodecItem::Rtcp(packet))) => {
                    if packet.pkts().any(|packet| packet.payload_type() == BYE) {
                        return "the camera ended the stream".into();
                    }
                }
                Some(Ok(_)) => {}
                // A packet that makes no sense costs its frame; a connection that is gone goes on complaining.
                Some(Err(e)) => {
                    complaints += 1;
                    suspect = true;
                    if complaints >= COMPLAINTS {
                        return line(&e);
                    }
                }
                None => return "the camera closed the connection".into(),
            }
        }
    }

    fn take(&self, frame: VideoFrame, suspect: bool, intake: &mut Intake) -> ControlFlow<()> {
        let (kind, whole) = match self.codec {
            Codec::H264 => look(frame.data(), frame.is_disposable()),
            Codec::Jpeg => (Kind::Key, true),
        };
        let time = frame.timestamp();
        let nanos = i128::from(time.elapsed()) * 1_000_000_000 / i128::from(time.clock_rate().get());
        let nanos = nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let received = Received { nanos, loss: suspect || frame.loss() > 0, kind, whole };
        // The depacketizer takes the parameter sets out and gives them back before IDR pictures only.
        let bare = !frame.is_random_access_point() && (kind == Kind::Key || frame.has_new_parameters());
        let mut data = if bare { self.sets(frame.stream_id()) } else { Vec::new() };
        if data.is_empty() {
            data = frame.into_data();
        } else {
            data.extend_from_slice(frame.data());
        }
        intake.frame(received, data)
    }

    /// The parameter sets of an H.264 stream, as far as they are known, as Annex B.
    fn sets(&self, stream: usize) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(ParametersRef::Video(video)) = self.demuxed.streams()[stream].parameters()
            && let VideoParametersCodec::H264 { sps, pps } = video.codec_params()
        {
            nal::push(&mut out, sps);
            nal::push(&mut out, pps);
        }
        out
    }
}

/// Waits for what arrives in so many pieces at most; `None` where it takes more. A piece is what there is when the future is
/// woken.
async fn bounded<F: Future>(future: F, pieces: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = pieces;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left = left.saturating_sub(if has_budget_remaining() { 1 } else { FLOOD });
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

/// What an answer that is no success, or none at all, means to the caller.
fn refused(address: &Address, transport: RtspTransport, error: &retina::Error) -> SourceError {
    let input = address.to_string();
    match error.status_code() {
        Some(401) => {
            let what = match address.login() {
                Some(_) => "wrong name or password",
                None => "it wants a name and a password (rtsp://name:password@camera/)",
            };
            SourceError::Denied { input, what: what.into() }
        }
        Some(403) => SourceError::Denied { input, what: "forbidden".into() },
        Some(461) => SourceError::Unsupported {
            input,
            what: match transport {
                RtspTransport::Tcp => "transport TCP; the camera may speak UDP".into(),
                RtspTransport::Udp => "transport UDP; the camera may speak TCP".into(),
            },
        },
        _ => SourceError::Disconnected { input, what: line(error) },
    }
}

/// The first line of what retina says, which holds the reason; below it are addresses and bytes.
fn line(error: &retina::Error) -> String {
    const MOST: usize = 200;
    let text = error.to_string();
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(MOST).collect()
}
