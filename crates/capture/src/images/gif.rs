//! The frames of a GIF.

use std::fs::File;
use std::io::{self, BufReader};
use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, Frame, MemoryLimit};
use passerby_types::{ColorSpace, FramePool, Image, ImageError, Picture, PixelLayout, SourceError};

use super::image_file::check_size;
use crate::limits::DecodeLimits;

/// How long a frame without a delay is shown, as in browsers.
const DEFAULT_DELAY: Duration = Duration::from_millis(100);

/// Reads the frames of a GIF as whole pictures.
///
/// A frame may cover a part of the canvas only. The other pixels keep the values of the frames before it.
pub(super) struct Gif {
    decoder: Decoder<BufReader<File>>,
    canvas: Canvas,
    next_pts: Duration,
    returned: u64,
    ended: bool,
}

impl Gif {
    /// Reads the header.
    pub(super) fn open(
        file: BufReader<File>,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Self, SourceError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        let bytes = NonZeroU64::new(limits.picture_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
        options.set_memory_limit(MemoryLimit::Bytes(bytes));
        let decoder = options.read_info(file).map_err(|e| malformed(input, &e))?;
        let width = decoder.width();
        let height = decoder.height();
        check_size(width.into(), height.into(), limits, input)?;
        let canvas = Canvas::new(width.into(), height.into());
        Ok(Self { decoder, canvas, next_pts: Duration::ZERO, returned: 0, ended: false })
    }

    /// Returns the next frame, or `None` at the end.
    pub(super) fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let frame = match self.decoder.read_next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) if self.returned == 0 => return Err(malformed(input, &"a GIF without frames")),
            Ok(None) => return Ok(None),
            Err(e) if self.returned > 0 && is_cut_off(&e) => {
                return Err(SourceError::Truncated {
                    input: input.into(),
                    frames: self.returned,
                    expected: None,
                });
            }
            Err(e) => return Err(malformed(input, &e)),
        };
        let delay = Duration::from_millis(10 * u64::from(frame.delay));
        let image = self.canvas.paint(frame, pool).map_err(|e| malformed(input, &e))?;
        let pts = Some(self.next_pts);
        self.next_pts += if delay.is_zero() { DEFAULT_DELAY } else { delay };
        self.returned += 1;
        self.ended = false;
        Ok(Some(Picture::new(image, pts)))
    }
}

fn is_cut_off(e: &DecodingError) -> bool {
    match e {
        DecodingError::Io(e) => e.kind() == io::ErrorKind::UnexpectedEof,
        other => matches!(other, DecodingError::UnexpectedEof),
    }
}

fn malformed(input: &str, what: &impl ToString) -> SourceError {
    SourceError::malformed(input, what.to_string())
}

/// The RGB picture onto which frames are painted. It starts black.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![0; width * height * 3] }
    }

    /// Paints a frame, returns a copy of the canvas, and prepares the canvas for the next frame.
    fn paint(&mut self, frame: &Frame<'_>, pool: &FramePool) -> Result<Image, ImageError> {
        let before = (frame.dispose == DisposalMethod::Previous).then(|| self.pixels.clone());
        let row_len = usize::from(frame.width) * 4;
        for (row, source) in frame.buffer.chunks_exact(row_len.max(1)).enumerate() {
            let Some(at) = self.row(frame, row) else { break };
            for (pixel, rgba) in self.pixels[at].chunks_exact_mut(3).zip(source.chunks_exact(4)) {
                if rgba[3] > 0 {
                    pixel.copy_from_slice(&rgba[..3]);
                }
            }
        }
        let width = self.width as u32;
        let height = self.height as u32;
        let mut image = Image::new_in(pool, PixelLayout::Rgb8, width, height, ColorSpace::JPEG)?;
        for (y, row) in self.pixels.chunks_exact(self.width * 3).enumerate() {
            image.row_mut(0, y).copy_from_slice(row);
        }
        match (before, frame.dispose) {
            (Some(before), _) => self.pixels = before,
            (None, DisposalMethod::Background) => {
                for row in 0..usize::from(frame.height) {
                    let Some(at) = self.row(frame, row) else { break };
                    self.pixels[at].fill(0);
                }
            }
            _ => {}
        }
        Ok(image)
    }

    /// Returns the bytes of a frame's row on the canvas, cut off at its right edge. `None` for a row below the canvas.
    fn row(&self, frame: &Frame<'_>, row: usize) -> Option<Range<usize>> {
        let y = usize::from(frame.top) + row;
        let left = usize::from(frame.left).min(self.width);
        let right = (left + usize::from(frame.width)).min(self.width);
        (y < self.height).then(|| (y * self.width + left) * 3..(y * self.width + right) * 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a frame of one colour.
    fn frame(place: [u16; 4], rgba: [u8; 4], dispose: DisposalMethod) -> Frame<'static> {
        let [left, top, width, height] = place;
        let buffer = rgba.repeat(usize::from(width) * usize::from(height)).into();
        Frame { left, top, width, height, dispose, buffer, ..Frame::default() }
    }

    #[test]
    fn frames_follow_their_disposal_within_the_canvas() {
        let pool = FramePool::default();
        let mut canvas = Canvas::new(3, 2);
        let mut show = |frame: Frame<'_>| {
            let image = canvas.paint(&frame, &pool).unwrap();
            image.plane(0).data.iter().step_by(3).copied().collect::<Vec<u8>>()
        };
        let keep = DisposalMethod::Keep;
        let background = DisposalMethod::Background;
        assert_eq!(show(frame([0, 0, 3, 2], [1, 1, 1, 255], keep)), [1, 1, 1, 1, 1, 1]);
        assert_eq!(show(frame([1, 0, 1, 1], [2, 2, 2, 255], DisposalMethod::Previous)), [1, 2, 1, 1, 1, 1]);
        assert_eq!(show(frame([0, 1, 1, 1], [3, 3, 3, 255], background)), [1, 1, 1, 3, 1, 1]);
        assert_eq!(show(frame([0, 0, 3, 2], [9, 9, 9, 0], keep)), [1, 1, 1, 0, 1, 1]);
        assert_eq!(show(frame([2, 1, 9, 9], [4, 4, 4, 255], keep)), [1, 1, 1, 0, 1, 4]);
        assert_eq!(show(frame([9, 9, 9, 9], [5, 5, 5, 255], background)), [1, 1, 1, 0, 1, 4]);
        assert_eq!(show(frame([0, 0, 0, 0], [6, 6, 6, 255], keep)), [1, 1, 1, 0, 1, 4]);
    }
}
