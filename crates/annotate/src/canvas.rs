//! Drawing on pictures in their own layout.

use passerby_types::{ColorSpace, Image, PixelLayout};

use crate::palette::Rgb;
use crate::rect::{Rect, even_below};

/// One channel of a layout: the place of its samples, and the pixels that a sample covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub(crate) plane: usize,
    /// The offset of the first sample in a row, and the distance between two samples, in bytes.
    pub(crate) offset: usize,
    pub(crate) step: usize,
    /// The columns and rows of pixels that one sample covers.
    pub(crate) block: (i32, i32),
}

const fn channel(plane: usize, offset: usize, step: usize, block: (i32, i32)) -> Channel {
    Channel { plane, offset, step, block }
}

const EACH: (i32, i32) = (1, 1);
const I420: [Channel; 3] = [channel(0, 0, 1, EACH), channel(1, 0, 1, (2, 2)), channel(2, 0, 1, (2, 2))];
const NV12: [Channel; 3] = [channel(0, 0, 1, EACH), channel(1, 0, 2, (2, 2)), channel(1, 1, 2, (2, 2))];
const YUYV: [Channel; 3] = [channel(0, 0, 2, EACH), channel(0, 1, 4, (2, 1)), channel(0, 3, 4, (2, 1))];
const RGB8: [Channel; 3] = [channel(0, 0, 3, EACH), channel(0, 1, 3, EACH), channel(0, 2, 3, EACH)];
const GRAY8: [Channel; 1] = [channel(0, 0, 1, EACH)];

/// Returns the channels of a layout in the order of [`Ink`].
pub(crate) const fn channels(layout: PixelLayout) -> &'static [Channel] {
    match layout {
        PixelLayout::I420 => &I420,
        PixelLayout::Nv12 => &NV12,
        PixelLayout::Yuyv => &YUYV,
        PixelLayout::Rgb8 => &RGB8,
        PixelLayout::Gray8 => &GRAY8,
    }
}

impl Channel {
    /// Returns the samples that cover pixels of `rect`: their columns and rows, half open. `rect` must be inside the
    /// picture.
    pub(crate) fn samples(&self, rect: &Rect) -> Rect {
        let (bx, by) = self.block;
        Rect::new(rect.x0 / bx, rect.y0 / by, (rect.x1 + bx - 1) / bx, (rect.y1 + by - 1) / by)
    }
}

/// A colour as the samples of a picture's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ink([u8; 3]);

impl Ink {
    /// Converts a colour into the samples of a layout and colour space: see [`ColorSpace::ycbcr`].
    pub(crate) fn new(layout: PixelLayout, color: ColorSpace, rgb: Rgb) -> Self {
        if layout == PixelLayout::Rgb8 {
            return Self(rgb);
        }
        Self(color.ycbcr(rgb))
    }
}

