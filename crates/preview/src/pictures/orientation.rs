//! Tells a browser how to turn a JPEG file, without decoding it.

use axum::body::Bytes;

/// The first two bytes of a JPEG file.
const START_LEN: usize = 2;

/// Returns a JPEG file that a browser turns by `rotation` degrees, clockwise. The pixels stay as they are: the file gets an EXIF
/// orientation (CIPA DC-008). Without a rotation, or if this is no JPEG file, the file stays as it is.
pub(crate) fn turned(jpeg: &[u8], rotation: u16) -> Bytes {
    let orientation = match rotation {
        90 => 6,
        180 => 3,
        270 => 8,
        _ => return Bytes::copy_from_slice(jpeg),
    };
    if !jpeg.starts_with(&[0xFF, 0xD8]) {
        return Bytes::copy_from_slice(jpeg);
    }
    let mut out = Vec::with_capacity(jpeg.len() + 36);
    out.extend_from_slice(&jpeg[..START_LEN]);
    // The segment APP1 with its length, and the mark of EXIF.
    out.extend([0xFF, 0xE1, 0, 34]);
    out.extend(b"Exif\0\0");
    // A big-endian TIFF, whose first directory begins at byte 8 and has one entry: the orientation, one 16-bit number.
    out.extend(b"MM\0*\0\0\0\x08\0\x01");
    out.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    // No further directory.
    out.extend([0; 4]);
    out.extend_from_slice(&jpeg[START_LEN..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::metadata::Orientation;
    use image::{ImageDecoder, ImageReader, RgbImage};

    use super::*;

    #[test]
    fn a_decoder_reads_the_orientation() {
        let mut jpeg = Vec::new();
        RgbImage::new(16, 8).write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        for (rotation, want) in [
            (0, Orientation::NoTransforms),
            (90, Orientation::Rotate90),
            (180, Orientation::Rotate180),
            (270, Orientation::Rotate270),
        ] {
            let file = turned(&jpeg, rotation);
            let reader = ImageReader::new(Cursor::new(&file)).with_guessed_format().unwrap();
            let mut decoder = reader.into_decoder().unwrap();
            assert_eq!(decoder.orientation().unwrap(), want, "{rotation}");
            assert_eq!(decoder.dimensions(), (16, 8));
        }
    }

    #[test]
    fn other_bytes_stay_as_they_are() {
        assert_eq!(turned(&[1, 2, 3], 90), [1, 2, 3][..]);
        assert!(turned(&[], 180).is_empty());
    }
}
