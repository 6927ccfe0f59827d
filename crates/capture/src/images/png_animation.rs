//! The frames of an animated PNG.

use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use passerby_types::{FramePool, Picture, SourceError};
use png::{BlendOp, ColorType, Decoder, DecodingError, DisposeOp, Limits, Reader, Transformations};

use super::canvas::{Canvas, Disposal, Layer, check_size, shown_for};
use super::sequence::PictureSequence;
use crate::limits::DecodeLimits;

/// Reads the frames of an animated PNG as whole pictures.
pub(super) struct PngAnimation {
    reader: Reader<BufReader<File>>,
    canvas: Canvas,
    frame: Vec<u8>,
    rgba: Vec<u8>,
    /// The frames of the file that were not read yet, and the still picture before them if it isn't one of them.
    left: u32,
    next_pts: Duration,
    returned: u64,
}

impl PngAnimation {
    /// Reads the header. Returns `None` if the file holds one picture.
    pub(super) fn open(
        file: BufReader<File>,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Option<Self>, SourceError> {
        let bytes = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
        let mut decoder = Decoder::new_with_limits(file, Limits { bytes });
        decoder.set_transformations(Transformations::normalize_to_color8());
        // The reader of still pictures reports the fault.
        let Ok(reader) = decoder.read_info() else { return Ok(None) };
        let info = reader.info();
        let Some(frames) = info.animation_control.map(|control| control.num_frames) else { return Ok(None) };
        if frames < 2 {
            return Ok(None);
        }
        check_size(info.width, info.height, limits, input)?;
        let canvas = Canvas::new(info.width as usize, info.height as usize);
        // A still picture before the first frame, for programs that know no animations, is not one of them.
        let left = frames.saturating_add(u32::from(info.frame_control.is_none()));
        let (frame, rgba) = (Vec::new(), Vec::new());
        Ok(Some(Self { reader, canvas, frame, rgba, left, next_pts: Duration::ZERO, returned: 0 }))
    }
}

impl PictureSequence for PngAnimation {
    fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        while self.left > 0 {
            self.left -= 1;
            let is_frame = self.returned > 0 || self.reader.info().frame_control.is_some();
            self.frame.resize(self.reader.output_buffer_size().unwrap_or(0), 0);
            let info = match self.reader.next_frame(&mut self.frame) {
                Ok(info) => info,
                Err(e) => {
                    self.left = 0;
                    return Err(match e {
                        DecodingError::IoError(e)
                            if self.returned > 0 && e.kind() == std::io::ErrorKind::UnexpectedEof =>
                        {
                            let frames = self.returned;
                            SourceError::Truncated { input: input.into(), frames, expected: None }
                        }
                        e => SourceError::malformed(input, e.to_string()),
                    });
                }
            };
            let Some(control) = self.reader.info().frame_control.filter(|_| is_frame) else { continue };
            to_rgba(&self.frame[..info.buffer_size()], info.color_type, &mut self.rgba);
            let layer = Layer {
                left: control.x_offset as usize,
                top: control.y_offset as usize,
                width: info.width as usize,
                rgba: &self.rgba,
                blends: control.blend_op == BlendOp::Over,
                disposal: match control.dispose_op {
                    DisposeOp::None => Disposal::Keep,
                    DisposeOp::Background => Disposal::Background,
                    DisposeOp::Previous => Disposal::Previous,
                },
            };
            let image = self.canvas.paint(&layer, pool);
            let image = image.map_err(|e| SourceError::malformed(input, e.to_string()))?;
            // A denominator of zero means hundredths of a second.
            let per_second = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
            let delay = Duration::from_secs(u64::from(control.delay_num)) / per_second;
            let pts = Some(self.next_pts);
            self.next_pts += shown_for(delay);
            self.returned += 1;
            return Ok(Some(Picture::new(image, pts)));
        }
        Ok(None)
    }
}

/// Replaces `out` by the pixels with four channels each.
fn to_rgba(pixels: &[u8], color: ColorType, out: &mut Vec<u8>) {
    out.clear();
    match color {
        ColorType::Grayscale => out.extend(pixels.iter().flat_map(|&y| [y, y, y, 255])),
        ColorType::GrayscaleAlpha => {
            out.extend(pixels.as_chunks::<2>().0.iter().flat_map(|&[y, a]| [y, y, y, a]));
        }
        ColorType::Rgb => out.extend(pixels.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255])),
        // Palettes are expanded.
        ColorType::Rgba | ColorType::Indexed => out.extend_from_slice(pixels),
    }
}
