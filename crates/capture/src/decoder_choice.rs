//! The choice of an H.264 decoder.

/// Which H.264 decoder a source uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Decoder {
    /// FFmpeg's decoder if the feature `libav` is on. Otherwise the pure Rust decoder, unless the feature `openh264` is on and
    /// OpenH264 suits the stream better.
    ///
    /// OpenH264 decodes streams of the Baseline profile, which takes it half the time and gives the same pictures, and
    /// streams whose first key frame uses something that the pure Rust decoder doesn't know. After a damaged picture
    /// OpenH264 returns none until the next key frame.
    #[default]
    Auto,
    /// The pure Rust decoder.
    Rusty,
    /// OpenH264. Needs the feature `openh264`.
    OpenH264,
    /// The decoder of FFmpeg's libraries. Needs the feature `libav`.
    Libav,
}
