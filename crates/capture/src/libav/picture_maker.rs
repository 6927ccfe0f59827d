//! Turns FFmpeg's frames into pictures.

use ffmpeg_the_third as ffmpeg;

use ffmpeg::color::{Range as CodedRange, Space};
use ffmpeg::format::Pixel;
use ffmpeg::frame;
use ffmpeg::frame::side_data::Type as SideDataType;
use passerby_types::{ColorSpace, FramePool, Image, Matrix, PixelLayout, Range};

use super::display_matrix::rotation;
use super::filter_graph::{FilterGraph, GraphInput};
use super::guard::guarded;
use crate::planes::{DecodedPlane, copy_planes};
use crate::rotation::Rotation;

/// The filter that makes frames progressive refuses smaller ones.
const MIN_FILTER_SIDE: u32 = 3;

/// A picture with its time stamp in the decoder's units.
pub(crate) type TimedImage = (Image, Option<i64>);

/// Turns frames into pictures: `I420` or `Nv12`, upright, progressive.
///
/// Frames that have this form already are copied once, into a buffer of the pool. All others go through FFmpeg's filters first.
pub(crate) struct PictureMaker {
    pool: FramePool,
    max_pixels: u64,
    deinterlace: bool,
    rotation: Option<Rotation>,
    graph: Option<FilterGraph>,
    /// False after a frame whose colour space has no name. The wrapper of the libraries panics at each of those.
    is_color_readable: bool,
}

impl PictureMaker {
    /// Creates a maker of pictures with at most `max_pixels` pixels, whose buffers `pool` lends.
    pub(crate) fn new(pool: FramePool, max_pixels: u64) -> Self {
        Self { pool, max_pixels, deinterlace: false, rotation: None, graph: None, is_color_readable: true }
    }

    /// Sets whether frames that are marked as interlaced are made progressive. Each picture then comes one frame later.
    pub(crate) fn set_deinterlace(&mut self, deinterlace: bool) {
        self.deinterlace = deinterlace;
    }

    /// Sets how pictures are rotated, regardless of what their frames say.
    pub(super) fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = Some(rotation);
    }

    /// Converts a frame and appends the pictures that are ready to `out`.
    ///
    /// # Errors
    /// `InvalidData` if the frame is larger than the limit or has no pixels. The error of a filter.
    pub(crate) fn convert(
        &mut self,
        frame: &frame::Video,
        time: Option<i64>,
        out: &mut Vec<TimedImage>,
    ) -> Result<(), ffmpeg::Error> {
        let size = (frame.width(), frame.height());
        if u64::from(size.0) * u64::from(size.1) > self.max_pixels || size.0.max(size.1) > Image::MAX_SIDE {
            return Err(ffmpeg::Error::InvalidData);
        }
        let format = frame.format();
        let flipped = (0..frame.planes()).any(|plane| is_flipped(frame, plane));
        let deinterlace = self.deinterlace && size.0.min(size.1) >= MIN_FILTER_SIDE;
        if layout(format).is_some() && !flipped && !deinterlace {
            self.drain(out)?;
            out.push((self.copy(frame)?, time));
            return Ok(());
        }
        let input = GraphInput { format, size, deinterlace, flipped };
        if self.graph.as_ref().is_none_or(|graph| graph.input != input) {
            self.drain(out)?;
            self.graph = Some(FilterGraph::new(input)?);
        }
        if let Some(graph) = &mut self.graph {
            graph.push(frame, time)?;
        }
        self.pull(out)
    }

    /// Appends the pictures that the filters hold. The next frame begins anew.
    pub(crate) fn drain(&mut self, out: &mut Vec<TimedImage>) -> Result<(), ffmpeg::Error> {
        if let Some(graph) = &mut self.graph {
            graph.finish()?;
            let result = self.pull(out);
            self.graph = None;
            result?;
        }
        Ok(())
    }

    /// Forgets the pictures that the filters hold.
    #[cfg(feature = "_h264")]
    pub(crate) fn reset(&mut self) {
        self.graph = None;
    }

    fn pull(&mut self, out: &mut Vec<TimedImage>) -> Result<(), ffmpeg::Error> {
        while let Some(graph) = &mut self.graph
            && let Some((frame, time)) = graph.pull()?
        {
            out.push((self.copy(&frame)?, time));
        }
        Ok(())
    }

    /// Copies a frame into a buffer of the pool, and rotates it.
    fn copy(&mut self, frame: &frame::Video) -> Result<Image, ffmpeg::Error> {
        let layout = layout(frame.format()).ok_or(ffmpeg::Error::InvalidData)?;
        if frame.planes() < layout.planes() || (0..layout.planes()).any(|plane| is_flipped(frame, plane)) {
            return Err(ffmpeg::Error::InvalidData);
        }
        let mut planes: [DecodedPlane<'_>; 3] = [(&[], 0); 3];
        for (index, plane) in planes.iter_mut().enumerate().take(layout.planes()) {
            *plane = (frame.data(index), frame.stride(index));
        }
        let color = self.color(frame);
        let size = (frame.width(), frame.height());
        let image = copy_planes(layout, &planes, (0, 0), size, color, &self.pool)
            .ok_or(ffmpeg::Error::InvalidData)?;
        let rotation = self.rotation.unwrap_or_else(|| {
            let matrix = frame.side_data(SideDataType::DisplayMatrix);
            matrix.map_or_else(Rotation::default, |matrix| rotation(matrix.data()))
        });
        rotation.apply(image, &self.pool).map_err(|_| ffmpeg::Error::InvalidData)
    }

    /// Returns the frame's colour space. Everything that isn't declared is BT.601 with limited range.
    fn color(&mut self, frame: &frame::Video) -> ColorSpace {
        if !self.is_color_readable {
            return ColorSpace::default();
        }
        let read = guarded(|| Ok((frame.color_space(), frame.color_range())));
        self.is_color_readable = read.is_ok();
        let Ok((space, range)) = read else { return ColorSpace::default() };
        let matrix = match space {
            Space::BT709 | Space::SMPTE240M | Space::BT2020NCL | Space::BT2020CL => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        let is_full = range == CodedRange::JPEG || frame.format() == Pixel::YUVJ420P;
        ColorSpace { matrix, range: if is_full { Range::Full } else { Range::Limited } }
    }
}

/// Returns the layout of frames that need no conversion.
fn layout(format: Pixel) -> Option<PixelLayout> {
    match format {
        Pixel::YUV420P | Pixel::YUVJ420P => Some(PixelLayout::I420),
        Pixel::NV12 => Some(PixelLayout::Nv12),
        _ => None,
    }
}

/// Returns true if the rows of a plane are stored from bottom to top.
fn is_flipped(frame: &frame::Video, plane: usize) -> bool {
    // The wrapper casts the negative number of bytes from row to row.
    i32::try_from(frame.stride(plane)).is_err()
}
