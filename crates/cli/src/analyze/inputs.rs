//! The inputs that the user named.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use passerby::capture::{self, OpenSettings};
use passerby::types::{CameraId, FrameSource, SourceError};

use crate::advice::with_advice;
use crate::live_source::open_live;
use crate::pictures::unique_name;
use crate::terminal;

/// One video, picture or camera.
#[derive(Clone)]
pub(crate) struct Input {
    /// Its position among the inputs.
    pub(crate) camera: CameraId,
    /// Its name in outputs and messages.
    pub(crate) name: String,
    source: capture::Input,
}

impl Input {
    /// Opens the input, whatever kind its name denotes. A camera connects later, when the first picture is asked for.
    pub(crate) fn open(&self) -> Result<Box<dyn FrameSource>, SourceError> {
        self.source.open(&OpenSettings::default())
    }

    /// Opens the input as a live camera, as [`open_live`] describes it.
    pub(crate) fn play(&self, rate: Option<f64>, again: bool) -> Result<Box<dyn FrameSource>, SourceError> {
        open_live(&self.source, &OpenSettings::default(), rate, again)
    }

    /// Returns the file or folder of the input, or `None` if it is a camera.
    pub(crate) fn as_path(&self) -> Option<&Path> {
        self.source.as_path()
    }
}

/// Returns the inputs in the given order. A folder or pattern is replaced by its files, sorted by name. Prints an error
/// for each input that cannot be read, and then returns `false` as well.
///
/// A camera's name does not show its whole address. If an earlier camera has the same name, a number is added.
pub(crate) fn expand(words: &[OsString]) -> (Vec<Input>, bool) {
    let mut sources = Vec::new();
    let mut ok = true;
    for word in words {
        match capture::Input::expand(word) {
            Ok(found) => sources.extend(found),
            Err(e) => {
                terminal::message(with_advice(&e));
                ok = false;
            }
        }
    }
    let mut taken = BTreeSet::new();
    let input = |(number, source): (u32, capture::Input)| {
        let mut name = source.to_string();
        if source.as_path().is_none() && name.contains("://") {
            name = unique_name(&name, |name| taken.insert(name.to_owned()));
        }
        Input { camera: CameraId(number), name, source }
    };
    ((0..).zip(sources).map(input).collect(), ok)
}
