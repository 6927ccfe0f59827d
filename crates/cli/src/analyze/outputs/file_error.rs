//! The error of an output file.

use std::path::Path;

use passerby::types::BoxError;

/// Returns an error that names the file.
pub(super) fn at(path: &Path, e: &std::io::Error) -> BoxError {
    format!("{}: {e}", path.display()).into()
}
