//! A frame as JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::thumbnail;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use passerby::annotate::blur_face;
use passerby_pipeline::TappedFrame;

/// The largest side of a picture in pixels. Larger ones are made smaller, since encoding costs most.
const MAX_SIDE: u32 = 960;
/// The quality, 1 to 100: a picture of a video is seen for a moment.
const QUALITY: u8 = 75;

/// Returns a frame as JPEG, or `None` if it has no pixels. With `blur` no face that was found can be recognised.
pub(super) fn encode(frame: &TappedFrame, blur: bool) -> Option<Vec<u8>> {
    let rgb = if blur {
        let mut image = passerby_types::Image::clone(&frame.frame.image);
        frame.observation.faces.iter().for_each(|face| blur_face(&mut image, &face.bbox));
        image.to_rgb()
    } else {
        frame.frame.image.to_rgb()
    };
    let (width, height) = (frame.frame.image.width(), frame.frame.image.height());
    let mut picture = RgbImage::from_raw(width, height, rgb)?;
    let side = width.max(height);
    if side > MAX_SIDE {
        let scaled = |length: u32| (u64::from(length) * u64::from(MAX_SIDE) / u64::from(side)).max(1) as u32;
        picture = thumbnail(&picture, scaled(width), scaled(height));
    }
    let (width, height) = picture.dimensions();
    jpeg(picture.into_raw(), width, height)
}

/// Returns RGB pixels as JPEG, or `None` if their number is not that of the size.
pub(super) fn jpeg(rgb: Vec<u8>, width: u32, height: u32) -> Option<Vec<u8>> {
    let picture = RgbImage::from_raw(width, height, rgb)?;
    let mut data = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut data, QUALITY);
    encoder.write_image(&picture, width, height, ExtendedColorType::Rgb8).ok()?;
    Some(data)
}
