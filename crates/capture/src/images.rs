//! Pictures: one file, or a folder of them.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::ImageFormat;
use passerby_types::{ErrorClass, FramePool, FrameSource, Picture, SourceError, SourceInfo};

use crate::file::regular;
use crate::gif::Gif;
use crate::limits::DecodeLimits;
use crate::sniff::{self, Format};
use crate::still;

/// How [`Images`] are read.
#[derive(Clone, Debug, Default)]
pub struct ImagesSettings {
    /// What keeps memory bounded.
    pub limits: DecodeLimits,
    /// Who lends the buffers of pictures that are turned, and of frames.
    pub pool: FramePool,
}

/// A picture file, or the pictures of a folder by name: JPEG, PNG, GIF, BMP, WebP, TIFF, told apart by their content.
///
/// Pictures are upright (EXIF orientation applied), `Gray8` where they have no colour and `Rgb8` else; 16 bits a
/// channel are scaled to 8, CMYK is converted, palettes are expanded, and transparency is dropped. A GIF gives all its
/// frames, with their delays as time stamps (100 ms for a frame without one) where it is the only file; an animated
/// WebP and a TIFF of several pages give the first. Still pictures have no time stamps.
///
/// In a folder, a picture that cannot be read is a [`SourceError::Damaged`] that names it, and the next follows; hidden
/// files and files that are no pictures are passed over.
pub struct Images {
    info: SourceInfo,
    settings: ImagesSettings,
    files: VecDeque<PathBuf>,
    /// The file came alone: its errors are the source's.
    alone: bool,
    gif: Option<(Gif, String)>,
    number: u64,
}

impl Images {
    /// Opens a picture or a folder with the usual settings.
    ///
    /// # Errors
    /// As [`Images::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, ImagesSettings::default())
    }

    /// Opens a picture or a folder. A picture's content is looked at, but it is decoded when it is asked for.
    ///
    /// # Errors
    /// [`SourceError::Io`], [`SourceError::Empty`], [`SourceError::Unrecognised`] and [`SourceError::Unsupported`] for
    /// what is no picture, [`SourceError::Malformed`] and [`SourceError::TooLarge`] for a GIF's header, and
    /// [`SourceError::Malformed`] for a folder without pictures. There is nothing to read then.
    pub fn open_with(path: impl AsRef<Path>, settings: ImagesSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let input = path.display().to_string();
        let name = path.file_name().map_or_else(|| input.clone(), |n| n.to_string_lossy().into_owned());
        if path.is_dir() {
            let files = list(path)?.into_iter().filter(|file| !is_video(file)).collect::<Vec<_>>();
            if files.is_empty() {
                return Err(SourceError::Malformed { input, what: "a folder without pictures".into() });
            }
            return Ok(Self::files(files, name, settings));
        }
        let mut pictures = Self { alone: true, ..Self::files([path.to_path_buf()], name, settings) };
        let (file, format) = sniffed(path, &input)?;
        match format {
            Format::Picture(ImageFormat::Gif) => {
                let gif = guarded(&input, || Gif::open(file, &pictures.settings.limits, &input))?;
                (pictures.gif, pictures.info.frames) = (Some((gif, input)), None);
                pictures.files.clear();
            }
            Format::Picture(_) => {}
            other => return Err(other.refuse(&input, "a picture")),
        }
        Ok(pictures)
    }

    /// The pictures in these files, in this order, as if they were a folder's: one that cannot be read, or is no picture,
    /// is a [`SourceError::Damaged`]. `name` is what the source calls itself. None of the files is looked at yet.
    #[must_use]
    pub fn files(
        files: impl IntoIterator<Item = PathBuf>,
        name: impl Into<String>,
        settings: ImagesSettings,
    ) -> Self {
        let files = files.into_iter().collect::<VecDeque<_>>();
        let frames = Some(files.len() as u64);
        let info = SourceInfo { name: name.into(), frames, ..SourceInfo::default() };
        Self { info, settings, files, alone: false, gif: None, number: 0 }
    }

    /// The only or first picture of a file.
    fn read(&self, path: &Path) -> Result<Picture, SourceError> {
        let input = path.display().to_string();
        let (file, format) = sniffed(path, &input)?;
        let Format::Picture(format) = format else { return Err(format.refuse(&input, "a picture")) };
        let (limits, pool) = (&self.settings.limits, &self.settings.pool);
        let image = guarded(&input, || still::decode(file, format, limits, pool, &input))?;
        Ok(Picture::new(image, None))
    }
}

impl FrameSource for Images {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if let Some((gif, input)) = &mut self.gif {
            return guarded(input, || gif.next(&self.settings.pool, input));
        }
        let Some(path) = self.files.pop_front() else { return Ok(None) };
        let number = self.number;
        self.number += 1;
        match self.read(&path) {
            Ok(picture) => Ok(Some(picture)),
            Err(e) if self.alone || e.class() == ErrorClass::Skip => Err(e),
            Err(e) => {
                let input = e.input().to_owned();
                let what = e.to_string();
                let what = what.strip_prefix(&format!("{input}: ")).unwrap_or(&what).to_owned();
                Err(SourceError::Damaged { input, frame: number, what })
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Runs a decoder. Those of foreign formats are the least proven code on the way: a panic in one is a broken picture.
fn guarded<T>(input: &str, decode: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(SourceError::Malformed { input: input.into(), what: "its decoder panicked".into() })
    })
}

/// The pictures and videos of a folder, by name. Hidden files, folders and other files are passed over; a file that is
/// named like a picture or video is listed whatever it holds, so that opening it says what is wrong with it.
///
/// # Errors
/// [`SourceError::Io`] where the folder cannot be read.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, SourceError> {
    let folder = folder.as_ref();
    let io = |cause| SourceError::io(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && !path.is_dir() && (is_named(&path) || is_known(&path)) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn is_named(path: &Path) -> bool {
    const NAMES: [&str; 21] = [
        "jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "mp4", "m4v", "mov", "264", "h264", "avi",
        "mkv", "webm", "ts", "mts", "flv", "wmv", "mpg",
    ];
    NAMES.contains(&extension(path).as_str())
}

fn is_known(path: &Path) -> bool {
    let found = sniffed(path, "");
    found.is_ok_and(|(_, format)| matches!(format, Format::Mp4 | Format::AnnexB | Format::Picture(_)))
}

/// True for a video, also one that cannot be read.
pub(crate) fn is_video(path: &Path) -> bool {
    let found = sniffed(path, "");
    found.is_ok_and(|(_, format)| matches!(format, Format::Mp4 | Format::AnnexB | Format::Foreign(_)))
}

/// The file, at its start, and what it is.
pub(crate) fn sniffed(path: &Path, input: &str) -> Result<(BufReader<File>, Format), SourceError> {
    let mut file = BufReader::new(regular(path).map_err(|cause| SourceError::io(path, cause))?);
    let format = sniff::format(&mut file, input)?;
    Ok((file, format))
}
