//! The people of a folder, with the faces of their pictures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use passerby::types::BoxError;

use super::face_reader::{FaceReader, FaceView};
use super::pictures::{PictureCounts, read_pictures};
use crate::output::input_files;

/// The people of a folder. Each has at least one usable picture.
#[derive(Default)]
pub(super) struct People {
    /// The faces of each person.
    pub(super) views: Vec<Vec<FaceView>>,
    pub(super) pictures: PictureCounts,
    /// The number of people without a usable picture.
    pub(super) without_picture: usize,
}

impl People {
    /// Reads the people of `folder`, of which each subfolder is a person, and of `strangers`, of which each picture is another one.
    ///
    /// # Errors
    /// A folder cannot be read or has no pictures of people, or a network fails.
    pub(super) fn read(folder: &Path, strangers: Option<&Path>) -> Result<Self, BoxError> {
        let mut owners = Vec::new();
        let mut paths = Vec::new();
        let mut people = 0;
        for person in subfolders(folder)? {
            let pictures = pictures_of(&person);
            owners.extend(pictures.iter().map(|_| people));
            paths.extend(pictures);
            people += 1;
        }
        for picture in strangers.into_iter().flat_map(pictures_of) {
            owners.push(people);
            paths.push(picture);
            people += 1;
        }
        if paths.is_empty() {
            return Err(format!(
                "{}: no subfolder with pictures; each subfolder is a person",
                folder.display()
            )
            .into());
        }
        let mut result = Self::default();
        let faces = read_pictures(&paths, &mut result.pictures, FaceReader::new)?;
        result.views.resize_with(people, Vec::new);
        for (owner, face) in owners.into_iter().zip(faces) {
            result.views[owner].extend(face);
        }
        result.views.retain(|views| !views.is_empty());
        result.without_picture = people - result.views.len();
        Ok(result)
    }
}

/// Returns the subfolders of a folder, sorted by name.
fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, BoxError> {
    let entries = folder.read_dir().map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the pictures of a folder, sorted by name.
pub(super) fn pictures_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = input_files(&[OsString::from(folder)]);
    found.sort();
    found
}
