//! Lists the pictures and videos of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use passerby_types::SourceError;

use crate::sniff::{FileFormat, open_sniffed};

/// Returns the pictures and videos of a folder, sorted by name.
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
    files.sort_unstable();
    Ok(files)
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
        matches!(format, FileFormat::Mp4 | FileFormat::AnnexB | FileFormat::Picture(_))
    })
}