/// A picture that is drawn on.
pub(crate) struct Canvas<'a> {
    image: &'a mut Image,
    /// All pixels of the picture.
    bounds: Rect,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(image: &'a mut Image) -> Self {
        let bounds = Rect::new(0, 0, image.width() as i32, image.height() as i32);
        Self { image, bounds }
    }

    pub(crate) fn bounds(&self) -> Rect {
        self.bounds
    }

    pub(crate) fn image(&mut self) -> &mut Image {
        self.image
    }

    fn ink(&self, color: Rgb) -> Ink {
        Ink::new(self.image.layout(), self.image.color(), color)
    }

    /// Fills the part of `rect` inside the picture. The edges of `rect` must be even, so that no sample covers a pixel
    /// outside it.
    pub(crate) fn fill(&mut self, rect: &Rect, color: Rgb) {
        let rect = rect.intersect(&self.bounds);
        if rect.is_empty() {
            return;
        }
        let ink = self.ink(color);
        for (channel, value) in channels(self.image.layout()).iter().zip(ink.0) {
            let cells = channel.samples(&rect);
            for y in cells.y0..cells.y1 {
                let row = &mut self.image.row_mut(channel.plane, y as usize)[channel.offset..];
                let run = &mut row[cells.x0 as usize * channel.step..];
                let len = cells.width() as usize;
                if channel.step == 1 {
                    run[..len].fill(value);
                } else {
                    run.iter_mut().step_by(channel.step).take(len).for_each(|sample| *sample = value);
                }
            }
        }
    }

    /// Draws a frame of `thickness` pixels inside the edges of `rect`. All numbers must be even.
    pub(crate) fn frame(&mut self, rect: &Rect, thickness: i32, color: Rgb) {
        let Rect { x0, y0, x1, y1 } = *rect;
        self.fill(&Rect::new(x0, y0, x1, (y0 + thickness).min(y1)), color);
        self.fill(&Rect::new(x0, (y1 - thickness).max(y0), x1, y1), color);
        self.fill(&Rect::new(x0, y0, (x0 + thickness).min(x1), y1), color);
        self.fill(&Rect::new((x1 - thickness).max(x0), y0, x1, y1), color);
    }

    /// Draws a line between two points inside or outside the picture. `thickness` must be even. Draws nothing if a coordinate is not
    /// finite.
    pub(crate) fn stroke(&mut self, from: (f32, f32), to: (f32, f32), thickness: i32, color: Rgb) {
        let bounds = self.bounds.grown(thickness);
        let Some((from, to)) = clipped(from, to, &bounds) else { return };
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        // The squares overlap, so that the line has no gap.
        let steps = (dx.abs().max(dy.abs()) / 2.0).ceil().max(1.0) as i32;
        for step in 0..=steps {
            let part = step as f32 / steps as f32;
            let (x, y) = ((from.0 + dx * part) as i32, (from.1 + dy * part) as i32);
            let (x, y) = (even_below(x - thickness / 2), even_below(y - thickness / 2));
            self.fill(&Rect::new(x, y, x + thickness, y + thickness), color);
        }
    }

    /// Blends the colour into the part of `rect` inside `clip` and the picture. `mask` has a coverage for each pixel of
    /// `rect`, row by row; 255 covers the pixel. A chroma sample takes the mean coverage of its pixels.
    pub(crate) fn blend(&mut self, rect: &Rect, mask: &[u8], clip: &Rect, color: Rgb) {
        let bounds = self.bounds;
        let visible = rect.intersect(clip).intersect(&bounds);
        if visible.is_empty() {
            return;
        }
        let ink = self.ink(color);
        let coverage = |x: i32, y: i32| {
            let inside = visible.x0 <= x && x < visible.x1 && visible.y0 <= y && y < visible.y1;
            if inside { i32::from(mask[((y - rect.y0) * rect.width() + x - rect.x0) as usize]) } else { 0 }
        };
        for (channel, value) in channels(self.image.layout()).iter().zip(ink.0) {
            let (bx, by) = channel.block;
            let cells = channel.samples(&visible);
            for y in cells.y0..cells.y1 {
                let row = &mut self.image.row_mut(channel.plane, y as usize)[channel.offset..];
                for x in cells.x0..cells.x1 {
                    let covered = if channel.block == (1, 1) {
                        coverage(x, y)
                    } else {
                        let columns = x * bx..((x + 1) * bx).min(bounds.x1);
                        let rows = y * by..((y + 1) * by).min(bounds.y1);
                        let count = (columns.len() * rows.len()) as i32;
                        rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
                            .map(|(x, y)| coverage(x, y))
                            .sum::<i32>()
                            / count
                    };
                    let sample = &mut row[x as usize * channel.step];
                    *sample = mix(*sample, value, covered);
                }
            }
        }
    }
}

