//! Pictures from files.

use std::path::Path;

use passerby_capture::Images;
use passerby_types::{FrameSource, Image, SourceError};

use crate::error::Error;

/// Reads a picture from a file: JPEG, PNG, GIF, BMP, WebP or TIFF, as its content says. The picture is upright, even if the
/// file stores it rotated (EXIF). An animation gives its first picture, a folder its first picture by name. A JPEG file that was
/// cut off is returned with its missing part grey; [`Images`](passerby_capture::Images) says so before it.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits/biden.jpg");
/// let image = passerby::read_image(path)?;
/// assert!(image.width() > 0);
/// # Ok::<(), passerby::Error>(())
/// ```
///
/// # Errors
/// [`Error::Source`] with the file's name if the file cannot be read, is not a picture, or is damaged.
pub fn read_image(path: impl AsRef<Path>) -> Result<Image, Error> {
    let path = path.as_ref();
    let mut source = Images::open(path)?;
    let is_notice = |next: &Result<_, SourceError>| matches!(next, Err(SourceError::Notice { .. }));
    let picture = source.pictures().find(|next| !is_notice(next)).transpose()?;
    let picture = picture.ok_or_else(|| SourceError::Empty { input: path.display().to_string() })?;
    Ok(picture.image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = read_image("no/such/file.jpg").unwrap_err();
        assert!(error.to_string().starts_with("no/such/file.jpg: "), "{error}");
    }

    #[test]
    fn a_picture_that_is_cut_off_is_returned() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits/biden.jpg");
        let whole = std::fs::read(path).unwrap();
        let cut = std::env::temp_dir().join(format!("passerby-cut-{}.jpg", std::process::id()));
        std::fs::write(&cut, &whole[..whole.len() * 9 / 10]).unwrap();
        let image = read_image(&cut);
        std::fs::remove_file(&cut).unwrap();
        assert_eq!(image.unwrap().width(), read_image(path).unwrap().width());
    }

    #[test]
    fn a_text_is_not_a_picture() {
        let error = read_image(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err();
        assert!(matches!(error, Error::Source(SourceError::Unrecognised { .. })), "{error}");
    }
}
