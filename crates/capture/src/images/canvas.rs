//! The picture onto which the frames of an animation are painted.

use std::ops::Range;
use std::time::Duration;

use passerby_types::{ColorSpace, FramePool, Image, ImageError, PixelLayout, SourceError};

use crate::limits::DecodeLimits;

/// How long a frame without a delay is shown, as in browsers.
const DEFAULT_DELAY: Duration = Duration::from_millis(100);

/// Returns how long a frame with this delay is shown.
pub(super) fn shown_for(delay: Duration) -> Duration {
    if delay.is_zero() { DEFAULT_DELAY } else { delay }
}

/// Refuses an animation whose pictures are larger than those of a video. A small file may hold thousands of them.
pub(super) fn check_size(
    width: u32,
    height: u32,
    limits: &DecodeLimits,
    input: &str,
) -> Result<(), SourceError> {
    let limit = limits.video_pixels.min(limits.picture_pixels);
    if u64::from(width) * u64::from(height) <= limit && width.max(height) <= Image::MAX_SIDE {
        return Ok(());
    }
    Err(SourceError::TooLarge {
        input: input.into(),
        what: format!("an animation of {width}x{height} pixels"),
        limit: format!("{limit} pixels, {} a side", Image::MAX_SIDE),
    })
}

/// What becomes of a frame's place before the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposal {
    Keep,
    /// It becomes black.
    Background,
    /// It becomes as it was before the frame.
    Previous,
}

/// A frame, which may cover a part of the canvas only.
pub(super) struct Layer<'a> {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    /// Four bytes for each pixel: red, green, blue and opacity.
    pub(super) rgba: &'a [u8],
    /// True if transparent pixels leave the pixels below them as they are.
    pub(super) blends: bool,
    pub(super) disposal: Disposal,
}

/// An RGB picture. It starts black.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![0; width * height * 3] }
    }

    /// Paints a frame, returns a copy of the canvas, and prepares the canvas for the next frame.
    pub(super) fn paint(&mut self, layer: &Layer<'_>, pool: &FramePool) -> Result<Image, ImageError> {
        let before = (layer.disposal == Disposal::Previous).then(|| self.pixels.clone());
        let row_len = layer.width * 4;
        for (row, source) in layer.rgba.chunks_exact(row_len.max(1)).enumerate() {
            let Some(at) = self.row(layer, row) else { break };
            for (pixel, rgba) in self.pixels[at].chunks_exact_mut(3).zip(source.chunks_exact(4)) {
                let opacity = if layer.blends { u16::from(rgba[3]) } else { 255 };
                for (below, above) in pixel.iter_mut().zip(rgba) {
                    let mixed = u16::from(*above) * opacity + u16::from(*below) * (255 - opacity);
                    *below = ((mixed + 127) / 255) as u8;
                }
            }
        }
        let image = self.copy(pool)?;
        match (before, layer.disposal) {
            (Some(before), _) => self.pixels = before,
            (None, Disposal::Background) => {
                for row in 0..layer.rgba.len() / row_len.max(1) {
                    let Some(at) = self.row(layer, row) else { break };
                    self.pixels[at].fill(0);
                }
            }
            _ => {}
        }
        Ok(image)
    }

    fn copy(&self, pool: &FramePool) -> Result<Image, ImageError> {
        let (width, height) = (self.width as u32, self.height as u32);
        let mut image = Image::new_in(pool, PixelLayout::Rgb8, width, height, ColorSpace::JPEG)?;
        for (y, row) in self.pixels.chunks_exact(self.width * 3).enumerate() {
            image.row_mut(0, y).copy_from_slice(row);
        }
        Ok(image)
    }

    /// Returns the bytes of a frame's row on the canvas, cut off at its right edge. `None` for a row below the canvas.
    fn row(&self, layer: &Layer<'_>, row: usize) -> Option<Range<usize>> {
        let y = layer.top + row;
        let left = layer.left.min(self.width);
        let right = (left + layer.width).min(self.width);
        (y < self.height).then(|| (y * self.width + left) * 3..(y * self.width + right) * 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_their_disposal_within_the_canvas() {
        let pool = FramePool::default();
        let mut canvas = Canvas::new(3, 2);
        let mut show = |[left, top, width, height]: [usize; 4], rgba: [u8; 4], disposal| {
            let rgba = rgba.repeat(width * height);
            let layer = Layer { left, top, width, rgba: &rgba, blends: true, disposal };
            let image = canvas.paint(&layer, &pool).unwrap();
            image.plane(0).data.iter().step_by(3).copied().collect::<Vec<u8>>()
        };
        let keep = Disposal::Keep;
        let background = Disposal::Background;
        assert_eq!(show([0, 0, 3, 2], [1, 1, 1, 255], keep), [1, 1, 1, 1, 1, 1]);
        assert_eq!(show([1, 0, 1, 1], [2, 2, 2, 255], Disposal::Previous), [1, 2, 1, 1, 1, 1]);
        assert_eq!(show([0, 1, 1, 1], [3, 3, 3, 255], background), [1, 1, 1, 3, 1, 1]);
        assert_eq!(show([0, 0, 3, 2], [9, 9, 9, 0], keep), [1, 1, 1, 0, 1, 1]);
        assert_eq!(show([2, 1, 9, 9], [4, 4, 4, 255], keep), [1, 1, 1, 0, 1, 4]);
        assert_eq!(show([9, 9, 9, 9], [5, 5, 5, 255], background), [1, 1, 1, 0, 1, 4]);
        assert_eq!(show([0, 0, 0, 0], [6, 6, 6, 255], keep), [1, 1, 1, 0, 1, 4]);
        assert_eq!(show([0, 0, 1, 1], [101, 0, 0, 51], keep), [21, 1, 1, 0, 1, 4], "a fifth of it");
    }

    #[test]
    fn a_frame_that_does_not_blend_replaces_the_canvas() {
        let mut canvas = Canvas::new(1, 1);
        let layer =
            Layer { left: 0, top: 0, width: 1, rgba: &[7, 8, 9, 0], blends: false, disposal: Disposal::Keep };
        let image = canvas.paint(&layer, &FramePool::default()).unwrap();
        assert_eq!(image.plane(0).data[..3], [7, 8, 9]);
    }
}
