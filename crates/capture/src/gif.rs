//! The frames of a GIF.

use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};
use gif_dispose::Screen;
use passerby_types::{ColorSpace, FramePool, Image, Picture, PixelLayout, SourceError};

use crate::limits::Limits;
use crate::still::allow;

/// How long a frame without a delay is shown: what browsers make of it.
const NO_DELAY: Duration = Duration::from_millis(100);

/// A GIF that is being read. Frames are whole pictures: what a frame leaves out stays from those before it.
pub(crate) struct Gif {
    decoder: Decoder<BufReader<File>>,
    screen: Screen,
    at: Duration,
    given: u64,
    over: bool,
}

impl Gif {
    /// Reads the header.
    pub(crate) fn open(file: BufReader<File>, limits: &Limits, input: &str) -> Result<Self, SourceError> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        options.set_memory_limit(MemoryLimit::Bytes(
            std::num::NonZeroU64::new(limits.picture_pixels).unwrap_or(std::num::NonZeroU64::MIN),
        ));
        let decoder = options.read_info(file).map_err(|e| malformed(input, &e))?;
        let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
        allow(width, height, limits, input)?;
        let screen = Screen::new_decoder(&decoder);
        Ok(Self { decoder, screen, at: Duration::ZERO, given: 0, over: false })
    }

    /// The next frame; `None` at the end.
    pub(crate) fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        if self.over {
            return Ok(None);
        }
        match self.decoder.read_next_frame() {
            Ok(None) => {
                self.over = true;
                Ok(None)
            }
            Ok(Some(frame)) => {
                let delay = Duration::from_millis(10 * u64::from(frame.delay));
                if let Err(e) = self.screen.blit_frame(frame) {
                    self.over = true;
                    return Err(malformed(input, &e));
                }
                let pts = self.at;
                self.at += if delay.is_zero() { NO_DELAY } else { delay };
                self.given += 1;
                let image = self.picture(pool).map_err(|e| malformed(input, &e))?;
                Ok(Some(Picture { image, pts: Some(pts) }))
            }
            Err(e) => {
                self.over = true;
                let cut = matches!(&e, DecodingError::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof);
                if cut && self.given > 0 {
                    return Err(SourceError::Truncated {
                        input: input.into(),
                        frames: self.given,
                        expected: None,
                    });
                }
                Err(malformed(input, &e))
            }
        }
    }

    fn picture(&mut self, pool: &FramePool) -> Result<Image, passerby_types::ImageError> {
        let (width, height) = (self.decoder.width(), self.decoder.height());
        let mut image = Image::lend(pool, PixelLayout::Rgb8, width.into(), height.into(), ColorSpace::JPEG)?;
        for (y, row) in self.screen.pixels_rgba().rows().enumerate() {
            let out = image.row_mut(0, y).chunks_exact_mut(3);
            for (out, pixel) in out.zip(row) {
                out.copy_from_slice(&[pixel.r, pixel.g, pixel.b]);
            }
        }
        Ok(image)
    }
}

fn malformed(input: &str, what: &impl ToString) -> SourceError {
    SourceError::Malformed { input: input.into(), what: what.to_string() }
}
