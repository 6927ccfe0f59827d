//! Opens files, folders and patterns.

use std::path::{Path, PathBuf};

use passerby_types::{FrameSource, SourceError};

#[cfg(not(all(feature = "images", feature = "video")))]
use super::missing_feature::missing_feature;
use super::settings::OpenSettings;
use crate::decoder_choice::Decoder;
use crate::file::folder::sort_naturally;
use crate::file::sniff::{FileFormat, is_video, open_sniffed};
#[cfg(feature = "images")]
use crate::images::{Images, ImagesSettings};
#[cfg(feature = "video")]
use crate::video::{Video, VideoSettings};

/// Opens a video, a picture or a folder of pictures. The content decides, not the name.
pub(super) fn open_file(
    path: &Path,
    decoder: Option<Decoder>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    if path.is_dir() {
        return open_pictures(path, settings);
    }
    let input = path.display().to_string();
    let (_, format) = open_sniffed(path, &input)?;
    match format {
        FileFormat::Mp4 | FileFormat::AnnexB | FileFormat::Foreign(_) => open_video(path, decoder, settings),
        FileFormat::Picture(_) | FileFormat::Mjpeg => open_pictures(path, settings),
        FileFormat::Unknown(_) => Err(format.refuse(&input, "a video or picture")),
    }
}

/// Opens the pictures that a pattern matches as one source. A single match may be any file.
pub(super) fn open_pattern(
    pattern: &str,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let files = matching_files(pattern)?;
    if let [file] = files.as_slice() {
        return open_file(file, None, settings);
    }
    let matches = files.len();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| !is_video(file)).collect();
    if files.is_empty() {
        let what = format!(
            "matches {matches} videos, but a source is one video; name each of them (Input::expand lists them)"
        );
        return Err(SourceError::malformed(pattern.to_owned(), what));
    }
    open_picture_list(files, pattern, settings)
}

/// Returns the files that a pattern matches, sorted by name in natural order.
pub(super) fn matching_files(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |what: String| SourceError::malformed(pattern.to_owned(), what);
    let found = glob::glob(pattern).map_err(|e| wrong(format!("neither a file nor a pattern: {e}")))?;
    let files: Vec<PathBuf> = found
        .map(|entry| entry.map_err(|e| SourceError::io(e.path().to_owned(), e.into())))
        .collect::<Result<_, _>>()?;
    let mut files: Vec<PathBuf> = files.into_iter().filter(|path| path.is_file()).collect();
    sort_naturally(&mut files);
    if files.is_empty() {
        return Err(wrong("no file matches".into()));
    }
    Ok(files)
}

#[cfg(feature = "video")]
fn open_video(
    path: &Path,
    decoder: Option<Decoder>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let decoder = decoder.unwrap_or(settings.decoder);
    Video::auto(path, VideoSettings { decoder, context: settings.context.clone() })
}

#[cfg(all(feature = "libav", not(feature = "video")))]
fn open_video(
    path: &Path,
    _: Option<Decoder>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    use crate::libav::{Libav, LibavSettings};
    let settings = LibavSettings { context: settings.context.clone(), ..LibavSettings::default() };
    Ok(Box::new(Libav::open_with(path, settings)?))
}

#[cfg(not(any(feature = "libav", feature = "video")))]
fn open_video(
    path: &Path,
    _: Option<Decoder>,
    _: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    Err(missing_feature(&path.display().to_string(), "video files", "video"))
}

#[cfg(feature = "images")]
fn open_pictures(path: &Path, settings: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
    let settings = ImagesSettings { context: settings.context.clone() };
    Ok(Box::new(Images::open_with(path, settings)?))
}

#[cfg(not(feature = "images"))]
fn open_pictures(path: &Path, _: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
    Err(missing_feature(&path.display().to_string(), "pictures", "images"))
}

#[cfg(feature = "images")]
fn open_picture_list(
    files: Vec<PathBuf>,
    name: &str,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let settings = ImagesSettings { context: settings.context.clone() };
    Ok(Box::new(Images::files(files, name, settings)))
}

#[cfg(not(feature = "images"))]
fn open_picture_list(
    _: Vec<PathBuf>,
    name: &str,
    _: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    Err(missing_feature(name, "pictures", "images"))
}
