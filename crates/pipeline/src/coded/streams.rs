//! The coded streams of a running pipeline, for viewers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use passerby_types::{CameraId, Codec, CodedRequest};
use passerby_workers::RecvOutcome;

use super::frame::CodedFrame;
use super::hub::CodedHub;
use super::viewer::{CodedStreamStats, Viewer};
use crate::engine::PipelineEngine;

/// Opens the coded streams of a pipeline's cameras, also of those that are added later. A clone opens the same streams.
/// [`Handle::coded_streams`](crate::Handle::coded_streams) returns it.
#[derive(Clone)]
pub struct CodedStreams {
    pub(crate) engine: Arc<PipelineEngine>,
}

impl fmt::Debug for CodedStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodedStreams")
    }
}

impl CodedStreams {
    /// Opens the stream of a camera for one viewer. Returns `None` if there is no such camera.
    ///
    /// If the camera has no coded pictures, no frame ever comes: [`CodedStreams::codec`] says so. If the camera has ended, the stream
    /// has, too.
    #[must_use]
    pub fn open(&self, camera: CameraId) -> Option<CodedStream> {
        let hub = self.hub(camera)?;
        let (viewer, request) = hub.join();
        Some(CodedStream { viewer, hub, _request: request })
    }

    /// Returns the codec of a camera's stream. Returns `None` if there is no such camera, if its pictures are not coded as a viewer
    /// could decode them, and before the camera's first picture.
    #[must_use]
    pub fn codec(&self, camera: CameraId) -> Option<Codec> {
        self.hub(camera)?.codec()
    }

    fn hub(&self, camera: CameraId) -> Option<Arc<CodedHub>> {
        self.engine
            .cameras
            .read()
            .iter()
            .find(|state| state.id == camera)
            .map(|state| Arc::clone(&state.coded))
    }
}

/// The coded frames of one camera for one viewer, in decoding order. Dropping it ends it.
///
/// The frames are those that the pipeline reads: a frame that the source lost, or could not decode, does not come, and while the
/// pipeline is paused none does. Frames without a presentation time do not come either. The first frame is a key frame. If another
/// viewer was there before, it is the newest one, followed at once by the frames since then, if these are at most 300 and have at
/// most 4 MiB. Otherwise it is the next key frame of the camera. A frame comes when its picture leaves the decoder. With B frames
/// this is when the frames before it in decoding order have been shown.
///
/// A viewer never holds up the camera. If more than 64 frames or 8 MiB wait for it, it jumps to the newest key frame, and the frames
/// before are skipped and counted.
pub struct CodedStream {
    viewer: Arc<Viewer>,
    hub: Arc<CodedHub>,
    _request: CodedRequest,
}

impl CodedStream {
    /// Returns the next frame, and waits for it up to `timeout`. The outcome is `Closed` after the last frame of a camera that has
    /// ended.
    pub fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<CodedFrame> {
        self.viewer.recv_timeout(timeout)
    }

    /// Returns the next frame for asynchronous callers, or `None` after the last frame of a camera that has ended. If it returns
    /// `Pending`, it wakes the task of the latest call when a frame comes.
    ///
    /// ```no_run
    /// # async fn show(stream: passerby_pipeline::CodedStream) {
    /// while let Some(frame) = std::future::poll_fn(|context| stream.poll_recv(context)).await {
    ///     println!("{:?}: {} bytes", frame.pts, frame.coded.data.len());
    /// }
    /// # }
    /// ```
    pub fn poll_recv(&self, context: &Context<'_>) -> Poll<Option<CodedFrame>> {
        self.viewer.poll_recv(context)
    }

    /// Returns the counts of this viewer.
    #[must_use]
    pub fn stats(&self) -> CodedStreamStats {
        self.viewer.stats()
    }
}

impl Drop for CodedStream {
    fn drop(&mut self) {
        self.hub.leave(&self.viewer);
    }
}

impl fmt::Debug for CodedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodedStream").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