/// Returns the part of a line inside `bounds` (Liang and Barsky, "A New Concept and Method for Line Clipping", 1984), or `None` if the
/// line is outside, or a coordinate is not finite.
fn clipped(from: (f32, f32), to: (f32, f32), bounds: &Rect) -> Option<((f32, f32), (f32, f32))> {
    if ![from.0, from.1, to.0, to.1].iter().all(|v| v.is_finite()) {
        return None;
    }
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let mut first = 0.0_f32;
    let mut last = 1.0_f32;
    for (step, inside) in [
        (-dx, from.0 - bounds.x0 as f32),
        (dx, bounds.x1 as f32 - from.0),
        (-dy, from.1 - bounds.y0 as f32),
        (dy, bounds.y1 as f32 - from.1),
    ] {
        if step == 0.0 {
            if inside < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            first = first.max(inside / step);
        } else {
            last = last.min(inside / step);
        }
    }
    let at = |part: f32| (from.0 + dx * part, from.1 + dy * part);
    let (from, to) = (at(first), at(last));
    (first <= last && [from.0, from.1, to.0, to.1].iter().all(|v| v.is_finite())).then_some((from, to))
}

/// Returns the mean of two samples, weighted by a coverage of 0 (`under`) to 255 (`over`), rounded.
fn mix(under: u8, over: u8, coverage: i32) -> u8 {
    let sum = i32::from(under) * (255 - coverage) + i32::from(over) * coverage;
    ((sum + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use passerby_testkit::{LAYOUTS, color_spaces};

    use super::*;

    fn noise(layout: PixelLayout, width: u32, height: u32, color: ColorSpace) -> Image {
        let bytes = (0..layout.tight_len(width, height)).map(|i| (i * 7919 % 251) as u8).collect();
        Image::from_vec(layout, width, height, color, bytes).unwrap()
    }

    #[test]
    fn an_ink_is_its_colour_within_rounding() {
        for space in color_spaces() {
            for rgb in [[230, 159, 0], [86, 180, 233], [0, 114, 178], [255; 3], [0; 3], [18, 20, 24]] {
                let Ink([y, cb, cr]) = Ink::new(PixelLayout::I420, space, rgb);
                for (got, want) in space.rgb(y, cb, cr).into_iter().zip(rgb) {
                    assert!(got.abs_diff(want) <= 2, "{space:?} {rgb:?} {:?}", space.rgb(y, cb, cr));
                }
            }
        }
    }

    #[test]
    fn a_fill_changes_its_pixels_and_no_others() {
        let orange = [230, 159, 0];
        for layout in LAYOUTS {
            for (width, height) in [(1, 1), (2, 3), (16, 16), (33, 17)] {
                for space in color_spaces() {
                    let before = noise(layout, width, height, space);
                    let mut after = before.clone();
                    let rect = Rect::new(-2, 2, 10, 40);
                    Canvas::new(&mut after).fill(&rect, orange);
                    for y in 0..height {
                        for x in 0..width {
                            let got = after.rgb_at(x, y);
                            if x < 10 && y >= 2 {
                                let grey = Ink::new(layout, space, orange).0[0];
                                let want = if layout == PixelLayout::Gray8 {
                                    space.rgb(grey, 128, 128)
                                } else {
                                    orange
                                };
                                assert!(got.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 2), "{got:?}");
                            } else {
                                assert_eq!(got, before.rgb_at(x, y), "{layout:?} {width}x{height} {x} {y}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_full_mask_equals_a_fill() {
        for layout in LAYOUTS {
            let mut filled = noise(layout, 13, 9, ColorSpace::default());
            let mut blended = filled.clone();
            let rect = Rect::new(4, 2, 14, 10);
            Canvas::new(&mut filled).fill(&rect, [0, 114, 178]);
            Canvas::new(&mut blended).blend(&rect, &[255; 80], &rect, [0, 114, 178]);
            assert_eq!(filled.to_rgb(), blended.to_rgb(), "{layout:?}");
        }
    }

    #[test]
    fn an_empty_mask_and_a_clip_elsewhere_change_nothing() {
        for layout in LAYOUTS {
            let before = noise(layout, 13, 9, ColorSpace::default());
            let mut after = before.clone();
            let rect = Rect::new(3, 1, 8, 6);
            Canvas::new(&mut after).blend(&rect, &[0; 25], &rect, [255; 3]);
            Canvas::new(&mut after).blend(&rect, &[255; 25], &Rect::new(20, 20, 30, 30), [255; 3]);
            assert_eq!(before.to_rgb(), after.to_rgb(), "{layout:?}");
        }
    }
}
