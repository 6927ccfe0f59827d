//! Decodes one picture file.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use passerby_types::{ColorSpace, FramePool, Image, PixelLayout, SourceError};

use crate::file::sniff::PictureFormat;
use crate::limits::DecodeLimits;
use crate::rotation::Rotation;

/// Decodes a picture and returns it upright: as `Gray8` if it has no colour, and as `Rgb8` otherwise.
pub(super) fn decode(
    mut file: BufReader<File>,
    format: PictureFormat,
    limits: &DecodeLimits,
    pool: &FramePool,
    input: &str,
) -> Result<Image, SourceError> {
    let refuse = |e| source_error(e, limits, input);
    let io = |cause| SourceError::Io { input: input.into(), cause };
    let size = file.get_ref().metadata().map_err(io)?.len();
    if size > limits.bytes {
        // The JPEG decoder takes the whole file into memory.
        return Err(SourceError::TooLarge {
            input: input.into(),
            what: format!("a picture of {size} bytes"),
            limit: format!("{} bytes", limits.bytes),
        });
    }
    if format == PictureFormat::Jpeg && !has_end_marker(&mut file).map_err(io)? {
        // The decoder would silently fill the missing part with grey.
        return Err(SourceError::Truncated { input: input.into(), frames: 0, expected: Some(1) });
    }
    let mut decoder = ImageReader::with_format(file, image_format(format)).into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits, input)?;
    // 16 bits for each of four channels. The decoder's own limit doesn't count the picture itself.
    let max_bytes = limits.picture_pixels.saturating_mul(8);
    let mut memory = image::Limits::no_limits();
    memory.max_alloc = Some(max_bytes);
    decoder.set_limits(memory).map_err(refuse)?;
    if decoder.total_bytes() > max_bytes {
        return Err(SourceError::TooLarge {
            input: input.into(),
            what: format!("a picture of {} bytes", decoder.total_bytes()),
            limit: format!("{max_bytes} bytes"),
        });
    }
    let rotation = rotation(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let picture = DynamicImage::from_decoder(decoder).map_err(refuse)?;
    let image = if picture.color().has_color() {
        tight_image(PixelLayout::Rgb8, width, height, picture.into_rgb8().into_raw())
    } else {
        tight_image(PixelLayout::Gray8, width, height, picture.into_luma8().into_raw())
    };
    image
        .and_then(|image| rotation.apply(image, pool))
        .map_err(|e| SourceError::malformed(input, e.to_string()))
}

/// Returns the decoder's name for a format.
fn image_format(format: PictureFormat) -> ImageFormat {
    match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::Bmp => ImageFormat::Bmp,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Tiff => ImageFormat::Tiff,
    }
}

/// Refuses a picture over the limit, before anything allocates memory for it.
pub(super) fn check_size(
    width: u32,
    height: u32,
    limits: &DecodeLimits,
    input: &str,
) -> Result<(), SourceError> {
    let side = Image::MAX_SIDE;
    if u64::from(width) * u64::from(height) <= limits.picture_pixels && width.max(height) <= side {
        return Ok(());
    }
    Err(SourceError::TooLarge {
        input: input.into(),
        what: format!("a picture of {width}x{height} pixels"),
        limit: format!("{} pixels, {side} a side", limits.picture_pixels),
    })
}

fn tight_image(
    layout: PixelLayout,
    width: u32,
    height: u32,
    bytes: Vec<u8>,
) -> Result<Image, passerby_types::ImageError> {
    Image::from_vec(layout, width, height, ColorSpace::JPEG, bytes)
}

/// Returns true if a JPEG file has an end marker in its last 64 KiB, as a complete file has.
///
/// The end marker of a preview in the file's headers doesn't count.
fn has_end_marker(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let Some(scan) = first_scan(file)? else { return Ok(false) };
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(len.saturating_sub(64 << 10).max(scan)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(tail.windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// Returns the offset at which the headers of a JPEG file end and its first scan begins. `None` if the file ends before.
fn first_scan(file: &mut (impl Read + Seek)) -> std::io::Result<Option<u64>> {
    let mut at = file.seek(SeekFrom::Start(2))?;
    loop {
        let mut head = [0; 4];
        match file.read_exact(&mut head) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let len = u16::from_be_bytes([head[2], head[3]]);
        match head {
            [0xff, 0xc0..=0xd9 | 0xdb..=0xfe, ..] if len >= 2 => {
                // The length counts itself. A relative seek keeps the buffer.
                file.seek_relative(i64::from(len) - 2)?;
                at += 2 + u64::from(len);
            }
            _ => return Ok(Some(at)),
        }
    }
}

/// Returns the rotation that turns a picture with this EXIF orientation upright.
fn rotation(orientation: Orientation) -> Rotation {
    let (transpose, mirror_x, mirror_y) = match orientation {
        Orientation::NoTransforms => (false, false, false),
        Orientation::FlipHorizontal => (false, true, false),
        Orientation::Rotate180 => (false, true, true),
        Orientation::FlipVertical => (false, false, true),
        Orientation::Rotate90FlipH => (true, false, false),
        Orientation::Rotate90 => (true, true, false),
        Orientation::Rotate270FlipH => (true, true, true),
        Orientation::Rotate270 => (true, false, true),
    };
    Rotation { transpose, mirror_x, mirror_y }
}

/// Converts the decoder's error to the source's error.
fn source_error(e: ImageError, limits: &DecodeLimits, input: &str) -> SourceError {
    let input = input.to_owned();
    match e {
        ImageError::IoError(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            SourceError::Io { input, cause }
        }
        ImageError::Limits(e)
            if matches!(e.kind(), LimitErrorKind::InsufficientMemory | LimitErrorKind::DimensionError) =>
        {
            let limit = format!("{} pixels", limits.picture_pixels);
            SourceError::TooLarge { input, what: "the picture".into(), limit }
        }
        ImageError::Unsupported(e) => SourceError::unsupported(input, e.to_string()),
        e => SourceError::malformed(input, e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_rotate_as_in_the_image_crate() {
        let source = image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([(10 * y + x) as u8; 3]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut want = DynamicImage::ImageRgb8(source.clone());
            want.apply_orientation(orientation);
            let stored = tight_image(PixelLayout::Rgb8, 3, 2, source.as_raw().clone()).unwrap();
            let got = rotation(orientation).apply(stored, &FramePool::default()).unwrap();
            assert_eq!((got.width(), got.height()), (want.width(), want.height()), "orientation {exif}");
            assert_eq!(got.plane(0).data, want.as_bytes(), "orientation {exif}");
        }
    }
}
