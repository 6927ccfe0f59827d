//! The words for a connection that did not come about.

use std::io::{self, ErrorKind};
use std::time::Duration;

use passerby_types::SourceError;

use super::address::Address;

/// Returns the error for a camera whose host the system does not know.
pub(crate) fn unknown_host(input: &str, host: &str, cause: io::Error) -> SourceError {
    let what = format!("unknown host {host}: check the name of the camera");
    SourceError::disconnected(input, what).caused_by(cause)
}

/// Returns the error for a connection that the system could not make.
pub(crate) fn no_connection(input: &str, port: u16, cause: io::Error) -> SourceError {
    let what = match cause.kind() {
        ErrorKind::ConnectionRefused => {
            format!("connection refused at port {port}: check the port, and that the camera is on")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "no route to the camera: check the address and the network".into()
        }
        ErrorKind::TimedOut => "no answer: check the address, and that the camera is on".into(),
        _ => format!("no connection: {cause}"),
    };
    SourceError::disconnected(input, what).caused_by(cause)
}

/// Returns the error for a camera that did not answer within `timeout`.
pub(crate) fn no_answer(input: &str, timeout: Duration) -> SourceError {
    let what = format!("no answer within {timeout:.1?}: check the address, and that the camera is on");
    SourceError::disconnected(input, what).caused_by(io::Error::from(ErrorKind::TimedOut))
}

/// Returns the description of a path that the camera does not know.
pub(crate) fn no_stream(address: &Address) -> String {
    format!("the camera has no stream {}: check the path after the host", address.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_words() {
        for (kind, says) in [
            (ErrorKind::ConnectionRefused, "connection refused at port 554"),
            (ErrorKind::HostUnreachable, "no route to the camera"),
            (ErrorKind::NetworkUnreachable, "no route to the camera"),
            (ErrorKind::TimedOut, "no answer"),
            (ErrorKind::PermissionDenied, "no connection: permission denied"),
        ] {
            let error = no_connection("rtsp://door/", 554, kind.into());
            assert!(error.to_string().starts_with(&format!("rtsp://door/: {says}")), "{error}");
            let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
            assert_eq!(cause.map(io::Error::kind), Some(kind));
        }
    }
}
