//! Files, before anything reads their content.

#[cfg(any(feature = "ffmpeg", feature = "libav"))]
pub(crate) mod containers;
pub(crate) mod folder;
pub(crate) mod regular_file;
pub(crate) mod sniff;
