//! What the user named.

use std::ffi::OsString;

use passerby::capture::{self, OpenSettings};
use passerby::types::{CameraId, FrameSource, SourceError};

/// One video, picture or camera.
#[derive(Clone)]
pub(crate) struct Input {
    /// Its place among the inputs.
    pub(crate) camera: CameraId,
    /// What to call it.
    pub(crate) name: String,
    source: capture::Input,
}

impl Input {
    /// Opens it, whatever its name says it is. A camera is connected later.
    pub(crate) fn open(&self) -> Result<Box<dyn FrameSource>, SourceError> {
        self.source.open(&OpenSettings::default())
    }

    /// True for what has its own pace.
    pub(crate) fn is_live(&self) -> bool {
        self.source.is_live()
    }
}

/// The inputs in the order given, a folder or pattern as its files by name. `false` where one cannot be read, which is said
/// here.
pub(crate) fn expand(words: &[OsString]) -> (Vec<Input>, bool) {
    let (mut sources, mut sound) = (Vec::new(), true);
    for word in words {
        match capture::Input::expand(word) {
            Ok(found) => sources.extend(found),
            Err(e) => {
                eprintln!("analyze: {e}");
                sound = false;
            }
        }
    }
    let input = |(number, source): (u32, capture::Input)| {
        let name = source.to_string();
        Input { camera: CameraId(number), name, source }
    };
    ((0..).zip(sources).map(input).collect(), sound)
}
