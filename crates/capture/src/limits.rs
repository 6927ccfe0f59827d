//! The limits that bound a source's memory.

/// How large an input may be.
///
/// If an input exceeds a limit, opening or reading it fails with [`passerby_types::SourceError::TooLarge`], or its frame
/// counts as damaged. The source checks a limit before it allocates memory for the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct DecodeLimits {
    /// The pixels of a still picture. 64 Mi by default, which are 192 MiB as RGB.
    pub picture_pixels: u64,
    /// The bytes of a still picture as its decoder returns it, with all its channels and up to 16 bits for each. 256 MiB by
    /// default.
    pub decoded_bytes: u64,
    /// The bytes of all pictures of a pool. Beyond this, a picture that has more bytes than the largest video frame as RGB counts as
    /// damaged. 512 MiB by default. Such large pictures are also decoded one at a time, over all sources of the process.
    pub shared_bytes: u64,
    /// The pixels of a video frame. 9,437,184 by default, as level 5.2 of H.264 allows (4096x2304). A stream may make its
    /// decoder hold 17 frames, and 16 more may wait to be returned.
    pub video_pixels: u64,
    /// The samples (frames) of a video track. 8 Mi by default, 77 hours at 30 frames per second. A sample takes 24 bytes.
    pub samples: u64,
    /// The bytes of one box of a video's index, of a picture file, and of a coded frame. 256 MiB by default. A coded frame
    /// must also not exceed 2 bytes per pixel of the largest allowed frame plus 1 MiB.
    pub bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            picture_pixels: 64 << 20,
            decoded_bytes: 256 << 20,
            shared_bytes: 512 << 20,
            video_pixels: 36_864 * 256,
            samples: 8 << 20,
            bytes: 256 << 20,
        }
    }
}

impl DecodeLimits {
    /// Returns true if a picture of `bytes` decoded bytes counts as large.
    #[cfg(feature = "_jpeg")]
    pub(crate) fn is_large(&self, bytes: u64) -> bool {
        bytes > self.video_pixels.saturating_mul(3)
    }
}
