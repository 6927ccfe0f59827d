//! Errors with the command that mends them.

use std::error::Error;

use passerby::pipeline::FlowError;
use passerby::types::SourceError;

/// Returns the error's text, and the command that builds a program that can read the input, if there is one.
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
        None => error.to_string(),
    }
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
    fn other_errors_stay_as_they_are() {
        let empty = SourceError::Empty { input: "x".into() };
        assert_eq!(with_advice(&empty), "x: empty file");
        assert_eq!(with_advice(&FlowError::from(empty)), "x: empty file");
    }
}
