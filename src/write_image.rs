//! Pictures to files.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::ExtendedColorType::Rgb8;
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use passerby_types::Image;

use crate::error::Error;

/// The quality of JPEG files, 1 to 100. At 90 text and thin lines are clean.
const JPEG_QUALITY: u8 = 90;

/// Writes a picture into a file: JPEG if the name ends in `.jpg` or `.jpeg`, PNG if it ends in `.png`.
///
/// The file appears only when it is complete: it is written beside its place, under the name with `.part` at the end, and
/// replaces a file of its name.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("passerby-write-image-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// use passerby::types::{ColorSpace, Image, PixelLayout};
///
/// let grey = Image::from_vec(PixelLayout::Gray8, 64, 48, ColorSpace::JPEG, vec![128; 64 * 48])?;
/// passerby::write_image(folder.join("grey.png"), &grey)?;
/// assert_eq!(passerby::read_image(folder.join("grey.png"))?.rgb_at(5, 5), [128; 3]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Write`] with the file's name if the name has another ending, the file cannot be written, or the picture is too
/// large for the format.
pub fn write_image(path: impl AsRef<Path>, image: &Image) -> Result<(), Error> {
    let path = path.as_ref();
    let failed = |reason: String| Error::Write { path: path.to_path_buf(), reason };
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    if !["jpg", "jpeg", "png"].contains(&ending.as_str()) {
        return Err(failed("the name must end in .jpg, .jpeg or .png".into()));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let written = fs::File::create(part).map_err(|e| e.to_string()).and_then(|file| {
        let mut out = BufWriter::new(file);
        let rgb = image.to_rgb();
        let (width, height) = (image.width(), image.height());
        let encoded = if ending == "png" {
            PngEncoder::new(&mut out).write_image(&rgb, width, height, Rgb8)
        } else {
            JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY).write_image(&rgb, width, height, Rgb8)
        };
        encoded.map_err(|e| e.to_string())?;
        out.flush().map_err(|e| e.to_string())?;
        fs::rename(part, path).map_err(|e| e.to_string())
    });
    written.map_err(|reason| {
        // The error that is returned matters more than a rest that cannot be removed.
        let _ = fs::remove_file(part);
        failed(reason)
    })
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;

    fn picture() -> Image {
        let bytes = (0..PixelLayout::Nv12.tight_len(33, 17)).map(|i| (i % 200) as u8).collect();
        Image::from_vec(PixelLayout::Nv12, 33, 17, ColorSpace::default(), bytes).unwrap()
    }

    #[test]
    fn a_png_keeps_every_pixel_and_a_jpeg_almost() {
        let folder = tempfile::tempdir().unwrap();
        for (name, tolerance) in [("a.png", 0), ("a.JPG", 40), ("a.jpeg", 40)] {
            let path = folder.path().join(name);
            write_image(&path, &picture()).unwrap();
            let back = crate::read_image(&path).unwrap().to_rgb();
            let worst = back.iter().zip(picture().to_rgb()).map(|(a, b)| a.abs_diff(b)).max();
            assert!(worst <= Some(tolerance), "{name}: {worst:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no part is left");
    }

    #[test]
    fn a_wrong_name_or_folder_is_named() {
        for path in ["a.gif", "a", "no/such/folder/a.jpg"] {
            let error = write_image(path, &picture()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{path}: ")), "{error}");
        }
    }
}
