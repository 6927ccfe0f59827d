//! The error of an output file.

use std::fmt::Display;
use std::path::Path;

use passerby::types::BoxError;

/// Returns an error that names the file.
pub(crate) fn at(path: &Path, e: &dyn Display) -> BoxError {
    format!("{}: {e}", path.display()).into()
}
