//! The frames of a GIF.

use std::fs::File;
use std::io::{self, BufReader};
use std::num::NonZeroU64;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use passerby_types::{FramePool, Picture, SourceError};

use super::canvas::{Canvas, Disposal, Layer, check_size, shown_for};
use super::sequence::PictureSequence;
use crate::limits::DecodeLimits;

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
        let bytes = NonZeroU64::new(limits.video_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
        options.set_memory_limit(MemoryLimit::Bytes(bytes));
        let decoder = options.read_info(file).map_err(|e| malformed(input, &e))?;
        let width = decoder.width();
        let height = decoder.height();
        check_size(width.into(), height.into(), limits, input)?;
        let canvas = Canvas::new(width.into(), height.into());
        Ok(Self { decoder, canvas, next_pts: Duration::ZERO, returned: 0, ended: false })
    }
}

impl PictureSequence for Gif {
    fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
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
        let layer = Layer {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            rgba: &frame.buffer,
            blends: true,
            disposal: match frame.dispose {
                DisposalMethod::Background => Disposal::Background,
                DisposalMethod::Previous => Disposal::Previous,
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            },
        };
        let image = self.canvas.paint(&layer, pool).map_err(|e| malformed(input, &e))?;
        let pts = Some(self.next_pts);
        self.next_pts += shown_for(delay);
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
