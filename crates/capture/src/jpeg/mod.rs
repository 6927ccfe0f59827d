//! Decodes JPEG pictures, of cameras and of files, by one set of rules.
//!
//! - A picture without Huffman tables gets the standard ones.
//! - A picture that was cut off is refused if another one follows in a moment, as from a camera, and shown with a notice if it
//!   is all there is, as in a file. The decoder fills its missing part.
//! - A large picture is decoded while no other large one is, and only if it fits into the memory of all sources together.

pub(crate) mod large;
#[cfg(any(feature = "images", feature = "mjpeg"))]
pub(crate) mod multipart;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use passerby_types::{ColorSpace, FramePool, Image, PixelLayout};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace as Coded;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::limits::DecodeLimits;

/// Decodes one JPEG picture, as `Gray8` if it has no colour and as `Rgb8` otherwise.
///
/// If a picture has no Huffman tables, as in AVI files and from many cameras, the standard tables apply. A rotation in the
/// EXIF data doesn't apply. The error describes the fault. A picture that was cut off is an error, unless it has an end
/// marker.
///
/// The decoder returns chroma for every pixel, so `I420` would take one more pass over the picture: 10.9 ms instead of
/// 7.6 ms for 1920x1080. With `Rgb8`, sampling the detector's input takes 1.6 ms instead of 1.0 ms.
pub(crate) fn decode(bytes: &[u8], limits: &DecodeLimits, pool: &FramePool) -> Result<Image, String> {
    // Decoders of foreign formats are the least proven code here. If one panics, the picture counts as broken.
    catch_unwind(AssertUnwindSafe(|| read(bytes, limits, pool)))
        .unwrap_or_else(|_| Err("the JPEG decoder panicked".into()))
}

fn read(bytes: &[u8], limits: &DecodeLimits, pool: &FramePool) -> Result<Image, String> {
    let wrong = |e: zune_jpeg::errors::DecodeErrors| format!("{e:?}");
    if is_cut_off(bytes) {
        return Err("the JPEG picture is cut off".into());
    }
    let bytes = with_huffman_tables(bytes);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(Image::MAX_SIDE as usize)
        .set_max_height(Image::MAX_SIDE as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&*bytes), options);
    decoder.decode_headers().map_err(wrong)?;
    let (width, height) = decoder.dimensions().ok_or("a JPEG picture without a size")?;
    if width as u64 * height as u64 > limits.picture_pixels {
        return Err(format!(
            "a picture of {width}x{height} is over the limit of {} pixels",
            limits.picture_pixels
        ));
    }
    let (layout, coded) = match decoder.input_colorspace() {
        Some(Coded::Luma) => (PixelLayout::Gray8, Coded::Luma),
        _ => (PixelLayout::Rgb8, Coded::RGB),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(coded));
    let width = width as u32;
    let height = height as u32;
    let stride = layout.plane_size(0, width, height).0;
    let len = layout.tight_len(width, height);
    let _turn = large::wait_for_turn(len as u64, limits, pool)?;
    let mut pixels = pool.take(len);
    decoder.decode_into(&mut pixels).map_err(wrong)?;
    let strides = [stride; 3];
    Image::from_planes(layout, width, height, ColorSpace::JPEG, [0; 3], strides, pixels)
        .map_err(|e| e.to_string())
}

/// Returns true if a picture has no end marker.
fn is_cut_off(bytes: &[u8]) -> bool {
    !bytes.windows(2).rev().any(|pair| pair == [0xFF, 0xD9])
}

/// Returns the bytes of a file's picture as the decoder needs them, and true if the picture was cut off. `None` if it was cut
/// off before its first scan, so that nothing of it can be shown.
#[cfg(feature = "images")]
pub(crate) fn complete(bytes: &[u8]) -> Option<(Cow<'_, [u8]>, bool)> {
    let scan = first_scan(bytes)?;
    // The end marker of a preview in the headers doesn't count.
    let cut = is_cut_off(&bytes[scan..]);
    let bytes = with_huffman_tables(bytes);
    Some((if cut { [&*bytes, &[0xFF, 0xD9]].concat().into() } else { bytes }, cut))
}

/// Returns the offset at which the headers end and the first scan begins.
#[cfg(feature = "images")]
fn first_scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let &[mark, marker, high, low] = bytes.get(at..at + 4)? else { return None };
        match (mark, marker) {
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0x01 | 0xD0..=0xD8) => at += 2,
            (0xFF, 0xC0..=0xD9 | 0xDB..=0xFE) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => return Some(at),
        }
    }
}

