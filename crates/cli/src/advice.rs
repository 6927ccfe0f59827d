//! Errors with the command that mends them.

use std::error::Error;
use std::io::{self, ErrorKind};

use passerby::pipeline::FlowError;
use passerby::types::SourceError;

/// Returns the error's text, and what mends it if that is known: the command that builds a program that can read the input, or
/// the beginning of an address.
pub(crate) fn with_advice(error: &(dyn Error + 'static)) -> String {
    let source = match error.downcast_ref::<FlowError>() {
        Some(FlowError::Source(source)) => Some(source),
        _ => error.downcast_ref::<SourceError>(),
    };
    match source.and_then(SourceError::feature) {
        Some(feature) => {
            let and = match feature {
                "ffmpeg" => ", and install ffmpeg",
                "libav" => ", with the packages that docs/inputs.md lists",
                _ => "",
            };
            format!("{error}; to read it: cargo install --locked --path crates/cli --features {feature}{and}")
        }
        None if source.is_some_and(is_address_without_scheme) => {
            format!("{error}; the address of a network camera begins with rtsp:// or http://")
        }
        None => error.to_string(),
    }
}

/// Returns true if no file has the name of this input, and the name is a host and a port, for example `10.0.0.5:554/live`.
fn is_address_without_scheme(error: &SourceError) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let Some((host, rest)) = error.input().split_once(':') else { return false };
    let port = rest.split('/').next().unwrap_or_default();
    cause.is_some_and(|cause| cause.kind() == ErrorKind::NotFound)
        && !host.is_empty()
        && !host.contains('/')
        && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_feature_names_the_whole_command() {
        let error = SourceError::unsupported("webcam:0", "cameras").needs_feature("webcam");
        let line = with_advice(&error);
        assert_eq!(
            line,
            format!("{error}; to read it: cargo install --locked --path crates/cli --features webcam")
        );
    }

    #[test]
    fn a_video_that_ffmpeg_reads_needs_ffmpeg_as_well() {
        let error = SourceError::unsupported("x.avi", "container AVI").needs_feature("ffmpeg");
        let line = with_advice(&FlowError::from(error));
        assert!(
            line.ends_with("cargo install --locked --path crates/cli --features ffmpeg, and install ffmpeg"),
            "{line}"
        );
    }

    #[test]
    fn a_video_that_the_libraries_read_names_the_list_of_packages() {
        let line = with_advice(&SourceError::unsupported("x.mkv", "codec hevc").needs_feature("libav"));
        assert!(line.ends_with("--features libav, with the packages that docs/inputs.md lists"), "{line}");
    }

    #[test]
    fn an_address_without_its_scheme_gets_the_schemes() {
        let missing = |name: &str| SourceError::io(name, ErrorKind::NotFound.into());
        for name in ["127.0.0.1:8554/live", "door.local:554"] {
            let line = with_advice(&missing(name));
            assert!(line.ends_with("begins with rtsp:// or http://"), "{line}");
        }
        for name in ["door.mp4", "webcam:front", "folder/a:1", ":80"] {
            assert_eq!(with_advice(&missing(name)), missing(name).to_string());
        }
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let empty = SourceError::Empty { input: "x".into() };
        assert_eq!(with_advice(&empty), "x: empty file");
        assert_eq!(with_advice(&FlowError::from(empty)), "x: empty file");
    }
}
