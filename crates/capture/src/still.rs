//! One still picture.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use passerby_types::{ColorSpace, FramePool, Image, PixelLayout, SourceError};

use crate::limits::DecodeLimits;
use crate::turn::Turn;

/// Decodes a still picture, upright: grey ones as `Gray8`, all others as `Rgb8`.
pub(crate) fn decode(
    mut file: BufReader<File>,
    format: ImageFormat,
    limits: &DecodeLimits,
    pool: &FramePool,
    input: &str,
) -> Result<Image, SourceError> {
    let refuse = |e| error(e, limits, input);
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
    if format == ImageFormat::Jpeg && !ends(&mut file).map_err(io)? {
        // The decoder fills what is missing with grey and says nothing.
        return Err(SourceError::Truncated { input: input.into(), frames: 0, expected: Some(1) });
    }
    let mut decoder = ImageReader::with_format(file, format).into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    allow(width, height, limits, input)?;
    // As many bytes as 16 bits a channel and transparency take; the limit does not count the picture itself.
    let bytes = limits.picture_pixels.saturating_mul(8);
    let mut memory = image::Limits::no_limits();
    memory.max_alloc = Some(bytes);
    decoder.set_limits(memory).map_err(refuse)?;
    if decoder.total_bytes() > bytes {
        return Err(SourceError::TooLarge {
            input: input.into(),
            what: format!("a picture of {} bytes", decoder.total_bytes()),
            limit: format!("{bytes} bytes"),
        });
    }
    let turn = turn(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let picture = DynamicImage::from_decoder(decoder).map_err(refuse)?;
    let image = if picture.color().has_color() {
        plain(PixelLayout::Rgb8, width, height, picture.into_rgb8().into_raw())
    } else {
        plain(PixelLayout::Gray8, width, height, picture.into_luma8().into_raw())
    };
    image
        .and_then(|image| turn.apply(image, pool))
        .map_err(|e| SourceError::Malformed { input: input.into(), what: e.to_string() })
}

/// Refuses pictures over the limit before memory is taken for them.
pub(crate) fn allow(width: u32, height: u32, limits: &DecodeLimits, input: &str) -> Result<(), SourceError> {
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

fn plain(
    layout: PixelLayout,
    width: u32,
    height: u32,
    bytes: Vec<u8>,
) -> Result<Image, passerby_types::ImageError> {
    Image::from_vec(layout, width, height, ColorSpace::JPEG, bytes)
}

/// Whether a JPEG file holds an end marker in its last 64 KiB, where one that was not cut off has it. That of a preview
/// in its headers does not count.
fn ends(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let Some(scan) = scan(file)? else { return Ok(false) };
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(len.saturating_sub(64 << 10).max(scan)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(tail.windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// Where the first scan of a JPEG file begins, or what is no header any more; `None` where the file ends before that.
fn scan(file: &mut (impl Read + Seek)) -> std::io::Result<Option<u64>> {
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
                // The length counts itself. Seeking relatively keeps what is buffered.
                file.seek_relative(i64::from(len) - 2)?;
                at += 2 + u64::from(len);
            }
            _ => return Ok(Some(at)),
        }
    }
}

/// How a picture with this EXIF orientation is turned upright.
fn turn(orientation: Orientation) -> Turn {
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
    Turn { transpose, mirror_x, mirror_y }
}

/// What the decoder's error is to the caller.
fn error(e: ImageError, limits: &DecodeLimits, input: &str) -> SourceError {
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
        ImageError::Unsupported(e) => SourceError::Unsupported { input, what: e.to_string() },
        e => SourceError::Malformed { input, what: e.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_turn_as_the_image_crate_turns_them() {
        let source = image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([(10 * y + x) as u8; 3]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut want = DynamicImage::ImageRgb8(source.clone());
            want.apply_orientation(orientation);
            let stored = plain(PixelLayout::Rgb8, 3, 2, source.as_raw().clone()).unwrap();
            let got = turn(orientation).apply(stored, &FramePool::default()).unwrap();
            assert_eq!((got.width(), got.height()), (want.width(), want.height()), "orientation {exif}");
            assert_eq!(got.plane(0).data, want.as_bytes(), "orientation {exif}");
        }
    }
}
