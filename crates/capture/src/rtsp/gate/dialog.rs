//! The requests to the camera and its responses.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::datagrams::Datagrams;
use super::message::TextMessage;
use super::report::{GateEnd, GateReport};
use super::rtp_stream::RtpStream;
use crate::live::address::Address;
use crate::live::login::{Authenticator, LoginFailure};
use crate::live::rtsp_transport::RtspTransport;

/// The most requests without a response. `retina` sends one at a time, and one more when it ends.
const MAX_PENDING: usize = 8;

/// What happens with a response of the camera.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `retina` gets it.
    Answer(Vec<u8>),
    /// The camera gets another request instead.
    Ask(Vec<u8>),
    Drop,
    /// The connection ends.
    End,
}

/// The packets that the camera sends, once it has agreed to.
pub(super) struct Media {
    /// The number of the camera's channel for RTP. That for RTCP is the next one.
    pub(super) from: u8,
    /// The number by which `retina` knows that channel.
    pub(super) to: u8,
    pub(super) stream: RtpStream,
    /// The camera's port, if it sends over UDP and has named it.
    pub(super) server_port: Option<u16>,
}

/// The requests on one connection. They get the camera's address instead of the gate's, a login, and a transport.
pub(super) struct Dialog {
    /// The address of the gate, as in the requests of `retina`.
    gate: String,
    /// The address of the camera.
    camera: String,
    login: Option<Authenticator>,
    transport: RtspTransport,
    pending: VecDeque<Pending>,
    next_number: u32,
    /// The addresses of this machine and of the camera.
    hosts: (IpAddr, IpAddr),
    pub(super) datagrams: Option<Datagrams>,
    pub(super) media: Option<Media>,
    /// True if the camera has agreed to play.
    pub(super) playing: bool,
    report: Arc<GateReport>,
}

/// A request that waits for its response.
struct Pending {
    /// The request with the number that `retina` gave it.
    request: TextMessage,
    /// The number that the camera knows it by.
    number: u32,
}

impl Dialog {
    pub(super) fn new(
        address: &Address,
        gate: String,
        transport: RtspTransport,
        hosts: (IpAddr, IpAddr),
        report: Arc<GateReport>,
    ) -> Self {
        Self {
            gate,
            camera: address.url().to_string(),
            login: address.login().cloned().map(Authenticator::new),
            transport,
            pending: VecDeque::new(),
            next_number: 1,
            hosts,
            datagrams: None,
            media: None,
            playing: false,
            report,
        }
    }

    /// Returns the request that the camera gets instead of this one. The error describes why it cannot be sent.
    pub(super) fn request(&mut self, mut request: TextMessage) -> Result<Vec<u8>, String> {
        // A camera answers in order, so the oldest ones will stay without a response.
        self.pending.truncate(MAX_PENDING - 1);
        if let Some((method, rest)) = request.start.split_once(' ')
            && let Some(rest) = rest.strip_prefix(&self.gate)
        {
            request.start = format!("{method} {}{rest}", self.camera);
        }
        if self.transport == RtspTransport::Udp && request.start.starts_with("SETUP ") {
            self.bind()?;
        }
        self.send(request)
    }

    /// Sends a request, with the next number.
    fn send(&mut self, request: TextMessage) -> Result<Vec<u8>, String> {
        let mut sent = request.clone();
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        sent.set("CSeq", Some(number.to_string()));
        let mut words = request.start.split(' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some(answer) = self.login.as_mut().and_then(|login| login.authorization(method, uri)) {
            sent.set("Authorization", Some(answer?));
        }
        if let Some(datagrams) = &self.datagrams
            && method == "SETUP"
        {
            let port = datagrams.port;
            sent.set("Transport", Some(format!("RTP/AVP/UDP;unicast;client_port={port}-{}", port + 1)));
        }
        self.pending.push_front(Pending { request, number });
        Ok(sent.to_bytes())
    }

    fn bind(&mut self) -> Result<(), String> {
        let (local, camera) = self.hosts;
        let datagrams = Datagrams::bind(local, camera).map_err(|e| format!("no UDP port: {e}"))?;
        self.datagrams = Some(datagrams);
        Ok(())
    }

