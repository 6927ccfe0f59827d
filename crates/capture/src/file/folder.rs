//! Lists the pictures and videos of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use passerby_types::SourceError;

use crate::file::sniff::{FileFormat, open_sniffed};

/// Returns the pictures and videos of a folder, sorted by name in natural order: `frame2.jpg` comes before `frame10.jpg`.
///
/// Hidden files, folders and other files are left out. A file with the name of a picture or video is listed whatever it
/// holds, so that opening it reports the fault. The list is empty if the folder has no such files.
///
/// ```
/// # let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
/// let files = passerby_capture::list(data)?;
/// assert!(files.iter().any(|file| file.ends_with("tiny.jpg")));
/// assert!(files.iter().all(|file| !file.ends_with("make.sh")));
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
///
/// # Errors
/// [`SourceError::Io`] if the folder cannot be read.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, SourceError> {
    let folder = folder.as_ref();
    let io = |cause| SourceError::io(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && !path.is_dir() && (has_media_name(&path) || is_media(&path)) {
            files.push(path);
        }
    }
    sort_naturally(&mut files);
    Ok(files)
}

/// Sorts files by name, with the numbers in their names by value.
pub(crate) fn sort_naturally(files: &mut [PathBuf]) {
    // Names that differ only in leading zeros still need an order.
    files.sort_unstable_by(|a, b| alphanumeric_sort::compare_path(a, b).then_with(|| a.cmp(b)));
}

fn has_media_name(path: &Path) -> bool {
    const EXTENSIONS: [&str; 21] = [
        "jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "mp4", "m4v", "mov", "264", "h264", "avi",
        "mkv", "webm", "ts", "mts", "flv", "wmv", "mpg",
    ];
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

fn is_media(path: &Path) -> bool {
    let found = open_sniffed(path, "");
    found.is_ok_and(|(_, format)| {
        matches!(format, FileFormat::Mp4 | FileFormat::AnnexB | FileFormat::Picture(_) | FileFormat::Mjpeg)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut files: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        sort_naturally(&mut files);
        files.iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn numbers_in_names_sort_by_value() {
        assert_eq!(
            sorted(&["f10.jpg", "f9.jpg", "f100.jpg", "f1.jpg"]),
            ["f1.jpg", "f9.jpg", "f10.jpg", "f100.jpg"]
        );
        assert_eq!(sorted(&["a/2", "a/10", "a10/1", "a2/1"]), ["a/2", "a/10", "a2/1", "a10/1"]);
    }

    #[test]
    fn numbers_beyond_any_integer_sort_by_value() {
        let long = format!("f{}0.jpg", "9".repeat(60));
        let short = format!("f{}.jpg", "9".repeat(60));
        assert_eq!(sorted(&[&long, &short]), [short, long]);
    }

    #[test]
    fn names_that_differ_in_leading_zeros_have_one_order() {
        assert_eq!(sorted(&["f1", "f01", "f001"]), sorted(&["f001", "f1", "f01"]));
    }
}
