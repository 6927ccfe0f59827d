//! The error for an input whose feature is off.

use passerby_types::SourceError;

/// Returns the error for an input that needs another feature of this crate.
///
/// `what` names the kind of input in the plural, for example `video files`.
#[cfg_attr(
    all(
        feature = "video",
        feature = "images",
        feature = "scene",
        feature = "rtsp",
        feature = "mjpeg",
        feature = "webcam",
        feature = "ffmpeg"
    ),
    allow(dead_code, reason = "this build has every feature")
)]
pub(super) fn missing_feature(input: &str, what: &str, feature: &'static str) -> SourceError {
    let what = format!("input: {what} need the feature `{feature}`");
    SourceError::unsupported(input, what).needs_feature(feature)
}
