//! The settings of the source that reads with FFmpeg's libraries.

use crate::context::SourceContext;

/// The settings of a [`Libav`](super::Libav).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct LibavSettings {
    /// The threads of the decoder. 1 by default, which takes the least CPU time for each picture. With 0, FFmpeg decides.
    ///
    /// More threads decode one video faster, and hold more pictures in memory.
    pub threads: usize,
    /// The limits and the pool that lends the buffers of the pictures.
    pub context: SourceContext,
}

impl Default for LibavSettings {
    fn default() -> Self {
        Self { threads: 1, context: SourceContext::default() }
    }
}
