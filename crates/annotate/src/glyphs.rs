//! Text in the embedded font.

use std::collections::HashMap;
use std::fmt;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

use crate::canvas::Canvas;
use crate::palette::Rgb;
use crate::rect::Rect;

/// Roboto Medium: see `fonts/README.md`.
const FONT: &[u8] = include_bytes!("../fonts/Roboto-Medium.ttf");
/// The most glyphs in the cache. The font has 350, and a stream of pictures uses a few sizes.
const MAX_GLYPHS: usize = 4096;

/// A character at one size.
struct Glyph {
    /// The distance to the next character in pixels.
    advance: f32,
    /// The place of `mask` relative to the origin on the base line.
    place: Rect,
    /// The coverage of each pixel, row by row.
    mask: Vec<u8>,
}

/// The font, and the glyphs that were drawn before.
pub(crate) struct Glyphs {
    font: FontRef<'static>,
    cache: HashMap<(char, u16), Glyph>,
}

impl Glyphs {
    pub(crate) fn new() -> Self {
        let font = FontRef::try_from_slice(FONT).expect("the embedded font is valid");
        Self { font, cache: HashMap::new() }
    }

    /// Returns the rows of pixels from the top of the tallest character to the bottom of the lowest.
    pub(crate) fn line_height(&self, size: u16) -> i32 {
        self.font.as_scaled(scale(size)).height().ceil() as i32
    }

    /// Returns the rows of pixels above the base line.
    fn ascent(&self, size: u16) -> i32 {
        self.font.as_scaled(scale(size)).ascent().round() as i32
    }

    /// Returns the columns of pixels that a line of text takes.
    pub(crate) fn width(&mut self, text: &str, size: u16) -> i32 {
        let width: f32 = text.chars().map(|c| self.glyph(c, size).advance).sum();
        width.ceil() as i32
    }

    /// Draws a line of text whose top left corner is (x, y), cut to `clip`.
    pub(crate) fn draw(
        &mut self,
        canvas: &mut Canvas<'_>,
        text: &str,
        (x, y): (i32, i32),
        size: u16,
        clip: &Rect,
        color: Rgb,
    ) {
        let base = y + self.ascent(size);
        let mut pen = x as f32;
        for c in text.chars() {
            let glyph = self.glyph(c, size);
            let at = glyph.place.moved_to(pen.round() as i32 + glyph.place.x0, base + glyph.place.y0);
            canvas.blend(&at, &glyph.mask, clip, color);
            pen += glyph.advance;
        }
    }

    /// Returns the glyph of a character. A character that the font lacks is an empty frame.
    fn glyph(&mut self, c: char, size: u16) -> &Glyph {
        if self.cache.len() >= MAX_GLYPHS {
            self.cache.clear();
        }
        let font = &self.font;
        self.cache.entry((c, size)).or_insert_with(|| rasterize(font, c, size))
    }
}

impl fmt::Debug for Glyphs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glyphs({} cached)", self.cache.len())
    }
}

/// Returns the scale of a text size: the size is the height of a line in pixels.
fn scale(size: u16) -> PxScale {
    PxScale::from(f32::from(size))
}

fn rasterize(font: &FontRef<'_>, c: char, size: u16) -> Glyph {
    let scaled = font.as_scaled(scale(size));
    let id = font.glyph_id(c);
    let advance = scaled.h_advance(id);
    let Some(outline) = font.outline_glyph(id.with_scale(scale(size))) else {
        return Glyph { advance, place: Rect::default(), mask: Vec::new() };
    };
    let bounds = outline.px_bounds();
    let x0 = bounds.min.x as i32;
    let y0 = bounds.min.y as i32;
    let width = bounds.width() as i32;
    let height = bounds.height() as i32;
    let mut mask = vec![0; (width * height) as usize];
    outline.draw(|x, y, coverage| {
        if let Some(pixel) = mask.get_mut((y as i32 * width + x as i32) as usize) {
            *pixel = (coverage * 255.0).round().clamp(0.0, 255.0) as u8;
        }
    });
    Glyph { advance, place: Rect::new(x0, y0, x0 + width, y0 + height), mask }
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, Image, PixelLayout};

    use super::*;

    #[test]
    fn the_font_has_every_letter_that_the_readme_promises() {
        let glyphs = Glyphs::new();
        let letters = (' '..='~').chain('\u{a0}'..='\u{17f}').chain("–—‘’“”•…€™≤≥".chars());
        for c in letters {
            assert_ne!(glyphs.font.glyph_id(c).0, 0, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn text_stays_inside_its_clip_and_its_width() {
        let mut glyphs = Glyphs::new();
        let mut image =
            Image::from_vec(PixelLayout::Gray8, 120, 40, ColorSpace::JPEG, vec![0; 4800]).unwrap();
        let width = glyphs.width("Ágyq 42", 20);
        let height = glyphs.line_height(20);
        let clip = Rect::new(0, 0, 120, 40);
        glyphs.draw(&mut Canvas::new(&mut image), "Ágyq 42", (10, 10), 20, &clip, [255; 3]);
        let lit: Vec<(i32, i32)> = (0..40)
            .flat_map(|y| (0..120).map(move |x| (x, y)))
            .filter(|&(x, y)| image.rgb_at(x as u32, y as u32)[0] > 0)
            .collect();
        assert!(lit.len() > 200, "{}", lit.len());
        assert!(lit.iter().all(|&(x, y)| (10..10 + width).contains(&x) && (10..10 + height).contains(&y)));
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut glyphs = Glyphs::new();
        for size in 1..40 {
            for c in ' '..'\u{17f}' {
                glyphs.width(c.encode_utf8(&mut [0; 4]), size);
            }
        }
        assert!(glyphs.cache.len() <= MAX_GLYPHS);
    }
}
