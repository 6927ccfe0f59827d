//! What the user named, opened one at a time.

use std::path::{Path, PathBuf};

use passerby::capture;
use passerby::types::{FrameSource, SourceError};

/// One video or picture.
pub(crate) struct Input {
    path: PathBuf,
}

impl Input {
    /// What to call it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Opens it, whatever its name says it is.
    pub(crate) fn open(&self) -> Result<Box<dyn FrameSource>, SourceError> {
        capture::open(&self.path)
    }
}

/// The inputs in the order given, a folder as its pictures by name. `false` where a folder could not be read, which
/// is said here.
pub(crate) fn expand(paths: &[PathBuf]) -> (Vec<Input>, bool) {
    let (mut inputs, mut sound) = (Vec::new(), true);
    for path in paths {
        if !path.is_dir() {
            inputs.push(Input { path: path.clone() });
            continue;
        }
        match list(path) {
            Ok(found) if found.is_empty() => {
                eprintln!("analyze: {}: no pictures or videos in this folder", path.display());
                sound = false;
            }
            Ok(found) => inputs.extend(found.into_iter().map(|path| Input { path })),
            Err(e) => {
                eprintln!("analyze: {e}");
                sound = false;
            }
        }
    }
    (inputs, sound)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    capture::list(folder)
}
