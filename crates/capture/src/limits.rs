//! What keeps memory bounded.

/// How large an input may be. Beyond it opening or reading fails with [`passerby_types::SourceError::TooLarge`], or
/// the frame counts as damaged, before memory is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Pixels of a still picture. 64 Mi by default, 192 MiB as RGB.
    pub picture_pixels: u64,
    /// Pixels of a video frame. 9,437,184 by default, as level 5.2 of H.264 allows (4096x2304): a stream may make its
    /// decoder hold 17 frames, and 16 more may wait for their turn.
    pub video_pixels: u64,
    /// Samples (frames) of a video track. 8 Mi by default, 77 hours at 30 frames a second; a sample takes 24 bytes.
    pub samples: u64,
    /// Bytes of one box of a video's index, of a still picture's file, and of a coded frame, which may also have no more
    /// than 2 bytes a pixel of the largest frame and 1 MiB. 256 MiB by default.
    pub bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { picture_pixels: 64 << 20, video_pixels: 36_864 * 256, samples: 8 << 20, bytes: 256 << 20 }
    }
}
