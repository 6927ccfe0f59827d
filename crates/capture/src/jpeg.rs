//! JPEG pictures that a camera sends.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegDecoder;
use image::{ColorType, ImageDecoder};
use passerby_types::{ColorSpace, FramePool, Image, PixelLayout};

use crate::limits::Limits;
use crate::still;

/// Decodes one JPEG picture: `Gray8` where it has no colour, else `Rgb8`. The error is what is wrong with it.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, pool: &FramePool) -> Result<Image, String> {
    // Decoders of foreign formats are the least proven code on the way: a panic in one is a broken picture.
    catch_unwind(AssertUnwindSafe(|| read(bytes, limits, pool)))
        .unwrap_or_else(|_| Err("its decoder panicked".into()))
}

fn read(bytes: &[u8], limits: &Limits, pool: &FramePool) -> Result<Image, String> {
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    still::allow(width, height, limits, "JPEG").map_err(|e| e.to_string())?;
    let (layout, channels) = match decoder.color_type() {
        ColorType::L8 => (PixelLayout::Gray8, 1),
        ColorType::Rgb8 => (PixelLayout::Rgb8, 3),
        other => return Err(format!("a JPEG picture with pixels of {other:?}")),
    };
    let mut pixels = vec![0; width as usize * height as usize * channels];
    decoder.read_image(&mut pixels).map_err(|e| e.to_string())?;
    let mut image = Image::lend(pool, layout, width, height, ColorSpace::JPEG).map_err(|e| e.to_string())?;
    for (y, row) in pixels.chunks_exact(width as usize * channels).enumerate() {
        image.row_mut(0, y).copy_from_slice(row);
    }
    Ok(image)
}