/// Returns the picture, with the standard Huffman tables added if it has none.
fn with_huffman_tables(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut at = 2;
    while let Some(&[mark, marker, high, low]) = bytes.get(at..at + 4) {
        match (mark, marker) {
            (0xFF, 0xC4) => break,
            (0xFF, 0xDA) => {
                return [&bytes[..at], &HUFFMAN_TABLES, &bytes[at..]].concat().into();
            }
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0x01 | 0xD0..=0xD8) => at += 2,
            (0xFF, _) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => break,
        }
    }
    bytes.into()
}

/// The tables of ITU-T T.81, K.3 to K.6, as a DHT segment.
#[rustfmt::skip]
const HUFFMAN_TABLES: [u8; 420] = [
    0xFF, 0xC4, 0x01, 0xA2,
    // K.3: luminance, DC.
    0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // K.5: luminance, AC.
    0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D,
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32,
    0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16,
    0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45,
    0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6,
    0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8,
    0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
    // K.4: chrominance, DC.
    0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    // K.6: chrominance, AC.
    0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77,
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22, 0x32, 0x81,
    0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34,
    0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44,
    0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92,
    0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4,
    0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6,
    0xD7, 0xD8, 0xD9, 0xDA, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, RgbImage};

    use super::*;

    /// Returns a picture with soft colours.
    fn soft(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 3) as u8, (y * 4) as u8, (x + 2 * y) as u8]))
    }

    fn encode(picture: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95).encode(picture, width, height, color).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Image, String> {
        decode(bytes, &DecodeLimits::default(), &FramePool::default())
    }

    #[test]
    fn decoding_restores_colours_and_greys() {
        for (width, height) in [(80, 60), (79, 61), (16, 1), (1, 1), (1, 17)] {
            let want = soft(width, height);
            let got = read(&encode(&want, width, height, ExtendedColorType::Rgb8)).unwrap();
            assert_eq!((got.layout(), got.width(), got.height()), (PixelLayout::Rgb8, width, height));
            for (x, y, pixel) in want.enumerate_pixels() {
                let off = got.rgb_at(x, y).iter().zip(pixel.0).map(|(a, b)| a.abs_diff(b)).max();
                assert!(off.unwrap() <= 16, "{x}, {y}: {:?}, not {pixel:?}", got.rgb_at(x, y));
            }
            let grey: Vec<u8> = want.pixels().map(|p| p[0]).collect();
            let got = read(&encode(&grey, width, height, ExtendedColorType::L8)).unwrap();
            assert_eq!((got.layout(), got.color()), (PixelLayout::Gray8, ColorSpace::JPEG));
            let rows = (0..height as usize).flat_map(|y| got.plane(0).row(y));
            assert!(rows.zip(&grey).all(|(a, b)| a.abs_diff(*b) <= 6));
        }
    }

    #[test]
    fn missing_huffman_tables_are_the_standard_ones() {
        let bytes = encode(&soft(64, 48), 64, 48, ExtendedColorType::Rgb8);
        // The encoder uses the standard tables, so the test can remove them.
        let mut bare = bytes[..2].to_vec();
        let mut at = 2;
        while bytes[at + 1] != 0xDA {
            let len = 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != 0xC4 {
                bare.extend_from_slice(&bytes[at..at + len]);
            }
            at += len;
        }
        bare.extend_from_slice(&bytes[at..]);
        assert!(bare.len() < bytes.len() - 400);
        let bare = read(&bare).unwrap();
        let whole = read(&bytes).unwrap();
        let bare = bare.plane(0);
        let whole = whole.plane(0);
        assert!((0..whole.rows).all(|y| bare.row(y) == whole.row(y)));
    }

    #[test]
    fn a_cut_off_picture_is_an_error() {
        let bytes = encode(&soft(64, 48), 64, 48, ExtendedColorType::Rgb8);
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "cut off after {len} of {}", bytes.len());
        }
    }

    #[test]
    fn changed_bytes_never_panic() {
        let bytes = encode(&soft(64, 48), 64, 48, ExtendedColorType::Rgb8);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x5A;
            let _ = read(&bytes);
        }
    }

    #[test]
    fn a_picture_over_the_limit_is_an_error() {
        let bytes = encode(&soft(64, 48), 64, 48, ExtendedColorType::Rgb8);
        let few = DecodeLimits { picture_pixels: 64 * 48 - 1, ..DecodeLimits::default() };
        assert!(decode(&bytes, &few, &FramePool::default()).unwrap_err().contains("64x48"));
    }

    #[test]
    fn bytes_behind_the_picture_are_ignored() {
        let bytes = encode(&soft(64, 48), 64, 48, ExtendedColorType::Rgb8);
        assert!(read(&[&bytes[..], &[0; 40]].concat()).is_ok());
    }
}