    /// Returns what happens with a response.
    pub(super) fn response(&mut self, mut response: TextMessage) -> Step {
        let Some(status) = response.status() else { return Step::Drop };
        let number = response.header("cseq").and_then(|number| number.parse().ok());
        let place = match number {
            Some(number) => self.pending.iter().position(|pending| pending.number == number),
            // Some cameras leave the number out. With one open request its response is known.
            None => Some(0).filter(|_| self.pending.len() == 1),
        };
        let Some(Pending { request, .. }) = place.and_then(|place| self.pending.remove(place)) else {
            return Step::Drop;
        };
        let method = request.start.split(' ').next().unwrap_or_default().to_owned();
        match status {
            401 if self.login.is_some() => return self.log_in(request, response),
            301..=303 | 305 if method == "DESCRIBE" => {
                self.report.end(GateEnd::Redirect(response.header("location").map(str::to_owned)));
                return Step::End;
            }
            461 if method == "SETUP" && self.transport == RtspTransport::Auto && self.datagrams.is_none() => {
                let asked = self.bind().and_then(|()| self.send(request));
                self.report.fall_back();
                return self.ask(asked);
            }
            200..=299 => {
                if let Some(login) = &mut self.login {
                    login.succeed();
                }
                match method.as_str() {
                    "DESCRIBE" => self.describe(&mut response),
                    "SETUP" => self.set_up(&request, &mut response),
                    // The numbers and times in it are often wrong, and aren't needed.
                    "PLAY" => {
                        response.set("RTP-Info", None);
                        self.playing = true;
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        answer(&request, response)
    }

    fn ask(&self, asked: Result<Vec<u8>, String>) -> Step {
        match asked {
            Ok(request) => Step::Ask(request),
            Err(what) => {
                self.report.end(GateEnd::Broken(what));
                Step::End
            }
        }
    }

    /// Answers a challenge of the camera, if that helps.
    fn log_in(&mut self, request: TextMessage, response: TextMessage) -> Step {
        let challenged = self.login.as_mut().map(|login| login.challenge(&response.all("www-authenticate")));
        match challenged {
            Some(Ok(())) => {
                let asked = self.send(request);
                self.ask(asked)
            }
            Some(Err(LoginFailure::Unknown(what))) => {
                self.report.end(GateEnd::Login(format!("an unknown kind of login: {what}")));
                Step::End
            }
            Some(Err(LoginFailure::Wrong)) | None => answer(&request, response),
        }
    }

    /// Corrects the response to DESCRIBE.
    fn describe(&self, response: &mut TextMessage) {
        if response.header("content-base").or(response.header("content-location")).is_none() {
            response.set("Content-Base", Some(self.camera.clone()));
        }
        if response.header("content-type").is_some_and(|kind| kind.starts_with("application/sdp")) {
            response.set("Content-Type", Some("application/sdp".into()));
        }
    }

    /// Corrects the response to SETUP, and learns from it which packets are the camera's.
    fn set_up(&mut self, request: &TextMessage, response: &mut TextMessage) {
        let proposed = request.header("transport").and_then(channel).unwrap_or(0);
        let agreed = response.header("transport").unwrap_or_default();
        let part =
            |name: &str| agreed.split(';').find_map(|part| part.trim().strip_prefix(name)).map(str::trim);
        let announced = part("ssrc=").and_then(|ssrc| u32::from_str_radix(ssrc, 16).ok());
        let server_port = part("server_port=").and_then(|ports| ports.split('-').next()?.trim().parse().ok());
        let from = match self.datagrams {
            Some(_) => proposed,
            None => channel(agreed).unwrap_or(proposed),
        };
        self.media = Some(Media { from, to: proposed, stream: RtpStream::new(announced), server_port });
        let channels = format!("RTP/AVP/TCP;unicast;interleaved={proposed}-{}", proposed.saturating_add(1));
        response.set("Transport", Some(channels));
    }
}

/// Returns a response with the number of the request of `retina`.
fn answer(request: &TextMessage, mut response: TextMessage) -> Step {
    response.set("CSeq", request.header("cseq").map(str::to_owned));
    Step::Answer(response.to_bytes())
}

/// Returns the first channel that a transport names.
fn channel(transport: &str) -> Option<u8> {
    let part = transport.split(';').find_map(|part| part.trim().strip_prefix("interleaved="))?;
    part.split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(address: &str, transport: RtspTransport) -> (Dialog, Arc<GateReport>) {
        let address = Address::parse(address, &["rtsp"]).unwrap();
        let report = Arc::new(GateReport::default());
        let host = IpAddr::from([127, 0, 0, 1]);
        let gate = "rtsp://127.0.0.1:9/key".to_owned();
        (Dialog::new(&address, gate, transport, (host, host), Arc::clone(&report)), report)
    }

    fn message(text: &str) -> TextMessage {
        let mut lines = text.split('\n');
        let start = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        TextMessage { start, headers: headers.collect(), body: Vec::new() }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap().trim_end().replace("\r\n", "\n")
    }

    #[test]
    fn requests_get_the_camera_s_address_and_their_own_numbers() {
        let (mut dialog, _) = dialog("rtsp://cam/live?a=1", RtspTransport::Auto);
        let sent = dialog.request(message("DESCRIBE rtsp://127.0.0.1:9/key RTSP/1.0\nCSeq: 7")).unwrap();
        assert_eq!(text(&sent), "DESCRIBE rtsp://cam/live?a=1 RTSP/1.0\nCSeq: 1");
        let Step::Answer(answer) = dialog.response(message("RTSP/1.0 200 OK\nCSeq: 1")) else { panic!() };
        assert_eq!(text(&answer), "RTSP/1.0 200 OK\nContent-Base: rtsp://cam/live?a=1\nCSeq: 7");
        assert_eq!(dialog.response(message("RTSP/1.0 200 OK\nCSeq: 1")), Step::Drop, "it has its answer");
        dialog.request(message("OPTIONS rtsp://cam/live/ RTSP/1.0\nCSeq: 8")).unwrap();
        let Step::Answer(answer) = dialog.response(message("RTSP/1.0 200 OK")) else { panic!() };
        assert_eq!(text(&answer), "RTSP/1.0 200 OK\nCSeq: 8", "a camera that repeats no number");
    }

    #[test]
    fn a_challenge_is_answered_once_for_each_kind() {
        let (mut dialog, _) = dialog("rtsp://ana:s3cret@cam/", RtspTransport::Auto);
        dialog.request(message("DESCRIBE rtsp://127.0.0.1:9/key RTSP/1.0\nCSeq: 7")).unwrap();
        let refuse = |number: u32| {
            message(&format!(
                "RTSP/1.0 401 No\nCSeq: {number}\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\""
            ))
        };
        let Step::Ask(again) = dialog.response(refuse(1)) else { panic!() };
        assert!(text(&again).contains("CSeq: 2\nAuthorization: Digest username=\"ana\""), "{}", text(&again));
        let Step::Answer(refused) = dialog.response(refuse(2)) else { panic!() };
        assert!(text(&refused).contains("401") && text(&refused).contains("CSeq: 7"));
    }

    #[test]
    fn the_announced_channel_and_sender_are_the_gate_s_business() {
        let (mut dialog, _) = dialog("rtsp://cam/", RtspTransport::Auto);
        let ask =
            message("SETUP rtsp://cam/v RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1");
        dialog.request(ask).unwrap();
        let agree = "RTSP/1.0 200 OK\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=4-5;ssrc=0000a0c6";
        let Step::Answer(answer) = dialog.response(message(agree)) else { panic!() };
        assert!(
            text(&answer).contains("Transport: RTP/AVP/TCP;unicast;interleaved=0-1"),
            "{}",
            text(&answer)
        );
        let media = dialog.media.unwrap();
        assert_eq!((media.from, media.to), (4, 0));
    }

    #[test]
    fn a_redirection_ends_the_connection() {
        let (mut dialog, report) = dialog("rtsp://cam/", RtspTransport::Auto);
        dialog.request(message("DESCRIBE rtsp://127.0.0.1:9/key RTSP/1.0\nCSeq: 7")).unwrap();
        assert_eq!(
            dialog.response(message("RTSP/1.0 302 Found\nCSeq: 1\nLocation: rtsp://cam/2")),
            Step::End
        );
        assert_eq!(report.ended(), Some(GateEnd::Redirect(Some("rtsp://cam/2".into()))));
    }
}
