//! Errors with the command that mends them.

use std::error::Error;

use passerby::pipeline::FlowError;
use passerby::types::SourceError;

/// The features of this package that add inputs.
const FEATURES: [&str; 4] = ["webcam", "ffmpeg", "openh264", "tls"];
/// How the descriptions of videos begin that ffmpeg may read.
const VIDEO_FORMATS: [&str; 4] = ["codec", "container", "H.264", "interlaced"];

/// Returns the error's text, and the command that builds a program that can read the input, if there is one.
pub(crate) fn with_advice(error: &(dyn Error + 'static)) -> String {
    let source = match error.downcast_ref::<FlowError>() {
        Some(FlowError::Source(source)) => Some(source),
        _ => error.downcast_ref::<SourceError>(),
    };
    match source.and_then(missing_feature) {
        Some(feature) => {
            let and = if feature == "ffmpeg" { ", and install ffmpeg" } else { "" };
            format!("{error}; to read it: cargo install --path crates/cli --features {feature}{and}")
        }
        None => error.to_string(),
    }
}

/// Returns the feature that this build lacks for the input, or `None` if no feature can read it.
fn missing_feature(error: &SourceError) -> Option<&'static str> {
    let SourceError::Unsupported { what, .. } = error else { return None };
    let named = FEATURES.into_iter().find(|feature| what.contains(&format!("feature `{feature}`")));
    let is_video = || !cfg!(feature = "ffmpeg") && VIDEO_FORMATS.iter().any(|begin| what.starts_with(begin));
    named.or_else(|| is_video().then_some("ffmpeg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(what: &str) -> String {
        with_advice(&SourceError::Unsupported { input: "x".into(), what: what.into() })
    }

    #[test]
    fn a_missing_feature_names_the_whole_command() {
        let line = advice("input: cameras at this machine need the feature `webcam`");
        assert!(line.ends_with("; to read it: cargo install --path crates/cli --features webcam"), "{line}");
    }

    #[cfg(not(feature = "ffmpeg"))]
    #[test]
    fn a_video_that_only_ffmpeg_reads_names_the_whole_command() {
        let line = advice("container AVI; convert it to MP4 with H.264");
        assert!(
            line.ends_with("cargo install --path crates/cli --features ffmpeg, and install ffmpeg"),
            "{line}"
        );
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        assert_eq!(advice("HEIF or AVIF picture"), "x: unsupported HEIF or AVIF picture");
        let empty = SourceError::Empty { input: "x".into() };
        assert_eq!(with_advice(&empty), empty.to_string());
        assert_eq!(with_advice(&FlowError::from(empty)), "x: empty file");
    }
}
