//! A coded picture with its times.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::CodedPicture;

/// A coded picture of a camera, with the number and the times of its frame. A clone shares the data.
#[derive(Clone, Debug)]
pub struct CodedFrame {
    /// The data, and how to decode it.
    pub coded: Arc<CodedPicture>,
    /// The presentation time: the same as [`FrameMeta::pts`](passerby_types::FrameMeta::pts) of the frame that was decoded from this
    /// data.
    pub pts: Duration,
    /// The decoding time. It rises from frame to frame of a camera. Without B frames it is the presentation time. With B frames it is
    /// the presentation time at the same place in display order, so it may be later than `pts`.
    pub dts: Duration,
    /// The number of the frame: the same as [`FrameMeta::seq`](passerby_types::FrameMeta::seq).
    pub seq: u64,
}
