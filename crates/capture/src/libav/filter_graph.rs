//! A chain of FFmpeg's filters that turns frames into progressive ones with 8 bits and 4:2:0.

use std::collections::VecDeque;

use ffmpeg_the_third as ffmpeg;

use ffmpeg::filter::{self, Graph};
use ffmpeg::format::Pixel;
use ffmpeg::frame;

use super::guard::is_again;

/// The properties of frames for which a graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GraphInput {
    pub(super) format: Pixel,
    pub(super) size: (u32, u32),
    /// True if interlaced frames are made progressive. Progressive frames pass as they are.
    pub(super) deinterlace: bool,
    /// True if rows are stored from bottom to top.
    pub(super) flipped: bool,
}

/// A chain of filters. Each frame that goes in comes out once, in order.
pub(super) struct FilterGraph {
    graph: Graph,
    pub(super) input: GraphInput,
    /// The time stamps of the frames inside.
    times: VecDeque<Option<i64>>,
}

const SOURCE: &str = "in";
const SINK: &str = "out";

impl FilterGraph {
    pub(super) fn new(input: GraphInput) -> Result<Self, ffmpeg::Error> {
        let find = |name| filter::find(name).ok_or(ffmpeg::Error::FilterNotFound);
        let mut graph = Graph::new();
        // Frames come out in the order in which they go in, so their times don't matter.
        let arguments = format!(
            "video_size={}x{}:pix_fmt={}:time_base=1/1000000:pixel_aspect=1/1",
            input.size.0,
            input.size.1,
            input.format.descriptor().ok_or(ffmpeg::Error::InvalidData)?.name()
        );
        graph.add(&find("buffer")?, SOURCE, &arguments)?;
        graph.add(&find("buffersink")?, SINK, "")?;
        let mut chain = String::new();
        if input.deinterlace {
            // One frame for each frame, not one for each field.
            chain += "bwdif=mode=send_frame:parity=auto:deint=interlaced,";
        }
        chain += "format=pix_fmts=yuv420p|yuvj420p";
        if input.flipped {
            chain += ",copy";
        }
        graph.output(SOURCE, 0)?.input(SINK, 0)?.parse(&chain)?;
        graph.validate()?;
        Ok(Self { graph, input, times: VecDeque::new() })
    }

    /// Puts a frame with its time stamp in.
    pub(super) fn push(&mut self, frame: &frame::Video, time: Option<i64>) -> Result<(), ffmpeg::Error> {
        let mut source = self.graph.get(SOURCE).ok_or(ffmpeg::Error::FilterNotFound)?;
        source.source().add(frame)?;
        self.times.push_back(time);
        Ok(())
    }

    /// Ends the input. The graph then returns the frames that it holds.
    pub(super) fn finish(&mut self) -> Result<(), ffmpeg::Error> {
        let mut source = self.graph.get(SOURCE).ok_or(ffmpeg::Error::FilterNotFound)?;
        source.source().close(0)
    }

    /// Takes the next frame out, with its time stamp. Returns `None` if the graph needs another one first.
    pub(super) fn pull(&mut self) -> Result<Option<(frame::Video, Option<i64>)>, ffmpeg::Error> {
        // The sink writes over a frame without freeing its old content.
        let mut out = frame::Video::empty();
        let mut sink = self.graph.get(SINK).ok_or(ffmpeg::Error::FilterNotFound)?;
        match sink.sink().frame(&mut out) {
            Ok(()) => Ok(Some((out, self.times.pop_front().flatten()))),
            Err(ffmpeg::Error::Eof) => Ok(None),
            Err(e) if is_again(e) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
