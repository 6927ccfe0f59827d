//! What the user named.

use std::path::{Path, PathBuf};

use passerby::capture;
use passerby::types::{CameraId, FrameSource, SourceError};

/// One video or picture.
#[derive(Clone)]
pub(crate) struct Input {
    /// Its place among the inputs.
    pub(crate) camera: CameraId,
    /// What to call it.
    pub(crate) name: String,
    path: PathBuf,
}

impl Input {
    /// Opens it, whatever its name says it is.
    pub(crate) fn open(&self) -> Result<Box<dyn FrameSource>, SourceError> {
        capture::open(&self.path)
    }
}

/// The inputs in the order given, a folder as its pictures by name. `false` where a folder could not be read, which
/// is said here.
pub(crate) fn expand(paths: &[PathBuf]) -> (Vec<Input>, bool) {
    let (mut files, mut sound) = (Vec::new(), true);
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        match list(path) {
            Ok(found) if found.is_empty() => {
                eprintln!("analyze: {}: no pictures or videos in this folder", path.display());
                sound = false;
            }
            Ok(found) => files.extend(found),
            Err(e) => {
                eprintln!("analyze: {e}");
                sound = false;
            }
        }
    }
    let inputs = (0..).zip(files).map(|(number, path)| {
        let name = path.display().to_string();
        Input { camera: CameraId(number), name, path }
    });
    (inputs.collect(), sound)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    capture::list(folder)
}
