//! The frames of an animated WebP.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::time::Duration;

use image_webp::{DecodingError, WebPDecoder};
use passerby_types::{ColorSpace, FramePool, Image, Picture, PixelLayout, SourceError};

use super::canvas::{check_size, shown_for};
use super::sequence::PictureSequence;
use crate::limits::DecodeLimits;

/// Reads the frames of an animated WebP as whole pictures.
pub(super) struct WebpAnimation {
    decoder: WebPDecoder<BufReader<File>>,
    frame: Vec<u8>,
    next_pts: Duration,
    returned: u64,
    ended: bool,
}

impl WebpAnimation {
    /// Reads the header. Returns `None` if the file holds one picture.
    pub(super) fn open(
        file: BufReader<File>,
        limits: &DecodeLimits,
        input: &str,
    ) -> Result<Option<Self>, SourceError> {
        // The reader of still pictures reports the fault.
        let Ok(mut decoder) = WebPDecoder::new(file) else { return Ok(None) };
        if !decoder.is_animated() || decoder.num_frames() < 2 {
            return Ok(None);
        }
        let (width, height) = decoder.dimensions();
        check_size(width, height, limits, input)?;
        decoder.set_memory_limit(usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX));
        let frame = vec![0; decoder.output_buffer_size().unwrap_or(0)];
        Ok(Some(Self { decoder, frame, next_pts: Duration::ZERO, returned: 0, ended: false }))
    }
}

impl PictureSequence for WebpAnimation {
    fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        let delay = match self.decoder.read_frame(&mut self.frame) {
            Ok(millis) => Duration::from_millis(millis.into()),
            Err(DecodingError::NoMoreFrames) => return Ok(None),
            Err(DecodingError::IoError(e)) if self.returned > 0 && e.kind() == ErrorKind::UnexpectedEof => {
                let frames = self.returned;
                return Err(SourceError::Truncated { input: input.into(), frames, expected: None });
            }
            Err(e) => return Err(SourceError::malformed(input, e.to_string())),
        };
        let (width, height) = self.decoder.dimensions();
        let channels = if self.decoder.has_alpha() { 4 } else { 3 };
        let image = Image::new_in(pool, PixelLayout::Rgb8, width, height, ColorSpace::JPEG);
        let mut image = image.map_err(|e| SourceError::malformed(input, e.to_string()))?;
        for (y, row) in self.frame.chunks_exact((width as usize * channels).max(1)).enumerate() {
            for (pixel, rgb) in image.row_mut(0, y).chunks_exact_mut(3).zip(row.chunks_exact(channels)) {
                pixel.copy_from_slice(&rgb[..3]);
            }
        }
        let pts = Some(self.next_pts);
        self.next_pts += shown_for(delay);
        self.returned += 1;
        self.ended = false;
        Ok(Some(Picture::new(image, pts)))
    }
}
