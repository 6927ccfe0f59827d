//! Decodes one picture file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use passerby_types::{ColorSpace, FramePool, Image, PixelLayout, SourceError};

use crate::file::sniff::PictureFormat;
use crate::jpeg::{self, large};
use crate::limits::DecodeLimits;
use crate::rotation::Rotation;

/// Decodes a picture and returns it upright: as `Gray8` if it has no colour, and as `Rgb8` otherwise.
///
/// The second value is true if the picture was cut off. Its missing part is grey.
pub(super) fn decode(
    file: BufReader<File>,
    format: PictureFormat,
    page: Option<Page>,
    limits: &DecodeLimits,
    pool: &FramePool,
    input: &str,
) -> Result<(Image, bool), SourceError> {
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
    let mut cut_off = false;
    let mut source = Input::File(file, page);
    if format == PictureFormat::Jpeg {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).map_err(io)?;
        let Some((bytes, cut)) = jpeg::complete(&bytes) else { return Err(truncated(input)) };
        cut_off = cut;
        source = Input::Bytes(Cursor::new(bytes.into_owned()));
    }
    let mut decoder =
        ImageReader::with_format(source, image_format(format)).into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits, input)?;
    // The decoder's own limit doesn't count the picture itself.
    let max_bytes = limits.decoded_bytes.min(limits.picture_pixels.saturating_mul(8));
    let mut memory = image::Limits::no_limits();
    memory.max_alloc = Some(max_bytes);
    decoder.set_limits(memory).map_err(refuse)?;
    if decoder.total_bytes() > max_bytes {
        return Err(SourceError::TooLarge {
            input: input.into(),
            what: format!("a picture of {} decoded bytes", decoder.total_bytes()),
            limit: format!("{max_bytes} bytes"),
        });
    }
    let bytes = decoder.total_bytes().max(u64::from(width) * u64::from(height) * 3);
    let turn = large::wait_for_turn(bytes, limits, pool);
    let turn = turn.map_err(|what| SourceError::malformed(input, what))?;
    let rotation = rotation(decoder.orientation().unwrap_or(Orientation::NoTransforms));
    let picture = match DynamicImage::from_decoder(decoder) {
        Err(_) if cut_off => return Err(truncated(input)),
        picture => picture.map_err(refuse)?,
    };
    let (layout, bytes) = if picture.color().has_color() {
        (PixelLayout::Rgb8, picture.into_rgb8().into_raw())
    } else {
        (PixelLayout::Gray8, picture.into_luma8().into_raw())
    };
    let image = match turn {
        // A buffer of the pool, so that its bytes count for all sources.
        Some(_) => {
            let mut pixels = pool.take(bytes.len());
            pixels.copy_from_slice(&bytes);
            drop(bytes);
            let stride = layout.plane_size(0, width, height).0;
            Image::from_planes(layout, width, height, ColorSpace::JPEG, [0; 3], [stride; 3], pixels)
        }
        None => tight_image(layout, width, height, bytes),
    };
    let image = image.and_then(|image| rotation.apply(image, pool));
    let image = image.map_err(|e| SourceError::malformed(input, e.to_string()))?;
    Ok((image, cut_off))
}

/// Bytes at an offset of a file that its decoder gets instead of the file's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) offset: u64,
    pub(super) bytes: [u8; 4],
}

/// A file, or its bytes.
enum Input {
    File(BufReader<File>, Option<Page>),
    Bytes(Cursor<Vec<u8>>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file, None) => file.read(buffer),
            Self::File(file, Some(page)) => {
                let at = file.stream_position()?;
                let len = file.read(buffer)?;
                for (place, byte) in (page.offset..).zip(page.bytes) {
                    if let Some(own) =
                        place.checked_sub(at).and_then(|index| buffer[..len].get_mut(index as usize))
                    {
                        *own = byte;
                    }
                }
                Ok(len)
            }
            Self::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            // The decoder of pages reads without looking ahead.
            Self::File(file, _) => file.fill_buf(),
            Self::Bytes(bytes) => bytes.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::File(file, _) => file.consume(amount),
            Self::Bytes(bytes) => bytes.consume(amount),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file, _) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}

fn truncated(input: &str) -> SourceError {
    SourceError::Truncated { input: input.into(), frames: 0, expected: Some(1) }
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
