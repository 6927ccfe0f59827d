//! Opens regular files only.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Returns the name by which a source of this file is called: that without its folders, or the whole path if it has none.
#[cfg(any(feature = "ffmpeg", feature = "images", feature = "libav", feature = "video"))]
pub(crate) fn source_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Opens a file if it is a regular one.
///
/// To open a pipe would wait for a writer, and a device may never end.
///
/// # Errors
/// The system's error, `IsADirectory` for a folder, and `InvalidInput` for everything else that isn't a regular file.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}
