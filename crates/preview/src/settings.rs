//! The settings of the server.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The settings of a [`PreviewServer`](crate::PreviewServer).
#[derive(Clone)]
pub struct PreviewSettings {
    /// The address to listen on. Port 0 takes a free one. 127.0.0.1:8088 by default.
    pub address: SocketAddr,
    /// The token that a request must have. An address that is not a loopback one needs a token. At least 16 bytes.
    pub token: Option<String>,
    /// The names by which browsers reach the server, beside the address and the loopback names, for example
    /// `["cameras.example"]`. A request with another `Host` is refused.
    pub hosts: Vec<String>,
    /// False: the page can look on, and change nothing. True by default.
    pub editable: bool,
    /// True: the faces in all pictures are blurred before a picture leaves the machine, and the coded video, which cannot be
    /// blurred, is refused.
    pub blur: bool,
    /// True: the page shows a picture of each person of the gallery, the best view since the start. It is kept in memory alone. False
    /// by default, and always with `blur`.
    pub person_pictures: bool,
    /// The most viewers of events, pictures and video together. A page needs one for the events, and one for each camera.
    pub max_viewers: usize,
    /// The most connections. Further ones are closed at once.
    pub max_connections: usize,
    /// The most requests a second of one client address, or of one IPv6 network of 64 bits. Requests beyond it get the status 429.
    pub max_requests_per_s: u32,
    /// The most encoded pictures a second of one camera.
    pub max_pictures_per_s: u32,
    /// The time in which a request's head and body must arrive, and the longest time that a connection is idle.
    pub request_timeout: Duration,
    /// A connection whose client takes no byte for this long is closed.
    pub write_timeout: Duration,
}

impl Default for PreviewSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8088)),
            token: None,
            hosts: Vec::new(),
            editable: true,
            blur: false,
            person_pictures: false,
            max_viewers: 64,
            max_connections: 128,
            max_requests_per_s: 200,
            max_pictures_per_s: 8,
            request_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(20),
        }
    }
}

/// Prints everything but the token.
impl fmt::Debug for PreviewSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewSettings")
            .field("address", &self.address)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .field("hosts", &self.hosts)
            .field("editable", &self.editable)
            .field("blur", &self.blur)
            .field("person_pictures", &self.person_pictures)
            .finish_non_exhaustive()
    }
}
