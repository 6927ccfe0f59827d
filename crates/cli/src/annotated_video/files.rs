//! The files of annotated videos.

use std::path::{Path, PathBuf};

use passerby::types::BoxError;

use crate::output::{FileClaims, files_of_inputs};

/// Said if the program is built without an encoder.
pub(super) const NO_ENCODER: &str =
    "--annotate: this program was built without an encoder for videos; build it with --features mp4";

/// The file of each input: the one that the user named, or for several inputs a file each in the folder that the user named.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "mp4"), expect(dead_code, reason = "nothing is written"))]
pub(crate) struct VideoFiles {
    /// The path that the user named.
    pub(super) name: PathBuf,
    pub(super) files: Vec<PathBuf>,
    pub(super) is_folder: bool,
}

impl VideoFiles {
    /// Claims the files. No file is touched.
    ///
    /// # Errors
    /// A file is an input or another output, or the program is built without an encoder.
    pub(crate) fn claim<'a>(
        name: &Path,
        several: bool,
        inputs: impl Iterator<Item = &'a str>,
        claims: &mut FileClaims,
    ) -> Result<Self, BoxError> {
        if cfg!(not(feature = "mp4")) {
            return Err(NO_ENCODER.into());
        }
        let files = files_of_inputs(name, several, inputs, "mp4");
        for file in &files {
            claims.claim("--annotate", file)?;
        }
        Ok(Self { name: name.to_path_buf(), files, is_folder: several })
    }
}
