//! The live video of one camera for one viewer: the messages of the WebSocket `/api/cameras/{camera}/video`.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};

use passerby_mp4::{Fmp4Muxer, InitSegment};
use passerby_pipeline::CodedStream;

/// A viewer that was too slow this often cannot keep up, and its stream ends.
const MAX_JUMPS: u64 = 2;

/// A message to the viewer.
#[derive(Clone, PartialEq, Eq)]
pub enum VideoMessage {
    /// A text message, JSON: `{"codec":"avc1.64001f","width":1280,"height":720}`. An init segment follows. The size is that of the
    /// picture as it is shown.
    Description(String),
    /// A binary message: an init segment, or a segment with one frame.
    Segment(Vec<u8>),
}

/// Prints sizes only: a segment may show a face.
impl fmt::Debug for VideoMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description(text) => f.debug_tuple("Description").field(text).finish(),
            Self::Segment(data) => write!(f, "Segment({} bytes)", data.len()),
        }
    }
}

/// Why a viewer's video ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoEnd {
    /// The camera has ended.
    Camera,
    /// The viewer was too slow twice. After the first time it continued with a key frame.
    Slow,
}

/// Turns the coded frames of one camera into the messages for one viewer.
///
/// ```no_run
/// # async fn serve(stream: passerby_pipeline::CodedStream) {
/// use passerby_preview::{VideoFeed, VideoMessage};
///
/// let mut feed = VideoFeed::new(stream);
/// while let Ok(message) = std::future::poll_fn(|context| feed.poll_next(context)).await {
///     match message {
///         VideoMessage::Description(json) => println!("text: {json}"),
///         VideoMessage::Segment(bytes) => println!("binary: {} bytes", bytes.len()),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct VideoFeed {
    stream: CodedStream,
    muxer: Fmp4Muxer,
    ready: VecDeque<VideoMessage>,
    refused: u64,
}

impl VideoFeed {
    /// Creates the video of a viewer.
    #[must_use]
    pub fn new(stream: CodedStream) -> Self {
        Self { stream, muxer: Fmp4Muxer::default(), ready: VecDeque::new(), refused: 0 }
    }

    /// Returns the next message, or the reason why the video has ended. Wakes the task of the latest call if it returned `Pending`.
    ///
    /// The first messages are the description and the init segment, which come again if they change, and then the segment of a key
    /// frame.
    ///
    /// # Errors
    /// [`VideoEnd`]: no message follows. The caller should close the connection.
    pub fn poll_next(&mut self, context: &Context<'_>) -> Poll<Result<VideoMessage, VideoEnd>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Poll::Ready(Ok(message));
            }
            if self.stream.stats().jumps >= MAX_JUMPS {
                return Poll::Ready(Err(VideoEnd::Slow));
            }
            let frame = match self.stream.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Err(VideoEnd::Camera)),
                Poll::Ready(Some(frame)) => frame,
            };
            match self.muxer.push(&frame.coded, frame.pts, frame.dts) {
                Ok(Some(frame)) => {
                    if let Some(InitSegment { codec, width, height, data }) = frame.init {
                        let json = format!(r#"{{"codec":"{codec}","width":{width},"height":{height}}}"#);
                        self.ready.push_back(VideoMessage::Description(json));
                        self.ready.push_back(VideoMessage::Segment(data));
                    }
                    self.ready.push_back(VideoMessage::Segment(frame.fragment));
                }
                Ok(None) => {}
                Err(_) => self.refused += 1,
            }
        }
    }

    /// Returns the number of frames that could not be put into an MP4, because their parameter sets are invalid.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns the counts of the stream.
    #[must_use]
    pub fn stats(&self) -> passerby_pipeline::CodedStreamStats {
        self.stream.stats()
    }
}
